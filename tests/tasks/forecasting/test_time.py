"""Forecasts, updates and stored runs keep the stamps and the names that the data has."""

import calendar
import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from recurra.errors import DataError
from recurra.tasks.forecasting import Forecaster

TINY = {"preset": "tiny", "horizon": 3, "input_size": 6, "epochs": 1, "epoch_steps": 2}


def on_day(k, day, months, month=1):
    """The k-th stamp of a series that has a day of its own."""
    count = month - 1 + k * months
    year, month = 2016 + count // 12, count % 12 + 1
    return datetime.date(year, month, min(day, calendar.monthrange(year, month)[1]))


@pytest.mark.parametrize(
    ("freq", "day", "months", "month"),
    [("MS", 30, 1, 1), (None, 30, 1, 1), ("QS", 31, 3, 5), ("YS", 29, 12, 2), ("2MS", 30, 2, 12), ("MS", 15, 1, 1)],
)
@pytest.mark.parametrize("length", [23, 24, 25, 26, 27, 28])
def test_the_day_of_a_month_is_the_series_own(freq, day, months, month, length, tmp_path):
    """Also where what is kept of a series begins in February; and the true next stamp follows."""
    stamp = [on_day(k, day, months, month) for k in range(length + 5)]
    frame = pl.DataFrame({"ds": stamp, "y": [100.0 + k % 12 for k in range(length + 5)]})
    model = Forecaster(freq=freq, season=2, **TINY).fit(frame[:length], quiet=True)
    assert model.predict()["ds"].to_list() == stamp[length : length + 3]
    model.save(tmp_path / "model")
    for kept in (model, Forecaster.load(tmp_path / "model")):
        kept.update(frame[length : length + 1]).update(frame[length + 1 : length + 2])
        assert kept.predict()["ds"].to_list() == stamp[length + 2 : length + 5]
    assert model.predict(frame=frame[length - 8 : length])["ds"].to_list() == stamp[length : length + 3]
    wrong = frame[length + 2 : length + 3].with_columns(pl.col("ds") + datetime.timedelta(days=-3))
    with pytest.raises(DataError, match="is not a whole number of steps of"):
        model.update(wrong)


@pytest.mark.parametrize("name", ["B", "Sun Mon Tue Wed Thu", "W-MON", "QS-OCT", "BME", "100ms", "SMS"])
def test_other_frequencies_from_fit_to_forecast(name, tmp_path):
    offset = pd.offsets.CustomBusinessDay(weekmask=name) if " " in name else name
    made = pd.date_range("2023-01-02", periods=44, freq=offset)
    frame = pd.DataFrame({"ds": made, "y": np.arange(44.0)})
    known = frame[:40].drop(index=[11])
    for freq in (None, offset, name):
        model = Forecaster(freq=freq, fill="forward", **TINY).fit(known, quiet=True)
        assert model.predict()["ds"].tolist() == made[40:43].tolist()
    model.save(tmp_path / "model")
    again = Forecaster.load(tmp_path / "model").update(frame[40:41])
    assert again.predict()["ds"].tolist() == made[41:].tolist()
    assert model.cross_validate(frame, fit=False)["ds"].tolist() == made[41:].tolist()
    with pytest.raises(
        DataError, match=f"misses 1 stamp at steps of .*: {str(made[11])[:10]}.*say what becomes of them"
    ):
        Forecaster(**TINY).fit(known, quiet=True)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_stamps_with_a_zone_from_fit_to_score(library, zone, tmp_path):
    made = pd.date_range("2024-03-20", periods=64, freq="D", tz=zone)
    frame = library(pd.DataFrame({"ds": made, "y": np.arange(64.0)}))
    model = Forecaster(**TINY).fit(frame, quiet=True)
    model.save(tmp_path / "model")
    model = Forecaster.load(tmp_path / "model")
    want = pd.date_range(made[-1], periods=5, freq="D")
    found = model.predict()
    found = found.to_pandas() if hasattr(found, "to_pandas") else found
    assert found["ds"].tolist() == want[1:4].tolist()
    cv = model.cross_validate(frame, windows=2)
    assert len(model.score(cv, frame)) == 3
    model.plot(cv)
    model.update(library(pd.DataFrame({"ds": want[1:2], "y": [1.0]})))


def test_several_columns_name_a_series_everywhere(tmp_path):
    parts = [
        pl.DataFrame({"shop": shop, "item": item, "ds": np.arange(40), "y": np.arange(40.0) + item})
        for shop, item in (("b", 2), ("a", 10), ("a", 2))
    ]
    frame = pl.concat(parts)
    model = Forecaster(id_col=("shop", "item"), freq=1, static="shop", **TINY).fit(frame, quiet=True)
    model.save(tmp_path / "model")
    for kept in (model, Forecaster.load(tmp_path / "model")):
        found = kept.predict()
        assert found.columns[:3] == ["shop", "item", "ds"]
        assert found.select("shop", "item").rows()[::3] == [("a", 2), ("a", 10), ("b", 2)]
        kept.plot(found, ids=[("a", 2)])
        kept.update(pl.DataFrame({"shop": ["a"], "item": [10], "ds": [40], "y": [5.0]}))
        assert kept.predict()["ds"].to_list() == [40, 41, 42, 41, 42, 43, 40, 41, 42]
    cv = model.cross_validate(frame, windows=2)
    assert model.score(cv, frame)["mase"].is_finite().all()
    with pytest.raises(DataError, match=r"the model knows no series \('c', 1\)"):
        model.update(pl.DataFrame({"shop": ["c"], "item": [1], "ds": [40], "y": [5.0]}))


def test_a_series_is_known_by_its_name_in_a_table_of_text_too():
    frame = pl.DataFrame({"unique_id": np.repeat([1, 22], 40), "ds": np.tile(np.arange(40), 2), "y": np.arange(80.0)})
    model = Forecaster(**TINY).fit(frame, quiet=True)
    text = frame.with_columns(pl.col("unique_id").cast(pl.String))
    assert model.predict(frame=text)["forecast"].to_list() == model.predict(frame=frame)["forecast"].to_list()
    model.update(pl.DataFrame({"unique_id": ["22"], "ds": [40], "y": [5.0]}))
