"""Which inputs moved a forecast: what was planted is found, and noise is not."""

import numpy as np
import pandas as pd
import pytest

from recurra.errors import ConfigError, NotFittedError
from recurra.tasks.forecasting import Forecaster

SMALL = {"horizon": 2, "input_size": 8, "hidden_size": 16, "decoder_size": 8, "epochs": 12, "epoch_steps": 40}


def _planted(n: int = 400) -> pd.DataFrame:
    """Values that follow a column known ahead, and themselves five steps before; another column is noise."""
    random = np.random.default_rng(0)
    driver, noise = random.normal(size=(2, n))
    y = np.zeros(n)
    for t in range(n):
        y[t] = 10 + 3 * driver[t] + (0.8 * (y[t - 5] - 10) if t >= 5 else 0) + 0.1 * random.normal()
    return pd.DataFrame({"ds": np.arange(n), "y": y, "driver": driver, "noise": noise})


@pytest.mark.slow
def test_a_planted_driver_and_a_planted_lag_are_found_and_noise_is_not():
    frame = _planted()
    ahead = frame[["ds", "driver", "noise"]].tail(2).assign(ds=[400, 401], driver=[2.0, 2.0], noise=[2.0, 2.0])
    model = Forecaster(freq=1, future=("driver", "noise"), lr=1e-2, batch_size=32, **SMALL).fit(frame, quiet=True)
    found = model.explain(future=ahead)
    assert set(found["input"]) == {"driver", "noise", "y"}
    assert sorted(found["lag"]) == [0, 0, *range(1, 9)]
    assert found["size"].is_monotonic_decreasing
    assert np.all(np.abs(found["effect"]) <= found["size"] + 1e-9)
    by = found.set_index(["input", "lag"])["effect"]
    assert by["driver", 0] == pytest.approx(6, abs=1.5)
    assert abs(by["noise", 0]) < 1
    # The value five steps before the first forecast is far from its usual level: it moves this forecast by 0.8 of that.
    far = frame.assign(y=np.where(frame["ds"] == 395, 20.0, frame["y"]))
    one = model.explain(1, ahead.head(1), frame=far).query("input == 'y'")
    assert one["lag"].iloc[0] == 5, one
    assert one["effect"].iloc[0] > 2 * one["size"].iloc[1], one


def test_words_of_series_and_covariates_of_the_past_are_inputs_too():
    frame = pd.concat(_planted(60).assign(unique_id=name, town=town) for name, town in (("a", "x"), ("b", "y")))
    settings = {"past": "driver", "static": "town", **SMALL, "epochs": 1}
    model = Forecaster(log=True, **settings).fit(frame.assign(y=np.exp(frame["y"] / 10)), quiet=True)
    found = model.explain()
    assert found.groupby("unique_id").size().tolist() == [10, 10]
    assert set(found["input"]) == {"driver", "town", "y"}
    assert np.isfinite(found["size"]).all()
    assert found.equals(model.explain(frame=frame.assign(y=np.exp(frame["y"] / 10))))


def test_explanations_are_refused_as_forecasts_are():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        Forecaster(horizon=2).explain()
    model = Forecaster(future="driver", **SMALL | {"epochs": 1}).fit(_planted(60), quiet=True)
    with pytest.raises(ConfigError, match="the model needs driver for the next 2 steps"):
        model.explain()
