"""How far forecasts are off, by their published definitions. Arrays of one shape; every mean is over all of it.

smape(y, forecast)                                 in percent, 0 to 200 (Makridakis et al. 2020, the M4 competition)
mase(y, forecast, history, season)                 1 = the seasonal naive forecast in sample (Hyndman & Koehler 2006)
crps(y, quantiles, levels), coverage(y, low, high)
"""

import numpy as np

from recurra.errors import ShapeError
from recurra.tasks.standard import constant


def mse(y, forecast) -> float:
    """The mean squared error: mse([1, 2], [1, 4]) → 2.0."""
    y, forecast = _pair(y, forecast)
    return float(np.mean((y - forecast) ** 2))


def mae(y, forecast) -> float:
    """The mean absolute error: mae([1, 2], [1, 4]) → 1.0."""
    y, forecast = _pair(y, forecast)
    return float(np.mean(np.abs(y - forecast)))


def smape(y, forecast) -> float:
    """The symmetric mean absolute percentage error, 0 to 200: 200 |y - f| / (|y| + |f|); 0 where both are 0."""
    y, forecast = _pair(y, forecast)
    total = np.abs(y) + np.abs(forecast)
    return float(np.mean(200 * np.abs(y - forecast) / np.where(total > 0, total, 1.0)))


def seasonal_error(history, season: int = 1) -> float:
    """What MASE divides by: the mean |y_t - y_{t-season}| of a history; NaN where it is too short, 0 where that is rounding."""
    history = np.asarray(history, np.float64)
    if len(history) <= season:
        return float("nan")
    error = np.mean(np.abs(history[season:] - history[:-season]))
    return 0.0 if constant(error, np.abs(history).max()) else float(error)


def mase(y, forecast, history, season: int = 1) -> float:
    """The mean absolute scaled error of one series' forecast. Infinite where the history only repeats itself."""
    scale = seasonal_error(history, season)
    return float("inf") if scale == 0 else mae(y, forecast) / scale


def pinball(y, quantile, level: float) -> float:
    """The mean pinball loss of a quantile forecast (Koenker & Bassett 1978): level·(y - q), or (1 - level)·(q - y)."""
    y, quantile = _pair(y, quantile)
    off = y - quantile
    return float(np.mean(np.maximum(level * off, (level - 1) * off)))


def crps(y, quantiles, levels) -> float:
    """The continuous ranked probability score, from quantiles: twice the pinball loss, summed over all chances.

    quantiles: as y with one more dimension at the end, for the levels, which rise. Each stands for the chances nearest to
    it (Gneiting & Ranjan 2011, by the midpoint rule): few levels, or none in the middle, measure it coarsely.
    """
    quantiles = np.asarray(quantiles, np.float64)
    if quantiles.shape[-1] != len(levels):
        raise ShapeError(f"crps: `quantiles` is {quantiles.shape}; expected (..., {len(levels)}) = (..., levels)")
    levels = np.asarray(levels, np.float64)
    edges = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    losses = [pinball(y, quantiles[..., k], level) for k, level in enumerate(levels)]
    return float(2 * np.diff(edges) @ losses)


def coverage(y, low, high) -> float:
    """Which part of the values lies between two quantiles, ends included: coverage([1, 2], [0, 0], [1, 1]) → 0.5."""
    y, low = _pair(y, low)
    y, high = _pair(y, high)
    return float(np.mean((low <= y) & (y <= high)))


def _pair(y, forecast) -> tuple[np.ndarray, np.ndarray]:
    y, forecast = np.asarray(y, np.float64), np.asarray(forecast, np.float64)
    if y.shape != forecast.shape:
        raise ShapeError(f"the forecast is {forecast.shape}; expected {y.shape}, as the values are")
    return y, forecast
