"""New rows behind a history: that they follow it is checked, and a gap between is filled or reported."""

import dataclasses

import numpy as np

from recurra.errors import DataError, nearest, setting
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series import filling
from recurra.tasks.forecasting.series.frequency import shown
from recurra.tasks.forecasting.series.panel import Panel


def follow(panel: Panel, rows: Panel, config: SeriesConfig) -> Panel:
    """The rows as steps behind those of the panel, for each of its series in order; none for a series without rows.

    rows: with NaN where a value is missing, which is filled from the panel's end on.
    """
    where = {}
    for number, (name, owner) in enumerate(zip(rows.ids, panel.numbered(rows.ids).tolist(), strict=True)):
        if owner < 0:
            raise DataError(f"the model knows no series {name!r}; {nearest(name, panel.ids)}")
        where[owner] = number
    lengths, parts = [], []
    for s in range(len(panel.ids)):
        if s not in where:
            lengths.append(0)
            continue
        piece = slice(*rows.offsets[where[s] : where[s] + 2])
        steps = np.arange(rows.lengths[where[s]])
        gap = _gap(panel, s, rows.at(np.full(len(steps), where[s]), steps), config)
        end = panel.offsets[s + 1] - 1
        y = np.concatenate([panel.y[end : end + 1], np.full(gap, np.nan), rows.y[piece]])
        missing = ~np.isfinite(y)
        wait, earlier = filling.later(y, missing, config.fill)
        # Where no row is, a covariate is as it was.
        past, known = (
            np.concatenate([np.repeat(ours[end : end + 1], gap, 0), new[piece]])
            for ours, new in ((panel.past, rows.past), (panel.known, rows.known))
        )
        y = filling.fill(y, missing, config.fill)
        parts.append((y[1:], np.append(np.zeros(gap, bool), rows.seen[piece]), past, known, wait[1:], earlier[1:]))
        lengths.append(len(y) - 1)
    names = ("y", "seen", "past", "known", "wait", "earlier")
    flat = dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))
    return dataclasses.replace(panel, offsets=np.concatenate([[0], np.cumsum(lengths)]), words=rows.words, **flat)


def _gap(panel: Panel, s: int, stamps: np.ndarray, config: SeriesConfig) -> int:
    """Steps between the last one known and the first new one. stamps: of the rows, on the grid that they have by themselves."""
    places, off = panel.places_of(s, stamps)
    first, gap = stamps[0], int(places[0] - panel.lengths[s])
    last = panel.stamp(s, panel.lengths[s] - 1)
    name = panel.ids[s]
    if off.any():
        raise DataError(
            f"series {name!r}: {shown(stamps[off][0])} is not a whole number of steps of {panel.freq} after {shown(last)}"
        )
    if gap < 0:
        raise DataError(
            f"series {name!r} is known up to {shown(last)} already, and the rows begin at {shown(first)}; give newer ones"
        )
    if gap and config.fill == "error":
        raise DataError(
            f"series {name!r} is known up to {shown(last)}, and the rows begin at {shown(first)}: {gap} stamps are missing"
            f" between; give them, or fit with {setting('fill', 'forward')}, 'linear' or 'zero'"
        )
    return gap
