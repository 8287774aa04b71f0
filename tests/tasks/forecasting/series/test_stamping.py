"""Stamps in and out: dates, times, texts, time zones."""

import datetime

import narwhals.stable.v2 as narwhals
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.series import read

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


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_stamps_in_utc_go_out_so(library):
    hours = [datetime.datetime(2024, 1, 1, k, tzinfo=datetime.UTC) for k in range(5)]
    frame = library({"ds": hours[:3], "y": [1, 2, 3]})
    panel, form = read(frame)
    assert (str(panel.freq), form.zone) == ("h", "UTC")
    back = narwhals.from_native(
        frames.make({"ds": form.out(panel.at(np.zeros(2, int), np.array([3, 4])))}, form, ("ds",))
    )
    assert back.schema["ds"] == narwhals.from_native(frame).schema["ds"]
    assert [one.isoformat() for one in back["ds"].to_list()] == [one.isoformat() for one in hours[3:]]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("library", [pl.from_pandas, pa.Table.from_pandas, lambda frame: frame])
@pytest.mark.parametrize(
    ("freq", "start"), [("D", "2024-03-28"), ("h", "2024-03-30 22:00"), ("MS", "2023-01-01"), ("B", "2024-10-23")]
)
def test_other_time_zones_count_days_by_their_clock_and_hours_by_instants(library, freq, start, zone):
    """Clocks are put forward on 31 March and back on 27 October."""
    made = pd.date_range(start, periods=16, freq=freq, tz=zone)
    panel, form = read(library(pd.DataFrame({"ds": made[:8], "y": np.arange(8.0)})))
    assert str(panel.freq) == freq
    out = frames.make({"ds": form.out(panel.at(np.zeros(8, int), np.arange(8, 16)))}, form, ("ds",))
    assert [pd.Timestamp(one) for one in narwhals.from_native(out)["ds"].to_list()] == list(made[8:])


@pytest.mark.parametrize("offset", ["Z", "+02:00", "-0330"])
def test_texts_keep_their_offset_from_utc(offset):
    texts = [f"2024-01-0{k} 10:30{offset}" for k in range(1, 5)]
    panel, form = read(pl.DataFrame({"ds": texts, "y": [1, 2, 3, 4]}))
    assert (str(panel.freq), form.zone) == ("D", offset)
    assert form.out(panel.stamps()) == texts


def test_aware_times_in_a_column_of_objects():
    aware = [datetime.datetime(2024, 1, k, tzinfo=datetime.UTC) for k in (1, 2, 3)]
    panel, form = read(pd.DataFrame({"ds": pd.Series(aware, dtype=object), "y": [1, 2, 3]}))
    assert (str(panel.freq), form.zone) == ("D", "UTC")
    assert panel.stamps()[0] == np.datetime64("2024-01-01")


def test_dates_and_times_in_a_column_of_objects_go_out_as_they_came():
    for days in ([datetime.date(2024, 2, d) for d in (27, 28)], [datetime.datetime(2024, 2, d) for d in (27, 28)]):
        panel, form = read(pd.DataFrame({"ds": pd.Series(days, dtype=object), "y": [1, 2]}))
        assert form.stamps == type(days[0]).__name__
        assert list(form.out(panel.stamps())) == days
