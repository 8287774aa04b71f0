"""Frames in and out: any library, frequencies found or given, gaps and mistakes said in one line."""

import datetime

import narwhals.stable.v2 as narwhals
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from recurra.errors import ConfigError, DataError
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series import calendar, frames, frequency, windows
from recurra.tasks.forecasting.series.panel import Form


def read(frame, **config):
    return frames.read(frame, SeriesConfig(**config))


def stamps(*texts):
    return np.array(texts, "datetime64[ns]")


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, lambda d: pl.DataFrame(d).lazy()])
def test_any_library_in_any_order(make):
    frame = make({"unique_id": ["b", "a", "b", "a", "a"], "ds": [2, 3, 1, 1, 2], "y": [20, 3, 10, 1, 2]})
    panel, form = read(frame)
    assert panel.ids == ["a", "b"]
    assert panel.y.tolist() == [1, 2, 3, 10, 20]
    assert panel.offsets.tolist() == [0, 3, 5]
    assert panel.stamps().tolist() == [1, 2, 3, 1, 2]
    assert str(panel.freq) == "1"
    assert form.has_ids
    back = frames.make({"y": [1.0]}, form)
    assert type(back) in (pd.DataFrame, pl.DataFrame, pa.Table)
    assert type(back).__module__.split(".")[0] in type(frame).__module__


@pytest.mark.parametrize("name", ["15min", "h", "2h", "D", "3D", "B", "W", "MS", "ME", "2MS", "QS", "QE", "YS", "YE"])
def test_a_frequency_is_found_and_its_stamps_go_on(name):
    """As pandas has them: found in what pandas makes, and the same stamps again."""
    made = pd.date_range("2023-12-29 00:00", periods=40, freq=name).to_numpy().astype("datetime64[ns]")
    found = frequency.find([made])
    assert str(found) == name
    places, off = found.positions(made, made[0])
    assert places.tolist() == list(range(40))
    assert not off.any()
    assert np.array_equal(found.stamps(made[0], np.arange(40)), made)


def test_frequencies_by_name_and_their_seasons():
    seasons = {"h": 24, "15min": 96, "30min": 48, "2h": 12, "D": 7, "B": 5, "W": 52, "MS": 12, "QS": 4, "YS": 1, "1": 1}
    assert {name: frequency.parse(name).season for name in seasons} == seasons
    assert str(frequency.parse("H")) == "h"
    assert str(frequency.parse("60min")) == "60min"
    with pytest.raises(ConfigError, match="`freq` is 'hourly'; expected one of: s, min, h"):
        frequency.parse("hourly")


def test_months_of_any_day_follow_each_other():
    monthly = frequency.parse("MS")
    first = stamps("2024-01-31 06:00")[0]
    assert np.array_equal(
        monthly.stamps(first, np.arange(3)), stamps("2024-01-31T06", "2024-02-29T06", "2024-03-31T06")
    )


def test_stamps_go_out_as_they_came():
    texts = ["1949-01", "1949-02", "1949-03"]
    panel, form = read(pl.DataFrame({"ds": texts, "y": [1, 2, 3]}))
    assert (str(panel.freq), form.stamps, form.has_ids) == ("MS", "text:M:T", False)
    assert form.out(panel.stamps()) == texts
    minutes = ["2024-05-01 10:00", "2024-05-01 10:30", "2024-05-01 11:00"]
    panel, form = read(pl.DataFrame({"ds": minutes, "y": [1, 2, 3]}))
    assert form.out(panel.stamps()) == minutes
    days = [datetime.date(2024, 2, d) for d in (27, 28, 29)]
    panel, form = read(pl.DataFrame({"ds": days, "y": [1, 2, 3]}))
    assert form.out(panel.at(np.zeros(1, int), np.array([3]))) == [datetime.date(2024, 3, 1)]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_stamps_go_out_in_the_unit_they_came_in(library, unit):
    """So that forecasts can be joined to the frame: polars and pyarrow join columns of one type alone."""
    days = np.array(["2024-01-01", "2024-01-02", "2024-01-03"], f"datetime64[{unit}]")
    frame = library({"ds": days, "y": [1, 2, 3]})
    panel, form = read(frame)
    back = frames.make({"ds": form.out(panel.stamps())}, form)
    came, went = (narwhals.from_native(one).schema["ds"] for one in (frame, back))
    assert came == went == narwhals.Datetime(unit)


def test_calendar_features_are_where_the_stamp_is():
    hourly = frequency.parse("h")
    assert calendar.names(hourly) == ["day", "week", "month", "year"]
    found = calendar.features(stamps("2024-01-01 06:00", "2024-01-04 12:00"), hourly)
    angles = np.arctan2(found[:, :4], found[:, 4:]) % (2 * np.pi) / (2 * np.pi)
    # 06:00; Monday; the 1st; 1 January. 12:00; Thursday; the 4th of 31; the 4th of 366.
    assert angles[0] == pytest.approx([0.25, 0, 0, 0], abs=1e-6)
    assert angles[1] == pytest.approx([0.5, 3 / 7, 3 / 31, 3 / 366], abs=1e-6)
    assert calendar.names(frequency.parse("MS")) == ["year"]
    assert calendar.names(frequency.parse("YS")) == calendar.names(frequency.parse("1")) == []


@pytest.mark.parametrize(
    ("fill", "want"),
    [("forward", [1, 2, 2, 2, 5, 5, 7]), ("linear", [1, 2, 3, 4, 5, 6, 7]), ("zero", [1, 2, 0, 0, 5, 0, 7])],
)
def test_gaps_and_missing_values_are_filled_as_asked(fill, want):
    panel, _ = read(pl.DataFrame({"ds": [1, 2, 5, 6, 7], "y": [1.0, 2, 5, None, 7]}), fill=fill)
    assert panel.y.tolist() == want
    assert panel.seen.tolist() == [True, True, False, False, True, False, True]


def test_static_columns_and_covariates():
    data = {"unique_id": list("aabb"), "ds": [1, 2, 1, 2], "y": [1, 2, 3, 4], "town": list("ppqq"), "t": [5, 6, 7, 8]}
    panel, _ = read(pd.DataFrame(data), static=("town", "unique_id"), past="t")
    assert panel.static == [["p", "a"], ["q", "b"]]
    assert panel.past[:, 0].tolist() == [5, 6, 7, 8]


def test_series_named_by_numbers_have_a_vector_each_too():
    """A shop's number is a name: shop 3 is not three times shop 1."""
    panel, _ = read(
        pd.DataFrame({"unique_id": [1, 1, 3, 3], "ds": [1, 2, 1, 2], "y": [1, 2, 3, 4]}), static="unique_id"
    )
    assert panel.ids == [1, 3]
    assert windows.describe(panel)["static"] == [["1", "3"]]


D = {"unique_id": list("aaa"), "ds": [1, 2, 3], "y": [1.0, 2.0, 3.0]}
MISTAKES = {
    "a list": ([1, 2], {}, "the data is a list; expected a pandas, polars or pyarrow frame"),
    "no target": ({"ds": [1], "Y": [1]}, {}, "the frame has no column 'y'; expected one of: ds, Y"),
    "no rows": ({"ds": [], "y": []}, {}, "the frame is empty; expected a row for each stamp"),
    "text": (D | {"y": ["1", "2", "x"]}, {}, "the column 'y' holds String; expected numbers (row 2 has 'x')"),
    "huge": (D | {"y": [1.0, 1e300, 2.0]}, {}, "the column 'y' has 1e+300 in row 1; take a larger unit"),
    "zone in text": (
        D | {"ds": [f"2024-01-0{k}T00:00:00+02:00" for k in (1, 2, 3)]},
        {},
        "the column 'ds' has the time zone +02:00; convert it to UTC and drop the zone",
    ),
    "Z": (D | {"ds": [f"2024-01-0{k} 10:00Z" for k in (1, 2, 3)]}, {}, "the column 'ds' has the time zone Z; convert"),
    "empty text": (D | {"ds": ["2024-01-01", "", "2024-01-03"]}, {}, "the column 'ds' has '', which is no date"),
    "NaT": (D | {"ds": ["2024-01-01", "NaT", "2024-01-03"]}, {}, "the column 'ds' has 'NaT', which is no date"),
    "today": (D | {"ds": ["2024-01-01", "2024-01-02", "today"]}, {}, "the column 'ds' has 'today', which is no date"),
    "old text": (D | {"ds": ["1500", "1501", "1502"]}, {}, "the column 'ds' reaches 1500-01-01; stamps lie from 1677"),
    "far date": (
        D | {"ds": [datetime.date(2024, 1, 1), datetime.date(2024, 1, 2), datetime.date(9999, 12, 31)]},
        {},
        "the column 'ds' reaches 9999-12-31; stamps lie from 1677-09-22 to 2262-04-11",
    ),
    "far datetime": (
        D | {"ds": [datetime.datetime(2024, 1, 1), datetime.datetime(2024, 1, 2), datetime.datetime(2300, 1, 1)]},
        {},
        "the column 'ds' reaches 2300-01-01; stamps lie from",
    ),
    "bytes": (D | {"unique_id": [b"Z\xfc"] * 3}, {}, "the column 'unique_id' has b'Z\\xfc', bytes that are no text"),
    "dates as names": (
        D | {"unique_id": [datetime.date(2024, 1, 1)] * 3},
        {},
        "a date; expected text or whole numbers: make it text",
    ),
    "static dates": (
        D | {"s": [datetime.date(2024, 1, 1)] * 3},
        {"static": "s"},
        "the static column 's' has datetime.date(2024, 1, 1), a date; expected text",
    ),
    "infinity": (D | {"y": [1.0, float("inf"), 2.0]}, {}, "the column 'y' holds infinity, in row 1"),
    "duplicates": (D | {"ds": [1, 2, 2]}, {}, "series 'a' has 2 twice (1 duplicate stamps in all)"),
    "unnamed": ({"ds": [1, 1], "y": [1, 2]}, {}, "if these are several series, name each in a column 'unique_id'"),
    "gap": (D | {"ds": [1, 2, 4]}, {"freq": "1"}, "series 'a' misses 1 stamps at steps of 1, first after 2; say what"),
    "missing": (D | {"y": [1.0, None, 2.0]}, {}, "series 'a' has no 'y' at 2 (1 missing in all); say what becomes"),
    "all missing": (D | {"y": [None] * 3}, {"fill": "forward"}, "the column 'y' holds"),
    "one series missing": (
        {"unique_id": list("aabb"), "ds": [1, 2, 1, 2], "y": [1.0, 2.0, None, None]},
        {"fill": "forward"},
        "series 'b' has no value of 'y' at all; leave it out",
    ),
    "empty stamp": (D | {"ds": [1, None, 3]}, {}, "the column 'ds' has 1 empty cells; each row needs its stamp"),
    "empty id": (D | {"unique_id": ["a", None, "a"]}, {}, "the column 'unique_id' has empty cells"),
    "no date": (D | {"ds": ["2024-01-01", "01/02/2024", "x"]}, {}, "has '01/02/2024', which is no date as ISO 8601"),
    "floats": (D | {"ds": [1.0, 2.0, 3.0]}, {}, "the column 'ds' is Float64; expected dates, times or whole numbers"),
    "freq of dates": (D, {"freq": "D"}, "`freq` is 'D', but the column 'ds' holds whole numbers"),
    "static": (D | {"s": list("xyx")}, {"static": "s"}, "the static column 's' has 'x' and 'y' in series 'a'"),
    "one stamp": ({"ds": ["2024-01-01"], "y": [1]}, {}, "the frequency cannot be found: no series has two stamps"),
    "irregular": (
        D | {"ds": ["2024-01-01", "2024-01-02", "2024-01-05"]},
        {"freq": "2D"},
        "series 'a' has 2024-01-02 00:00:00, which is not a whole number of steps of 2D after 2024-01-01",
    ),
    "no step": (
        {"ds": ["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-14"], "y": [1, 2, 3, 4]},
        {},
        "the stamps are irregular: the commonest step (86400 seconds) holds for 33% of them",
    ),
    "mistyped": (
        {"ds": ["2024-01-01", "2024-01-02", "2124-01-01"], "y": [1, 2, 3]},
        {"freq": "D", "fill": "zero"},
        "series 'y' has 3 rows for 36,525 steps of D, from 2024-01-01 00:00:00 to 2124-01-01",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_said(mistake):
    data, config, message = MISTAKES[mistake]
    with pytest.raises((DataError, ConfigError)) as error:
        read(pl.DataFrame(data) if isinstance(data, dict) else data, **config)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_time_zone_is_said():
    frame = pd.DataFrame({"ds": pd.date_range("2024", periods=3, tz="Europe/Berlin"), "y": [1, 2, 3]})
    with pytest.raises(DataError, match="the column 'ds' has the time zone Europe/Berlin; convert it to UTC"):
        read(frame)
    aware = [datetime.datetime(2024, 1, k, tzinfo=datetime.UTC) for k in (1, 2, 3)]
    with pytest.raises(DataError, match="the column 'ds' has the time zone UTC; convert it to UTC"):
        read(pd.DataFrame({"ds": pd.Series(aware, dtype=object), "y": [1, 2, 3]}))


def test_dates_and_times_in_a_column_of_objects_go_out_as_they_came():
    for days in ([datetime.date(2024, 2, d) for d in (27, 28)], [datetime.datetime(2024, 2, d) for d in (27, 28)]):
        panel, form = read(pd.DataFrame({"ds": pd.Series(days, dtype=object), "y": [1, 2]}))
        assert form.stamps == type(days[0]).__name__
        assert list(form.out(panel.stamps())) == days


def test_stamps_end_where_nanoseconds_do():
    for name in ("D", "B", "MS", "ME"):
        with pytest.raises(DataError, match=r"the steps ahead reach 226\d-\d\d-\d\d; stamps lie from 1677-09-22"):
            frequency.parse(name).stamps(stamps("2262-03-30")[0], np.arange(30))


def test_what_filling_takes_from_later_is_known_later():
    """Each filled value as it stood before the value after the gap; before the first value there is nothing."""
    data = {"ds": np.arange(7), "y": [None, 2.0, None, None, 5, 6, None], "p": [1.0, None, 3, 4, 5, 6, 7]}
    panel, _ = read(pl.DataFrame(data), fill="linear", past="p")
    assert panel.y.tolist() == [2, 2, 3, 4, 5, 6, 6]
    assert panel.cut(np.array([4])).y.tolist() == [2, 2, 2, 2]
    assert panel.cut(np.array([5])).y.tolist() == [2, 2, 3, 4, 5]
    assert panel.cut(np.array([1])).y.tolist() == [0]
    assert panel.cut(np.array([2])).past[:, 0].tolist() == [1, 1]
    assert panel.past[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    one = np.zeros(1, int)
    assert [panel.known_at(one, one + 3, one + cut)[0] for cut in (4, 5)] == [2, 4]
    assert read(pl.DataFrame(data), fill="zero", past="p")[0].cut(np.array([4])).y.tolist() == [0, 2, 0, 0]


FUTURE = {"unique_id": list("aabb"), "ds": [4, 5, 3, 4], "f": [1.0, 2.0, 3.0, 4.0]}


def known(frame, steps=2):
    data = {"unique_id": list("aaabb"), "ds": [1, 2, 3, 1, 2], "y": [1, 2, 3, 4, 5], "f": [0.0] * 5}
    config = SeriesConfig(future=("f",))
    return frames.read_future(frame, config, frames.read(pl.DataFrame(data), config)[0], steps)


def test_what_is_known_ahead_stands_at_its_step():
    shuffled = pl.DataFrame(FUTURE).sample(fraction=1.0, shuffle=True, seed=1)
    assert known(shuffled)[:, 0].tolist() == [1, 2, 3, 4]
    assert known(shuffled, 1)[:, 0].tolist() == [1, 3], "rows beyond the horizon have no say"


def test_what_is_known_ahead_must_be_there():
    with pytest.raises(ConfigError, match="the model needs f for the next 2 steps; give `future`, a frame with ds"):
        known(None)
    with pytest.raises(DataError, match=r"`future` lacks f of series 'b' at 4 \(1 of 2 steps are missing\)"):
        known(pl.DataFrame(FUTURE)[:3])
    with pytest.raises(DataError, match="`future` has no column 'f'"):
        known(pl.DataFrame(FUTURE).drop("f"))
    with pytest.raises(DataError, match="`future` has no column 'unique_id', and there are 2 series"):
        known(pl.DataFrame(FUTURE).drop("unique_id"))
    with pytest.raises(DataError, match="`future` has another type of ds than the history has"):
        known(pl.DataFrame(FUTURE).with_columns(ds=pl.lit("2024-01-01")))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_files_are_read_and_written(tmp_path, ending):
    path = tmp_path / f"table{ending}"
    frames.write(pl.DataFrame({"ds": ["2024-01-01", "2024-01-02"], "y": [1.0, 2.0]}), path)
    panel, form = read(frames.load(path))
    assert panel.y.tolist() == [1, 2]
    assert str(panel.freq) == "D"
    assert form.backend == "pyarrow"


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*none\.csv"):
        frames.load(tmp_path / "none.csv")
    with pytest.raises(
        DataError, match=r"table\.xlsx is not a table that can be read; expected a \.csv or a \.parquet"
    ):
        frames.load(tmp_path / "table.xlsx")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=r"cut\.parquet cannot be read: "):
        frames.load(tmp_path / "cut.parquet")
    with pytest.raises(ConfigError, match=r"out\.txt: forecasts are written as \.csv or \.parquet"):
        frames.write(pl.DataFrame({"y": [1]}), tmp_path / "out.txt")
    with pytest.raises(ConfigError, match=r"out\.csv cannot be written: there is no folder .*none; make it"):
        frames.write(pl.DataFrame({"y": [1]}), tmp_path / "none" / "out.csv")


def test_columns_of_one_name_are_said(tmp_path):
    (tmp_path / "a.csv").write_text("ds,y,y\n1,2,3\n2,3,4\n")
    of_pandas = pd.DataFrame([[1, 2.0, 3.0]], columns=["ds", "y", "y"])
    for frame in (of_pandas, frames.load(tmp_path / "a.csv")):
        with pytest.raises(DataError, match="the frame has several columns 'y'; rename or drop all but one"):
            read(frame)


def test_stamps_as_pandas_keeps_them_are_told_the_way():
    months = pd.period_range("2020", periods=5, freq="M")
    y = pd.DataFrame({"y": np.arange(5.0)})
    for frame in (y.set_index(months.to_timestamp()), y.set_index(months.rename("ds"))):
        with pytest.raises(DataError, match=r"the frame has 'ds' as its index.*: frame.reset_index\(names='ds'\)"):
            read(frame)
    with pytest.raises(DataError, match=r"'ds' holds periods; make their first stamps of them: .dt.to_timestamp\(\)"):
        read(y.assign(ds=months))
    with pytest.raises(DataError, match="the frame has no column 'y'"):
        read(pd.DataFrame({"ds": months.to_timestamp()}))


def test_what_is_missing_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "narwhals.stable.v2", None)
    with pytest.raises(ConfigError, match=r"forecasting needs narwhals.*: pip install 'recurra\[forecast\]'"):
        read(pl.DataFrame(D))
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"needs pyarrow: pip install 'recurra\[forecast\]'"):
        frames.load(tmp_path / "table.csv")


def test_panels_are_cut_joined_and_selected():
    data = {"unique_id": list("aaabb"), "ds": [1, 2, 3, 5, 6], "y": [1, 2, 3, 4, 5]}
    panel, _ = read(pl.DataFrame(data))
    assert panel.tail(2).y.tolist() == [2, 3, 4, 5]
    assert panel.tail(2).first.tolist() == [2, 5]
    assert panel.cut(np.array([1, 2])).y.tolist() == [1, 4, 5]
    assert panel.select([1]).stamps().tolist() == [5, 6]
    longer = panel.extended(2, np.zeros((4, 0)))
    assert longer.stamps().tolist() == [1, 2, 3, 4, 5, 5, 6, 7, 8]
    assert longer.seen.tolist() == [True] * 3 + [False] * 2 + [True] * 2 + [False] * 2
    assert panel.fingerprint() == read(pl.DataFrame(data)[::-1])[0].fingerprint()
    assert panel.fingerprint() != read(pl.DataFrame(data | {"y": [1, 2, 3, 4, 6]}))[0].fingerprint()
    assert Form("polars", True, "int").out(np.array([1])).tolist() == [1]
