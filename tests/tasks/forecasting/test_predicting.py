"""Forecasts know nothing of what comes after their cut."""

import dataclasses

import numpy as np
import polars as pl
import pytest
import torch
from helpers.series import index_panel

from recurra.tasks.forecasting import baselines, predicting
from recurra.tasks.forecasting.config import ForecastConfig, SeriesConfig
from recurra.tasks.forecasting.model import Ensemble, ForecastModel
from recurra.tasks.forecasting.series import frames
from recurra.tasks.forecasting.series.encoding import Column
from recurra.tasks.forecasting.series.windows import Covariates, Scale, SeriesWindows, describe


@pytest.mark.parametrize("mode", ["direct", "recursive"])
@pytest.mark.parametrize("scaling", ["window", "none"])
def test_a_forecast_does_not_depend_on_anything_after_its_cut_but_what_is_known_ahead(mode, scaling):
    panel = index_panel(40)
    noise = np.random.default_rng(0).normal(size=(2, 40))
    panel = dataclasses.replace(panel, y=panel.y + 5 * noise[0], past=panel.past + noise[1][:, None])
    config = ForecastConfig(horizon=5, mode=mode, scaling=scaling, lags=(3,), season=3, input_size=8, samples=20)
    model = Ensemble([ForecastModel(config, 1, 1, 0)]).eval()

    def ahead(panel):
        windows = SeriesWindows(panel, config, describe(index_panel(40)), calendared=False)
        return predicting.forecast(model, windows, np.array([0]), np.array([30]), 5, seed=1)

    later = np.arange(40) >= 30
    changed = dataclasses.replace(
        panel, y=np.where(later, 777.0, panel.y), seen=~later, past=np.where(later[:, None], 777.0, panel.past)
    )
    assert np.array_equal(ahead(panel), ahead(changed))
    for name in ("y", "past", "known"):
        touched = getattr(panel, name).copy()
        touched[30 if name == "known" else 29] += 50.0
        assert not np.array_equal(ahead(panel), ahead(dataclasses.replace(panel, **{name: touched}))), name


@pytest.mark.parametrize("mode", ["direct", "recursive"])
def test_a_window_that_begins_in_a_filled_gap_reads_what_was_known_then(mode):
    y = np.arange(1.0, 41.0)
    y[27:33] = np.nan  # the value after the gap is that of place 33
    frame = pl.DataFrame({"ds": np.arange(40), "y": y, "p": y}).with_columns(pl.col("y", "p").fill_nan(None))
    later = frame.with_columns(pl.when(pl.col("ds") >= 33).then(777.0).otherwise(pl.col("y", "p")).name.keep())
    config = ForecastConfig(horizon=5, mode=mode, lags=(3,), season=3, input_size=8, samples=20)
    covariates = Covariates([Column([0.0], [1.0])], [], [])

    def windows(data):
        series = SeriesConfig(past=("p",), fill="linear")
        return SeriesWindows(
            frames.read(data, series)[0], config, covariates, calendared=False, scales=Scale(np.zeros(1), np.ones(1))
        )

    one, two, zero = windows(frame), windows(later), np.zeros(1, np.int64)
    for cut in (28, 30, 33):
        a, b = (w.batch(zero, zero + cut, 0 if mode == "recursive" else 5) for w in (one, two))
        assert torch.equal(a.read, b.read)
        assert torch.equal(a.near, b.near)
        model = Ensemble([ForecastModel(config, 1, 0, 0)]).eval()
        a, b = (predicting.forecast(model, w, zero, zero + cut, 5, seed=1) for w in (one, two))
        assert np.array_equal(a, b)
        for naive in (baselines.naive(w.panel, zero, zero + cut, 2) for w in (one, two)):
            assert naive.tolist() == [[27, 27]]
    assert one.batch(zero, zero + 34, 5).read[-7:, 0, 0].diff().std() < 1e-6 or mode == "recursive", (
        "a line, once known"
    )


def test_quantiles_are_put_so_many_times_as_far_from_the_median_which_is_the_forecast():
    found = np.array([[5.0, 3.0, 5.0, 7.0], [5.0, 1.0, 5.0, 5.5]])
    assert predicting.widened(found, np.array([2.0, 1.0, 2.0])).tolist() == [
        [5.0, 1.0, 5.0, 9.0],
        [5.0, -3.0, 5.0, 6.0],
    ]
