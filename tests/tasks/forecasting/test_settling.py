"""What the data settles."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import waves

from recurra.errors import ConfigError
from recurra.tasks.forecasting import Forecaster, settings, settling
from recurra.tasks.forecasting.series import frames

TINY = {"preset": "tiny", "horizon": 6, "input_size": 12, "epochs": 2, "epoch_steps": 6}


def test_short_series_are_forecast_though_not_learned_from(capsys):
    data = waves(80, 4)
    model = Forecaster(season=12, **TINY).fit(data, quiet=False)
    assert "1 series are shorter than 13 steps: forecast, but not learned from" in capsys.readouterr().err
    found = model.predict()
    assert np.isfinite(found["forecast"]).all()
    assert found["seasonal_naive"][6:].tolist() == [data["y"][83]] * 6
    short = Forecaster(**TINY).fit(waves(15), quiet=False)
    assert "too short to hold anything out" in capsys.readouterr().err
    assert len(short.predict()) == 6


def settled(*lengths, **changes):
    parts = settings(horizon=6, **changes)
    panel, _ = frames.read(waves(*lengths), parts["series"])
    return settling.settled(parts, panel)


def test_what_is_left_open_follows_from_the_series():
    parts = settled(200, 300)
    assert (parts["series"].freq, parts["series"].validation) == ("h", 25)
    assert (parts["model"].season, parts["model"].lags, parts["model"].input_size) == (24, (24,), 72)
    parts = settled(200, 300, season=12, lags=(1, 2), input_size=9, validation=0)
    assert (parts["model"].season, parts["model"].lags, parts["model"].input_size) == (12, (1, 2), 9)
    assert parts["series"].validation == 0


@pytest.mark.parametrize(("validation", "steps"), [(0.2, 40), (0.001, 6), (7, 7), (20.0, 20), (None, 20), (0, 0)])
def test_what_is_held_out_is_a_fraction_or_a_number_of_steps(validation, steps):
    assert settled(200, validation=validation)["series"].validation == steps


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        (5, "`validation` is 5 steps; expected 0, or at least the horizon, 6"),
        (8.5, "`validation` is 8.5; expected a fr"),
    ],
)
def test_a_number_that_cannot_be_held_out_is_refused(validation, message):
    with pytest.raises(ConfigError) as error:
        settled(200, validation=validation)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("freq", "length", "want"),
    [
        ("h", 200, 48),
        ("15min", 400, 96),
        ("2h", 200, 24),
        ("D", 200, 14),
        ("2D", 200, 7),
        ("B", 200, 10),
        ("W-MON", 200, 13),
        ("Sun Mon Tue Wed Thu", 200, 10),
        ("MS", 200, 12),
        ("BME", 200, 12),
        ("QS", 200, 4),
        ("YS", 40, 4),
        ("D", 20, 6),
    ],
)
def test_the_horizon_follows_the_frequency(freq, length, want):
    offset = pd.offsets.CustomBusinessDay(weekmask=freq) if " " in freq else freq
    frame = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=length, freq=offset), "y": np.arange(length) * 1.0})
    parts = settings(freq=freq)
    assert settling.settled(parts, frames.read(frame, parts["series"])[0])["model"].horizon == want
    assert settling.settled(settings(horizon=5), frames.read(frame, parts["series"])[0])["model"].horizon == 5


def test_a_horizon_left_open_is_settled_for_scores_too(capsys):
    model = Forecaster(**{name: value for name, value in TINY.items() if name != "horizon"})
    assert len(model.cross_validate(waves(100))) == 33
    assert len(model.cross_validate(waves(100), h=5)) == 5
    model.fit(waves(100), quiet=False)
    assert "horizon: 33 hours" in capsys.readouterr().err
    assert (model.horizon, model.parts["model"].horizon, len(model.predict())) == (None, 33, 33)
