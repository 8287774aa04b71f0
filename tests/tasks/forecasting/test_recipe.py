"""Defaults that know how much they have: short panels, counts, what the network starts from."""

import numpy as np
import polars as pl
import pytest

from recurra.tasks.forecasting import Forecaster
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.recipe import SHORT, intermittent, recipe, seasonal
from recurra.tasks.forecasting.series import frames


def frame(**series) -> pl.DataFrame:
    rows = [pl.DataFrame({"unique_id": name, "ds": np.arange(len(v)), "y": v}) for name, v in series.items()]
    return pl.concat(rows)


def panel(**series):
    return frames.read(frame(**series), SeriesConfig(freq="1"))[0]


RNG = np.random.default_rng(0)
WAVE = 10 + np.sin(np.arange(120) * 2 * np.pi / 12) + 0.1 * RNG.normal(size=120)
RARE = (RNG.random(200) < 0.2) * (1.0 + RNG.poisson(1.5, 200))


def test_few_windows_take_few_epochs_and_dropout_and_the_line_says_so():
    found, why = recipe(panel(a=WAVE), 97, 0)
    assert found == SHORT
    assert why == "97 windows to learn from are few: 30 epochs, dropout 0.3"
    assert recipe(panel(a=WAVE), 97, 12) == ({}, "")
    assert recipe(panel(a=WAVE), 5000, 0) == ({}, "")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([0, 0, 3, 0, 1], True),
        ([0, 0, 3, 0, 1.5], False),
        ([0, 0, -3, 0, 1], False),
        ([5, 4, 3, 0, 1], False),
        ([0, 0, 0, 0], False),
        ([], False),
    ],
)
def test_counts_with_many_zeros_are_found(values, found):
    assert intermittent(np.array(values, float)) is found


def test_the_better_first_guess_is_found():
    trend = np.arange(60.0) * 3 + RNG.normal(size=60)
    walk = np.cumsum(RNG.normal(size=200))
    assert seasonal(panel(a=WAVE), 0, 12, 12)
    assert not seasonal(panel(a=trend), 0, 6, 12)
    assert not seasonal(panel(a=walk), 0, 6, 12)
    assert seasonal(panel(a=WAVE[:10]), 0, 12, 12)  # too short to tell: the season, as its user says


def test_the_users_own_settings_win_and_a_preset_has_none(capsys):
    model = Forecaster(horizon=12, season=12, epochs=2, hidden_size=8, conformal=False).fit(frame(a=WAVE), quiet=True)
    assert model.parts["training"].epochs == 2
    assert model.parts["model"].dropout == 0.3
    tiny = Forecaster(horizon=12, season=12, preset="tiny", conformal=False).fit(frame(a=WAVE), quiet=True)
    assert tiny.parts["model"].dropout == 0.0


@pytest.mark.slow
def test_forecasts_of_rare_counts_add_up_and_none_is_negative():
    series = {f"s{k}": (RNG.random(150) < 0.25) * (1.0 + RNG.poisson(1.0, 150)) for k in range(12)}
    model = Forecaster(horizon=14, hidden_size=16, epochs=6)
    cv = model.cross_validate(frame(**series), windows=2, quiet=True)
    assert cv["forecast"].sum() / cv["y"].sum() == pytest.approx(1.0, abs=0.3)
    assert cv.select(pl.min_horizontal("forecast", "q0.1", "q0.5", "q0.9")).min().item() >= 0
    assert (cv["q0.5"] == cv["q0.5"].round()).all()


def test_what_never_is_negative_is_not_forecast_so():
    low = np.abs(RNG.normal(size=80)) * 0.1
    made = Forecaster(horizon=6, season=1, epochs=2, hidden_size=8).fit(frame(a=low), quiet=True).predict()
    assert made["q0.1"].min() >= 0
    below = Forecaster(horizon=6, season=1, epochs=2, hidden_size=8).fit(frame(a=low - 0.2), quiet=True).predict()
    assert below["q0.1"].min() < 0
