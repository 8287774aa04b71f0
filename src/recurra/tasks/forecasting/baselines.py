"""What any model must beat: the last value, and the value one season before (Hyndman & Athanasopoulos 2021, ch. 5.2)."""

import numpy as np

from recurra.tasks.forecasting.series.panel import Panel


def naive(panel: Panel, series: np.ndarray, cuts: np.ndarray, steps: int) -> np.ndarray:
    """The last value before each cut, again and again: (B, steps)."""
    last = panel.known_at(series, cuts - 1, cuts)
    return np.repeat(last[:, None], steps, 1)


def seasonal_naive(panel: Panel, series: np.ndarray, cuts: np.ndarray, steps: int, season: int) -> np.ndarray:
    """The newest value whole seasons before each step: (B, steps); the last value where a series is too short for it."""
    ahead = np.arange(steps)
    places = cuts[:, None] + ahead - season * (ahead // season + 1)
    found = panel.known_at(series[:, None], np.maximum(places, 0), cuts[:, None])
    return np.where(places >= 0, found, naive(panel, series, cuts, steps))
