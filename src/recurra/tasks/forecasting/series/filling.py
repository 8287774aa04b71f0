"""Missing values of a panel: filled as the settings say, so that no forecast sees past its cutoff, or reported."""

import dataclasses

import numpy as np

from recurra.errors import DataError, setting
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series.frequency import shown
from recurra.tasks.forecasting.series.panel import Panel


def filled(panel: Panel, config: SeriesConfig, names: list[str]) -> Panel:
    """A panel with its missing values filled; the given one stays as it is. DataError where `fill` is "error"."""
    flat = np.concatenate([panel.y[:, None], panel.past, panel.known], 1)
    missing = ~np.isfinite(flat)
    if not missing.any():
        return panel
    row, which = np.argwhere(missing)[0]
    owner, name = panel.owners[row], names[1 + which]
    if config.fill == "error":
        stamp = panel.stamps()[row]
        raise DataError(
            f"series {panel.ids[owner]!r} has no {name!r} at {shown(stamp)} ({missing[:, which].sum()} missing in all);"
            f" say what becomes of missing values: {setting('fill', 'forward')}, "
            f"{setting('fill', 'linear')} or {setting('fill', 'zero')}"
        )
    wait, earlier = panel.wait.copy(), panel.earlier.copy()
    for s, (a, b) in enumerate(zip(panel.offsets, panel.offsets[1:], strict=False)):
        if missing[a:b].all(0).any():
            empty = names[1 + int(missing[a:b].all(0).argmax())]
            raise DataError(f"series {panel.ids[s]!r} has no value of {empty!r} at all; leave it out")
        for k in range(flat.shape[1]):
            values = flat[a:b, k].copy()
            flat[a:b, k] = fill(values, missing[a:b, k], how(config, k))
            # What is known ahead has no cut to look across.
            if k < wait.shape[1]:
                wait[a:b, k], earlier[a:b, k] = later(values, missing[a:b, k], how(config, k))
    past = panel.past.shape[1]
    return dataclasses.replace(
        panel, y=flat[:, 0], past=flat[:, 1 : 1 + past], known=flat[:, 1 + past :], wait=wait, earlier=earlier
    )


def how(config: SeriesConfig, column: int) -> str:
    """How a column is filled: 0 is the target. No sales are 0 sold, and not a price of 0: that is the last one known."""
    return "forward" if column and config.fill == "zero" else config.fill


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
