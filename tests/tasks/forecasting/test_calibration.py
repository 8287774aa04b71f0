"""Calibration: quantiles are moved by how far they were off; the promise holds on steps that nothing saw."""

import json

import numpy as np
import polars as pl
import pytest

from recurra.tasks.forecasting import Forecaster
from recurra.tasks.forecasting.calibration import BY_STEP, shifts

RNG = np.random.default_rng(1)


def frame(**series) -> pl.DataFrame:
    rows = [pl.DataFrame({"unique_id": name, "ds": np.arange(len(v)), "y": v}) for name, v in series.items()]
    return pl.concat(rows)


def test_shifts_are_the_errors_quantiles_with_the_finite_sample_term():
    off = np.arange(1.0, 20.0)[:, None, None] * np.ones((1, 1, 3))  # 19 errors, 1 to 19
    (row,) = shifts(off, (0.1, 0.5, 0.9))
    assert row.tolist() == [2.0, 0.0, 18.0]  # places 20 · 0.1 and 20 · 0.9
    (row,) = shifts(off[:9], (0.05, 0.5, 0.95))
    assert row.tolist() == [1.0, 0.0, 9.0]  # the ends of what was seen


def test_few_errors_say_nothing_and_many_have_a_shift_for_each_step():
    assert shifts(np.zeros((4, 1, 3)), (0.1, 0.5, 0.9)) is None
    assert shifts(np.full((50, 2, 3), np.nan), (0.1, 0.5, 0.9)) is None
    many = RNG.normal(size=(BY_STEP, 2, 3)) * np.array([1.0, 5.0])[:, None]
    found = shifts(many, (0.1, 0.5, 0.9))
    assert found[1, 2] > 3 * found[0, 2] > 0


def test_after_the_shift_the_level_is_the_part_below():
    off = RNG.normal(1.0, 2.0, size=(150, 4, 2))
    found = shifts(off[:100], (0.1, 0.9))
    below = (off[100:] <= found).mean((0, 1))
    assert abs(below[0] - 0.1) < 0.06
    assert abs(below[1] - 0.9) < 0.06


def covered(made) -> float:
    return float(((made["q0.1"] <= made["y"]) & (made["y"] <= made["q0.9"])).mean())


@pytest.mark.soak
def test_a_short_series_has_intervals_that_hold():
    walks = {f"s{k}": 50 + np.cumsum(RNG.normal(size=90)) for k in range(6)}
    rates = {}
    for conformal in (True, False):
        found = []
        for name, values in walks.items():
            model = Forecaster(horizon=8, season=1, epochs=120, dropout=0.0, conformal=conformal)
            found.append(covered(model.cross_validate(frame(**{name: values}), windows=3, quiet=True)))
        rates[conformal] = np.mean(found)
    assert rates[True] > rates[False]
    assert 0.65 < rates[True] <= 1.0


def test_a_kept_run_and_one_that_is_opened_have_the_same_intervals(tmp_path):
    values = 20 + np.cumsum(RNG.normal(size=70))
    model = Forecaster(horizon=6, season=1, epochs=2, hidden_size=8)
    model.fit(frame(a=values), out=tmp_path / "run", quiet=True)
    learned = json.loads((tmp_path / "run/config.json").read_text())["learned"]
    assert np.shape(learned["shifts"]["values"]) == (6, 3)
    again = Forecaster.load(tmp_path / "run")
    assert again.predict().equals(model.predict())
    resumed = Forecaster.resume(tmp_path / "run", frame(a=values), quiet=True)
    assert resumed.predict().equals(model.predict())
    plain = Forecaster(horizon=6, season=1, epochs=2, hidden_size=8, conformal=False).fit(frame(a=values), quiet=True)
    assert plain.learned.shifts is None
    assert plain.predict()["forecast"].equals(model.predict()["forecast"])
    assert not plain.predict()["q0.9"].equals(model.predict()["q0.9"])
