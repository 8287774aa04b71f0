"""Frames of any library become a panel, or one line says why not."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.series import read

from recurra.errors import ConfigError, DataError
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series import frames, windows


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
    assert windows.describe(panel).static[0].words == ["1", "3"]


D = {"unique_id": list("aaa"), "ds": [1, 2, 3], "y": [1.0, 2.0, 3.0]}
MISTAKES = {
    "a list": ([1, 2], {}, "the data is a list; expected a pandas, polars or pyarrow frame"),
    "no target": ({"ds": [1], "Y": [1]}, {}, "the frame has no column 'y'; expected one of: ds, Y"),
    "no rows": ({"ds": [], "y": []}, {}, "the frame is empty; expected a row for each stamp"),
    "text": (D | {"y": ["1", "2", "x"]}, {}, "the column 'y' holds String; expected numbers (row 2 has 'x')"),
    "huge": (D | {"y": [1.0, 1e300, 2.0]}, {}, "the column 'y' has 1e+300 in row 1; take a larger unit"),
    "offsets": (
        D | {"ds": [f"2024-01-0{k}T00:00:00+0{k}:00" for k in (1, 2, 3)]},
        {},
        "the column 'ds' has times with the offsets '+01:00' and '+02:00' from UTC; write all of them in UTC",
    ),
    "days as numbers": (
        D | {"ds": [20240130, 20240131, 20240201]},
        {},
        "the stamps are whole numbers that look like days, YYYYMMDD, from 20240130 to 20240201; make dates of them:"
        " pandas.to_datetime(column.astype(str), format='%Y%m%d'), in a file 2024-01-31; or give freq=1",
    ),
    "days of one month": (D | {"ds": [20240101, 20240102, 20240103]}, {}, "that look like days, YYYYMMDD"),
    "months as numbers": (D | {"ds": [202311, 202312, 202401]}, {}, "that look like months, YYYYMM, from 202311"),
    "days as text": (
        D | {"ds": ["20240130", "20240131", "20240201"]},
        {},
        "that look like days, YYYYMMDD, from 20240130",
    ),
    "working days": (
        {"ds": np.busday_offset("2024-01-01", np.arange(4)), "y": [1.0, 2.0, 3.0, 4.0]},
        {"freq": "h"},
        "misses 69 stamps at steps of h: 2024-01-01 01:00:00, 2024-01-01 02:00:00, 2024-01-01 03:00:00 ...; say",
    ),
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
    "gap": (D | {"ds": [1, 2, 4]}, {"freq": "1"}, "series 'a' misses 1 stamp at steps of 1: 3; say what"),
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
        "series 'a' has 2024-01-02, which is not a whole number of steps of 2D after 2024-01-01",
    ),
    "no step": (
        {"ds": ["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-14"], "y": [1, 2, 3, 4]},
        {},
        "the stamps are irregular: the commonest step (86400 seconds) holds for 33% of them",
    ),
    "mistyped": (
        {"ds": ["2024-01-01", "2024-01-02", "2124-01-01"], "y": [1, 2, 3]},
        {"freq": "D", "fill": "zero"},
        "series 'y' has 3 rows for 36,525 steps of D, from 2024-01-01 to 2124-01-01",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_said(mistake):
    data, config, message = MISTAKES[mistake]
    with pytest.raises((DataError, ConfigError)) as error:
        read(pl.DataFrame(data) if isinstance(data, dict) else data, **config)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


FUTURE = {"unique_id": list("aabb"), "ds": [4, 5, 3, 4], "f": [1.0, 2.0, 3.0, 4.0]}


def known(frame, steps=2):
    data = {"unique_id": list("aaabb"), "ds": [1, 2, 3, 1, 2], "y": [1, 2, 3, 4, 5], "f": [0.0] * 5}
    config = SeriesConfig(future=("f",))
    panel = frames.extended(frames.read(pl.DataFrame(data), config)[0], frame, config, steps)
    return panel.known[~panel.seen]


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
    with pytest.raises(DataError, match=r"table\.xlsx is not a table that can be read; expected a \.csv, \.tsv or"):
        frames.load(tmp_path / "table.xlsx")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=r"cut\.parquet is damaged, or no table: "):
        frames.load(tmp_path / "cut.parquet")
    with pytest.raises(ConfigError, match=r"out\.txt: forecasts are written as \.csv or \.parquet"):
        frames.write(pl.DataFrame({"y": [1]}), tmp_path / "out.txt")
    with pytest.raises(ConfigError, match=r"out\.csv cannot be written: there is no folder .*none; make it"):
        frames.write(pl.DataFrame({"y": [1]}), tmp_path / "none" / "out.csv")


@pytest.mark.parametrize("rows", [None, 200])
def test_a_table_of_its_first_row_alone_has_no_rows(tmp_path, rows):
    (tmp_path / "a.csv").write_text("ds,y\n")
    table = frames.load(tmp_path / "a.csv", rows)
    assert (table.column_names, table.num_rows) == (["ds", "y"], 0)
    with pytest.raises(DataError, match="the frame is empty; expected a row for each stamp"):
        read(table)
    for content in ("", "\n \n"):
        (tmp_path / "a.csv").write_text(content)
        with pytest.raises(DataError, match=r"a\.csv is empty; expected a first row that names the columns"):
            frames.load(tmp_path / "a.csv", rows)


def test_what_is_missing_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "narwhals.stable.v2", None)
    with pytest.raises(ConfigError, match=r"forecasting needs narwhals.*: pip install 'recurra\[forecast\]'"):
        read(pl.DataFrame(D))
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"needs pyarrow: pip install 'recurra\[forecast\]'"):
        frames.load(tmp_path / "table.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_as_a_spreadsheet_of_another_country_writes_it(tmp_path, encoding):
    """Semicolons, days before months, decimal commas; names of series stay as they stood."""
    rows = ["Tag;Filiale;Umsatz", "31.01.2024;1,5;1.006,72", "01.02.2024;1,5;950", "02.02.2024;1,5;"]
    (tmp_path / "a.csv").write_bytes("\r\n".join(rows).encode(encoding))
    panel, form = read(
        frames.load(tmp_path / "a.csv"), time_col="Tag", id_col="Filiale", target_col="Umsatz", fill="forward"
    )
    assert panel.ids == ["1,5"]
    assert panel.stamps().tolist()[0] == np.datetime64("2024-01-31", "ns").astype(int)
    assert panel.y.tolist() == [1006.72, 950.0, 950.0]
    assert form.stamps == "text:D:T"


def test_a_table_parted_by_tabs_with_thousands_and_a_currency(tmp_path):
    rows = ["Date\tRevenue\tVisits", "1/30/2024\t$1,012.34\t1,200", "1/31/2024\t-$3.00\t900"]
    (tmp_path / "a.tsv").write_text("\n".join(rows))
    panel, _ = read(frames.load(tmp_path / "a.tsv"), time_col="Date", target_col="Revenue", past=("Visits",))
    assert panel.y.tolist() == [1012.34, -3.0]
    assert panel.past[:, 0].tolist() == [1200.0, 900.0]


def test_spaces_around_the_names_of_columns_are_none_of_theirs(tmp_path):
    (tmp_path / "a.csv").write_text("ds, y \n2024-01-30, 1\n2024-01-31, 2\n")
    assert read(frames.load(tmp_path / "a.csv"))[0].y.tolist() == [1.0, 2.0]


def test_a_number_that_may_be_two_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("ds;y\n2024-01-30;1,234\n2024-01-31;2,345\n")
    with pytest.raises(DataError, match=r"the column 'y' has '1,234', which is 1234 or 1\.234, and no other cell says"):
        read(frames.load(tmp_path / "a.csv"))
    (tmp_path / "a.csv").write_text("ds;y\n2024-01-30;1.234\n2024-01-31;980\n")
    with pytest.raises(
        DataError, match=r"the column 'y' has '1\.234', which is 1234 or 1\.234, and no other cell says"
    ):
        read(frames.load(tmp_path / "a.csv"))
    (tmp_path / "a.csv").write_text("ds;y;size\n2024-01-30;5;1.234\n2024-01-31;7;1.234\n")
    with pytest.raises(DataError, match=r"the static column 'size' has '1\.234', which is 1234 or 1\.234"):
        read(frames.load(tmp_path / "a.csv"), static=("size",))
    (tmp_path / "a.csv").write_text("ds;y;size\n2024-01-30;5;1.234\n2024-01-31;NA;1.234\n2024-02-01;1,5;1.234\n")
    panel, _ = read(frames.load(tmp_path / "a.csv"), static=("size",), fill="forward")
    assert (panel.y.tolist(), [list(one) for one in panel.static]) == ([5.0, 5.0, 1.5], [[1234.0]])


@pytest.mark.parametrize("first", ["11.01.2024", "2024-01-11"])
def test_a_line_of_the_total_is_the_one_that_is_named(tmp_path, first):
    (tmp_path / "a.csv").write_text(f"ds;y\n{first};1\n{first.replace('11', '12')};1\nSumme;2\n")
    with pytest.raises(DataError, match="the column 'ds' has 'Summe', which is no date"):
        read(frames.load(tmp_path / "a.csv"))


def test_covariates_and_static_numbers_have_the_decimal_comma_of_the_table(tmp_path):
    rows = ["ds;y;price;size;code", "2024-01-30;1;2,5;0,75;1,234", "2024-01-31;2;3;0,75;1,234"]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    panel, _ = read(frames.load(tmp_path / "a.csv"), future=("price",), static=("size", "code"))
    assert panel.known[:, 0].tolist() == [2.5, 3.0]
    assert [list(one) for one in panel.static] == [[0.75, 1.234]]


@pytest.mark.parametrize("rows", [None, 1])
def test_pyarrow_reads_from_memory(tmp_path, monkeypatch, rows):
    """By a file of Python's its threads would abort a process that ends with an error."""
    from pyarrow import csv, parquet

    for module, name in ((csv, "open_csv"), (csv, "read_csv"), (parquet, "ParquetFile")):
        read = getattr(module, name)

        def checked(source, *given, read=read, **how):
            assert isinstance(source, pa.BufferReader)
            return read(source, *given, **how)

        monkeypatch.setattr(module, name, checked)
    pl.DataFrame({"y": [1, 2]}).write_csv(tmp_path / "a.csv")
    pl.DataFrame({"y": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    assert (
        frames.load(tmp_path / "a.csv", rows).num_rows
        == frames.load(tmp_path / "a.parquet", rows).num_rows
        == (rows or 2)
    )
