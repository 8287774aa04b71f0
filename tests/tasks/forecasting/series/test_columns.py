"""Columns of frames of any library: stamps in and out, names that repeat."""

import datetime

import narwhals.stable.v2 as narwhals
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.series import read

from recurra.errors import DataError
from recurra.tasks.forecasting.series import frames


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
