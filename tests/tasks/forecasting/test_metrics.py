"""Measures by hand, and against the distribution they stand for."""

import numpy as np
import pytest
import torch

from recurra.errors import ShapeError
from recurra.tasks.forecasting import metrics


def test_measures_by_hand():
    y, forecast = [100.0, 50.0, 0.0], [110.0, 40.0, 0.0]
    assert metrics.mse(y, forecast) == pytest.approx(200 / 3)
    assert metrics.mae(y, forecast) == pytest.approx(20 / 3)
    assert metrics.smape(y, forecast) == pytest.approx((200 * 10 / 210 + 200 * 10 / 90 + 0) / 3)
    # |3-1|, |5-2|, |4-3| at season 2: 2 in the mean.
    assert metrics.seasonal_error([1, 2, 3, 5, 4], 2) == pytest.approx(2)
    assert metrics.mase([6, 8], [5, 5], [1, 2, 3, 5, 4], 2) == pytest.approx(1)
    assert metrics.mase([1.0], [2.0], [3, 3, 3], 1) == float("inf")
    assert np.isnan(metrics.seasonal_error([1, 2], 2))
    assert metrics.pinball([10.0], [8.0], 0.9) == pytest.approx(1.8)
    assert metrics.pinball([8.0], [10.0], 0.9) == pytest.approx(0.2)
    # Up to 0.3 the chances are nearest to 0.1, from there to 0.5.
    assert metrics.crps([10.0], [[8.0, 11.0]], [0.1, 0.5]) == pytest.approx(0.3 * 2 * 0.2 + 0.7 * 2 * 0.5)
    assert metrics.coverage([1, 2, 3, 4], [0, 2, 4, 0], [1, 2, 5, 3]) == 0.5


def test_crps_of_many_quantiles_is_that_of_the_distribution():
    """A standard normal against 0.3: CRPS = z (2 Φ(z) - 1) + 2 φ(z) - 1/√π (Gneiting & Raftery 2007)."""
    levels = (np.arange(999) + 0.5) / 999
    quantiles = torch.special.ndtri(torch.from_numpy(levels)).numpy()
    z = 0.3
    want = z * (2 * 0.6179114222 - 1) + 2 * 0.3813878155 - 1 / np.sqrt(np.pi)
    assert metrics.crps([z], quantiles[None], levels) == pytest.approx(want, abs=1e-4)
    # More of them where they are in a hurry, at the tails, changes nothing.
    some = np.r_[0:20, 20:980:20, 980:999]
    assert metrics.crps([z], quantiles[None, some], levels[some]) == pytest.approx(want, abs=1e-3)


def test_a_history_that_repeats_itself_but_for_rounding_repeats_itself():
    history = np.where(np.arange(30) % 3, 0.3, 0.1 + 0.2)
    assert metrics.seasonal_error(history, 1) == 0
    assert metrics.seasonal_error(history * 1e-12, 1) == 0
    assert metrics.mase([0.3], [0.4], history) == np.inf
    assert metrics.seasonal_error([1e12, 1e12 + 1]) == 1


def test_measures_refuse_other_shapes():
    with pytest.raises(ShapeError, match=r"the forecast is \(2,\); expected \(3,\), as the values are"):
        metrics.mae([1, 2, 3], [1, 2])
    with pytest.raises(ShapeError, match=r"crps: `quantiles` is \(1, 2\); expected \(\.\.\., 3\)"):
        metrics.crps([1.0], [[1.0, 2.0]], [0.1, 0.5, 0.9])


def test_m4_hourly_seasonal_naive_has_the_published_figures(real_data):
    """13.912 and 1.193 in the competition's own sheet."""
    train, test = ([[float(c.strip('"')) for c in line.split(",")[1:] if c.strip('"')] for line in
                    real_data(f"m4/Hourly-{part}.csv").read_text().splitlines()[1:]] for part in ("train", "test"))  # fmt: skip
    forecasts = [(history[-24:] * 2) for history in train]
    smape = np.mean([metrics.smape(y, f) for y, f in zip(test, forecasts, strict=True)])
    mase = np.mean([metrics.mase(y, f, h, 24) for y, f, h in zip(test, forecasts, train, strict=True)])
    assert (round(smape, 3), round(mase, 3)) == (13.912, 1.193)
