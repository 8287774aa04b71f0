"""What a window of a series reads, and what it forecasts from."""

import numpy as np
import polars as pl
import torch
from helpers.series import index_panel

from recurra.tasks.forecasting.config import ForecastConfig, SeriesConfig
from recurra.tasks.forecasting.series import frames
from recurra.tasks.forecasting.series.encoding import Column
from recurra.tasks.forecasting.series.windows import Covariates, SeriesWindows, describe

AS_IS = Covariates([Column([0.0], [1.0])], [Column([0.0], [1.0])], [])


def index_windows(mode, *lengths, lags=(4,), input_size=6):
    config = ForecastConfig(horizon=3, mode=mode, scaling="none", lags=lags, season=lags[0], input_size=input_size)
    return SeriesWindows(index_panel(*lengths), config, AS_IS, calendared=False)


def test_a_direct_window_reads_up_to_the_cut_and_forecasts_from_it():
    window = index_windows("direct", 30, 20).batch(np.array([0, 1]), np.array([20, 12]), 3)
    values, seen, lagged, past, known, fresh = window.read.unbind(-1)
    assert values.T.tolist() == [[15, 16, 17, 18, 19, 20], [7, 8, 9, 10, 11, 12]]
    assert lagged.T.tolist() == [[11, 12, 13, 14, 15, 16], [3, 4, 5, 6, 7, 8]]
    assert torch.equal(past, 10 * values)
    assert torch.equal(known, 100 * values)
    assert bool((seen == 1).all())
    assert bool((fresh == 1).all())
    assert window.target.T.tolist() == [[21, 22, 23], [13, 14, 15]]
    assert window.known[..., 0].T.tolist() == [[2100, 2200, 2300], [1300, 1400, 1500]]
    last, season = window.near.unbind(-1)
    assert last.T.tolist() == [[20, 20, 20], [12, 12, 12]]
    assert season.T.tolist() == [[17, 18, 19], [9, 10, 11]]


def test_a_recursive_window_reads_each_value_one_step_before_it_is_forecast():
    window = index_windows("recursive", 30).batch(np.array([0]), np.array([20]), 3)
    values, seen, lagged, past, known, fresh = (part[:, 0].tolist() for part in window.read.unbind(-1))
    assert window.target[:, 0].tolist() == [15, 16, 17, 18, 19, 20, 21, 22, 23]
    assert values == [14, 15, 16, 17, 18, 19, 20, 21, 22]
    assert lagged == [11, 12, 13, 14, 15, 16, 17, 18, 19]
    assert known == [100 * t for t in window.target[:, 0].tolist()]
    assert past == [10 * v for v in values[:7]] + [0, 0]
    assert fresh == [1] * 7 + [0, 0]
    assert seen == [1] * 9
    assert window.near[:, 0].tolist() == [list(pair) for pair in zip(values, lagged, strict=True)]


def test_a_season_shorter_than_the_horizon_is_repeated():
    window = index_windows("direct", 30, lags=(2,)).batch(np.array([0]), np.array([20]), 3)
    assert window.near[:, 0, 1].tolist() == [19, 20, 19]


def test_before_a_series_begins_there_is_padding_and_nothing_of_the_series_before():
    window = index_windows("direct", 30, 20).batch(np.array([1]), np.array([2]), 3)
    values, seen, lagged, past, known, fresh = (part[:, 0].tolist() for part in window.read.unbind(-1))
    assert values == [0, 0, 0, 0, 1, 2]
    assert seen == fresh == [0, 0, 0, 0, 1, 1]
    assert lagged == [0] * 6
    assert (past, known) == ([0, 0, 0, 0, 10, 20], [0, 0, 0, 0, 100, 200])
    assert window.near[:, 0, 1].tolist() == [2, 2, 1], "where there is no season yet, the last value stands in"
    assert window.target[:, 0].tolist() == [3, 4, 5]


def test_filled_values_are_marked_and_have_no_say_in_the_loss():
    frame = pl.DataFrame({"ds": [1, 2, 3, 5, 6, 7, 9], "y": [1.0, 2, 3, 5, 6, 7, 9]})
    panel, _ = frames.read(frame, SeriesConfig(fill="linear"), None)
    config = ForecastConfig(horizon=3, scaling="none", lags=(), season=1, input_size=5)
    window = SeriesWindows(panel, config, describe(panel), calendared=False).batch(np.array([0]), np.array([6]), 3)
    assert window.read[:, 0, :2].tolist() == [[2, 1], [3, 1], [4, 0], [5, 1], [6, 1]]
    assert (window.target[:, 0].tolist(), window.weight[:, 0].tolist()) == ([7, 8, 9], [1, 0, 1])
