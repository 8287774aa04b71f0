"""Missing values of a panel: filled as the settings say, so that no forecast sees past its cutoff, or reported."""

import dataclasses

import numpy as np

from recurra.errors import DataError, setting
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series.frequency import shown
from recurra.tasks.forecasting.series.panel import Panel


def filled(panel: Panel, config: SeriesConfig) -> Panel:
    """A panel with its missing values filled; the given one stays as it is. DataError if `fill` is "error"."""
    missing = ~np.isfinite(panel.y)
    if not missing.any():
        return panel
    if config.fill == "error":
        row = int(missing.argmax())
        raise DataError(
            f"series {panel.ids[panel.owners[row]]!r} has no {config.target_col!r} at {shown(panel.stamps()[row])}"
            f" ({missing.sum()} missing in all); say what becomes of missing values: {setting('fill', 'forward')}, "
            f"{setting('fill', 'linear')} or {setting('fill', 'zero')}"
        )
    y, wait, earlier = panel.y.copy(), panel.wait.copy(), panel.earlier.copy()
    for s, (a, b) in enumerate(zip(panel.offsets, panel.offsets[1:], strict=False)):
        if missing[a:b].all():
            raise DataError(f"series {panel.ids[s]!r} has no value of {config.target_col!r} at all; leave it out")
        y[a:b] = fill(panel.y[a:b], missing[a:b], config.fill)
        wait[a:b], earlier[a:b] = later(panel.y[a:b], missing[a:b], config.fill)
    return dataclasses.replace(panel, y=y, wait=wait, earlier=earlier)


def later(values: np.ndarray, missing: np.ndarray, how: str) -> tuple[np.ndarray, np.ndarray]:
    """For each place the steps until the value is measured that its filling stands on (see Panel), and what it is before."""
    places = np.arange(len(values))
    after = np.minimum.accumulate(np.where(missing, len(values), places)[::-1])[::-1]
    before = np.maximum.accumulate(np.where(missing, -1, places))
    looks = {"zero": False, "forward": before < 0, "linear": True}.get(how, False) & missing & (after < len(values))
    return np.where(looks, after - places, 0), np.where(looks & (before >= 0), values[before], 0.0)


def fill(values: np.ndarray, missing: np.ndarray, how: str) -> np.ndarray:
    """Values with what is missing filled, (n,) each: fill([1, nan, 3], [False, True, False], "linear") → [1, 2, 3]."""
    have = np.flatnonzero(~missing)
    if how == "zero":
        return np.where(missing, 0.0, values)
    if how == "linear":
        return np.interp(np.arange(len(values)), have, values[have])
    last = np.maximum.accumulate(np.where(missing, -1, np.arange(len(values))))
    return values[np.where(last < 0, have[0], last)]  # before the first value there is only the first
