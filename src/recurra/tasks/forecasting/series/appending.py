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
    past = 1 + panel.past.shape[1]
    flat, lengths, waits, earliers = [], [], [], []
    for s in range(len(panel.ids)):
        if s not in where:
            lengths.append(0)
            continue
        piece = slice(*rows.offsets[where[s] : where[s] + 2])
        steps = np.arange(rows.lengths[where[s]])
        gap = _gap(panel, s, rows.at(np.full(len(steps), where[s]), steps), config)
        values = np.column_stack([rows.y, rows.past, rows.known])[piece]
        end = panel.offsets[s + 1] - 1
        last = np.concatenate([panel.y[end : end + 1], panel.past[end], panel.known[end]])
        values = np.concatenate([last[None], np.full((gap, len(last)), np.nan), values])
        hows = [filling.how(config, k) for k in range(values.shape[1])]
        pairs = list(zip(values.T, hows, strict=True))
        whole = [filling.fill(column, ~np.isfinite(column), how) for column, how in pairs]
        late = [filling.later(column, ~np.isfinite(column), how) for column, how in pairs[:past]]
        waits.append(np.stack([wait for wait, _ in late], 1)[1:])
        earliers.append(np.stack([earlier for _, earlier in late], 1)[1:])
        flat.append((np.stack(whole, 1)[1:], rows.seen[piece], gap))
        lengths.append(len(values) - 1)
    values = np.concatenate([part for part, _, _ in flat])
    seen = np.concatenate([np.concatenate([np.zeros(gap, bool), part]) for _, part, gap in flat])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return dataclasses.replace(
        panel,
        offsets=offsets,
        y=values[:, 0],
        seen=seen,
        past=values[:, 1:past],
        known=values[:, past:],
        wait=np.concatenate(waits),
        earlier=np.concatenate(earliers),
    )


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
