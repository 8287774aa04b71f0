"""Calibration: intervals are made as wide as held-out steps need; the promise holds on steps that nothing saw."""

import json

import numpy as np
import polars as pl
import pytest

from recurra.errors import RunError
from recurra.tasks.forecasting import Forecaster
from recurra.tasks.forecasting.calibration import FEW, LEAST, factors, horizons

RNG = np.random.default_rng(1)


def frame(**series) -> pl.DataFrame:
    rows = [pl.DataFrame({"unique_id": name, "ds": np.arange(len(v)), "y": v}) for name, v in series.items()]
    return pl.concat(rows)


def errors(values, quantiles) -> np.ndarray:
    """Values less the median, 0, and less the quantiles: (n, 1, 1 + quantiles)."""
    values, places = np.asarray(values, float), np.array([0.0, *quantiles])
    return (values[:, None] - places)[:, None, :]


def test_the_factor_of_an_interval_is_the_quantile_of_how_far_values_lie_from_the_median():
    values = [*np.arange(1.0, 9.0), -9.0, -10.0]
    # Nine in ten lie within 9 of the median; above it 1 is the unit, below it 3.
    low, middle, high = factors(errors(values, [-3.0, 0.0, 1.0]), (0.05, 0.5, 0.95), FEW)
    assert (low, middle, high) == (8.0, 1.0, 8.0)
    assert factors(errors(values, [1.0]), (0.9,), FEW) == (8.0,)
    inner = factors(errors(values, [-3.0, -1.0, 0.0, 1.0, 3.0]), (0.1, 0.3, 0.5, 0.7, 0.9), FEW)
    assert inner == (3.0, 5.0, 1.0, 5.0, 3.0)


def test_few_errors_say_nothing_and_few_horizons_make_nothing_narrower():
    assert factors(errors(np.zeros(LEAST - 1), [-1.0, 1.0]), (0.1, 0.9), 99) is None
    assert factors(errors(np.full(50, np.nan), [-1.0, 1.0]), (0.1, 0.9), 99) is None
    near = errors(RNG.normal(size=50) / 100, [-1.0, 1.0])
    assert factors(near, (0.1, 0.9), FEW - 0.1) == (1.0, 1.0)
    assert max(factors(near, (0.1, 0.9), FEW)) < 0.1


def test_quantiles_on_the_median_are_not_divided_by():
    assert np.isfinite(factors(errors(np.ones(9), [0.0, 0.0]), (0.1, 0.9), FEW)).all()


def test_overlapping_windows_count_as_the_horizons_that_they_span():
    assert horizons(np.array([0, 0, 0, 2, 2]), np.array([10, 11, 12, 50, 62]), 12) == (14 + 24) / 12
    assert horizons(np.array([], np.int64), np.array([], np.int64), 12) == 0


def test_after_the_factor_the_interval_holds_as_many_as_it_says():
    values = RNG.normal(size=(2, 2000))
    found = factors(errors(values[0], [-0.4, 0.4]), (0.1, 0.9), 500)
    inside = (np.abs(values[1]) <= 0.4 * found[0]).mean()
    assert abs(inside - 0.8) < 0.03


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
    assert len(learned["widths"]) == 3
    again = Forecaster.load(tmp_path / "run")
    assert again.predict().equals(model.predict())
    resumed = Forecaster.resume(tmp_path / "run", frame(a=values), quiet=True)
    assert resumed.predict().equals(model.predict())
    plain = Forecaster(horizon=6, season=1, epochs=2, hidden_size=8, conformal=False).fit(frame(a=values), quiet=True)
    assert plain.learned.widths is None
    assert plain.predict()["forecast"].equals(model.predict()["forecast"])
    assert not plain.predict()["q0.9"].equals(model.predict()["q0.9"])


@pytest.mark.parametrize("widths", [[1.0, 1.0], [1.0, -1.0, 1.0], [1.0, float("nan"), 1.0], "wide", [None, 1.0, 1.0]])
def test_widths_of_a_stranger_are_refused_in_one_line(tmp_path, widths):
    values = 20 + np.cumsum(RNG.normal(size=70))
    folder = tmp_path / "run"
    Forecaster(horizon=6, season=1, epochs=1, hidden_size=8, conformal=False).fit(
        frame(a=values), out=folder, quiet=True
    )
    about = json.loads((folder / "config.json").read_text())
    about["learned"]["widths"] = widths
    (folder / "config.json").write_text(json.dumps(about))
    with pytest.raises(RunError, match=r"config.json is damaged: .*widths.*\. Restore it from a copy, or train again"):
        Forecaster.load(folder)
