"""A series which is its own index is forecast."""

import numpy as np
import polars as pl
import pytest

from recurra.tasks.forecasting import Forecaster

QUICK = {"hidden_size": 16, "decoder_size": 16, "lr": 1e-2, "batch_size": 32}


@pytest.mark.parametrize("mode", ["direct", "recursive"])
def test_the_series_1_2_3_goes_on(mode):
    frame = pl.DataFrame({"ds": np.arange(1, 121), "y": np.arange(1.0, 121.0)})
    model = Forecaster(3, mode=mode, head="mean", input_size=12, epochs=60, **QUICK).fit(frame, quiet=True)
    found = model.predict()
    assert found["ds"].to_list() == [121, 122, 123]
    assert np.abs(found["forecast"].to_numpy() - [121, 122, 123]).max() < 0.3
    assert found["naive"].to_list() == [120, 120, 120]


@pytest.mark.parametrize("mode", ["direct", "recursive"])
def test_noise_that_covariates_give_away_is_forecast_exactly_where_they_do(mode):
    """A past covariate tells the next value, a future one its own: one step off, and nothing is forecast."""
    y = np.random.default_rng(0).normal(size=601)
    frame = pl.DataFrame({"ds": np.arange(600), "y": y[:600], "next": y[1:], "this": y[:600]})
    told = {"past": {"past": ("next",)}, "future": {"future": ("this",)}}
    for kind, columns in told.items():
        model = Forecaster(3, mode=mode, head="mean", input_size=8, scaling="series", epochs=20, **QUICK, **columns)
        cv = model.cross_validate(frame, windows=15, step=2, quiet=True)
        off = np.abs(cv["y"].to_numpy() - cv["forecast"].to_numpy()).reshape(15, 3).mean(0)
        told_steps = 1 if kind == "past" else 3
        assert (off[:told_steps] < 0.25).all(), (kind, off)
        assert (off[told_steps:] > 0.4).all(), (kind, off)
