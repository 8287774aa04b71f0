"""Series → what the model reads: values on the scale of their window, the same some lags before, covariates.

A window is a series and a cut: the place of the first step to forecast. Everything before it may be read, nothing from
it on but what is known ahead: a filled value is what it was then, without the value after the gap (see Panel.wait).
Places before a series begins read as 0 and are marked as not seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from recurra.errors import DataError, setting
from recurra.tasks.forecasting.config import ForecastConfig
from recurra.tasks.forecasting.series import calendar
from recurra.tasks.forecasting.series.encoding import Column, coded
from recurra.tasks.forecasting.series.panel import Panel, plain
from recurra.tasks.standard import constant

_FLOOR = (
    0.1  # least size of a window's scale, as a part of its series': one that stands still must not blow up what follows
)


class Scale(NamedTuple):
    """What values are measured in: (value - level) / size. (B,) float64 each. A size of 0: the forecast is the level."""

    level: np.ndarray
    size: np.ndarray

    def measured(self, values: np.ndarray) -> np.ndarray:
        """(B, T) values on the scale."""
        return (values - self.level[:, None]) / np.where(self.size > 0, self.size, 1.0)[:, None]


@dataclass(frozen=True)
class Sizes:
    """Sizes for series that do not move, and so have none of their own: learned from the series that do.

    Such a series is measured in that much of its level, or where this is 0 in the usual size, divided by how many values it
    stood still for: of one value nothing is known, of a hundred equal ones that the next is hardly another.
    """

    of_level: float
    """Median size for each unit of the level, over the series that move; 0 where none does."""
    usual: float
    """Median size of the series that move; 0 where none does."""

    @classmethod
    def learn(cls, measured: Scale, config: ForecastConfig) -> Self:
        """From series as they are measured, with a size of 0 for those that do not move."""
        moving = measured.size > 0
        level, size = np.abs(measured.level[moving]), measured.size[moving]
        # The level of a logarithm says nothing of how far it moves: in another unit it is another.
        ratios = (size / np.where(level > 0, level, np.inf))[level > 0] if not config.log else []
        return cls(*(float(np.median(part)) if len(part) else 0.0 for part in (ratios, size)))

    def fill(self, measured: Scale, counts: np.ndarray, config: ForecastConfig) -> Scale:
        """Scales with a size for every series. counts: (S,) values that each was measured by."""
        level = np.abs(measured.level)
        size = np.where((level > 0) & (self.of_level > 0), self.of_level * level, self.usual) / np.maximum(counts, 1)
        # A window that does not move has a part of its series' size: of this one, all of it.
        size = size / (_FLOOR if config.scaling == "window" else 1.0)
        return Scale(measured.level, np.where(measured.size > 0, measured.size, size))


class Window(NamedTuple):
    """A batch of B windows, time first. T steps are read, H are forecast."""

    read: Tensor
    """(T, B, inputs) what the layers read."""
    near: Tensor
    """(H, B, 1 + lags) the last value, and for each lag the newest value a whole number of lags before each step."""
    known: Tensor
    """(H, B, K) covariates known ahead, at each step to forecast."""
    static: Tensor
    """(B, Q)."""
    target: Tensor
    """(H, B) what to forecast, on the window's scale."""
    weight: Tensor
    """(H, B) 1 where the target was measured, else 0."""
    size: Tensor
    """(B,) the size of the scale, for heads that count."""


@dataclass(frozen=True)
class Covariates:
    """How covariates are read: learned from the training part."""

    past: list[Column]
    known: list[Column]
    static: list[Column]

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Numbers of a step that past and known covariates become, and of a series the static ones."""
        return tuple(sum(column.size for column in part) for part in (self.past, self.known, self.static))


class SeriesWindows:
    """The windows of a panel: `SeriesWindows(panel, config, covariates, calendared=True).batch(series, cuts, steps)`.

    covariates: how they are scaled; `describe(panel)` makes it from the training part.
    calendared: whether the model reads where in the day, week, month and year a step is.
    scales: the scale of each series; default is measured in the panel itself. sizes: for series that do not move; default is
    learned from the panel.
    """

    def __init__(
        self,
        panel: Panel,
        config: ForecastConfig,
        covariates: Covariates,
        calendared: bool,
        scales: Scale | None = None,
        sizes: Sizes | None = None,
    ):
        self.panel, self.config = panel, config
        self.recursive = config.mode == "recursive"
        self.y, self.earlier = panel.y, panel.earlier
        if config.log:
            self.y, self.earlier = _logarithms(panel)
        self.late = bool(panel.wait.any())
        if config.head == "negative-binomial":
            _counts(panel)
        split = panel.past.shape[1]
        self.past = _read(panel.past.T, panel.words[:split], covariates.past, len(panel.y))
        known = _read(panel.known.T, panel.words[split:], covariates.known, len(panel.y))
        circles = [calendar.features(panel.stamps(), panel.freq)] if calendared else []
        self.known = np.concatenate([known, *circles], 1).astype(np.float32)
        self.static = _read(*_statics(panel), covariates.static, len(panel.ids))
        measured = scales or self.measure_series()
        self.sizes = sizes or Sizes.learn(measured, config)
        if scales is None:
            counts = np.add.reduceat(panel.seen, panel.offsets[:-1], dtype=np.int64)
            measured = self.sizes.fill(measured, counts, config)
        self.scales = measured

    def batch(self, series: np.ndarray, cuts: np.ndarray, steps: int, device: Any = "cpu") -> Window:
        """The windows that forecast `steps` steps from each cut; series, cuts: (B,) int64.

        In recursive mode the steps to forecast are read too, each with the value before it, and all steps are targets.
        """
        length = self.config.input_size
        scale = self.scale(series, cuts)
        ahead = cuts[:, None] + np.arange(steps)
        places = cuts[:, None] + np.arange(-length, steps if self.recursive else 0)
        target = places if self.recursive else ahead
        near = self.near(series, target, cuts, scale)
        values, seen = self._values(series, target, scale)
        parts = (
            self.read(series, places, cuts, scale),
            near,
            self.at(self.known, series, target),
            self.static[series],
            values.T,
            seen.T,
            scale.size,
        )
        return Window(*(torch.from_numpy(np.ascontiguousarray(part, np.float32)).to(device) for part in parts))

    def read(self, series: np.ndarray, places: np.ndarray, cuts: np.ndarray, scale: Scale) -> np.ndarray:
        """(T, B, inputs) what the layers read at places (B, T); in recursive mode a place reads the value before it."""
        shift = int(self.recursive)
        when = self._when(places, cuts)
        values, seen = self._values(series, places - shift, scale, when)
        lagged = [self._values(series, places - lag, scale, when)[0] for lag in self.config.lags]
        fresh = (places - shift < cuts[:, None]) & (places - shift >= 0)
        past = self.at(self.past, series, places - shift) * fresh.T[..., None]
        parts = [np.stack([values, seen, *lagged], -1).transpose(1, 0, 2), past, self.at(self.known, series, places)]
        if self.past.shape[1]:
            parts.append(fresh.T[..., None])
        static = self.static[series]
        parts.append(np.broadcast_to(static, (places.shape[1], *static.shape)))
        return np.concatenate(parts, -1).astype(np.float32)

    def near(self, series: np.ndarray, places: np.ndarray, cuts: np.ndarray, scale: Scale) -> np.ndarray:
        """(H, B, 1 + lags) the newest values that a forecast at places (B, H) may stand on."""
        ahead = places - cuts[:, None]
        found = [] if self.recursive else [np.broadcast_to(cuts[:, None] - 1, places.shape)]
        lags = (1, *self.config.lags) if self.recursive else self.config.lags
        for lag in lags:
            back = lag if self.recursive else lag * (np.maximum(ahead, 0) // lag + 1)
            found.append(places - back)
        when = self._when(places, cuts)
        last = self._values(series, cuts[:, None] - 1, scale, cuts[:, None])[0]
        values = [np.where(at >= 0, self._values(series, at, scale, when)[0], last) for at in found]
        return np.stack(values, -1).transpose(1, 0, 2)

    def scale(self, series: np.ndarray, cuts: np.ndarray) -> Scale:
        """The scales of windows: of the values before the cut, or with scaling="series" those of their series."""
        if self.config.scaling == "none":
            return Scale(np.zeros(len(series)), np.ones(len(series)))
        whole = Scale(self.scales.level[series], self.scales.size[series])
        if self.config.scaling == "series":
            return whole
        rows, inside = self._rows(series, cuts[:, None] + np.arange(-self.config.input_size, 0))
        level, size = _measure(self.y[rows], self.panel.seen[rows] & inside, self.config)
        return Scale(level, np.maximum(size, _FLOOR * whole.size))

    def measure_series(self) -> Scale:
        """The scale of each series, from all its values; a size of 0 where it does not move."""
        pairs = zip(self.panel.offsets, self.panel.offsets[1:], strict=False)
        found = [_measure(self.y[None, a:b], self.panel.seen[None, a:b], self.config) for a, b in pairs]
        return Scale(*(np.concatenate(part) for part in zip(*found, strict=True)))

    def _rows(self, series: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the flat arrays, (B, T), and which places are inside their series."""
        inside = (places >= 0) & (places < self.panel.lengths[series][:, None])
        return np.where(inside, self.panel.offsets[series][:, None] + places, 0), inside

    def _values(self, series: np.ndarray, places: np.ndarray, scale: Scale, when=None) -> tuple[np.ndarray, np.ndarray]:
        """Values on their scale, 0 outside the series, and where they were measured: (B, T) each. when: as known before it."""
        rows, inside = self._rows(series, places)
        values = self.y[rows]
        if when is not None and self.late:
            wait = self.panel.wait[rows]
            values = np.where((wait > 0) & (places + wait >= when), self.earlier[rows], values)
        return np.where(inside, scale.measured(values), 0.0), (self.panel.seen[rows] & inside).astype(np.float64)

    def _when(self, places: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """Before which place all that is read at `places` was known; one step at a time, each step is a cut of its own."""
        return np.minimum(places, cuts[:, None]) if self.recursive else cuts[:, None]

    def at(self, flat: np.ndarray, series: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Covariates at places, (T, B, columns), 0 outside the series."""
        rows, inside = self._rows(series, places)
        return (flat[rows] * inside[..., None]).transpose(1, 0, 2)


def describe(panel: Panel) -> Covariates:
    """How the covariates of a panel are read."""
    split = panel.past.shape[1]
    past, known = (
        [Column.learn(*one) for one in zip(part.T, words, strict=True)]
        for part, words in ((panel.past, panel.words[:split]), (panel.known, panel.words[split:]))
    )
    # A series that is named by a static word keeps a number of its own, however many there are.
    return Covariates(past, known, [Column.learn(*one, most=None) for one in zip(*_statics(panel), strict=True)])


def inputs(config: ForecastConfig, past: int, known: int, static: int) -> int:
    """How many numbers `SeriesWindows.read` gives for a step."""
    return 2 + len(config.lags) + past + bool(past) + known + static


def _measure(values: np.ndarray, seen: np.ndarray, config: ForecastConfig) -> Scale:
    """Level and size of rows, (B, T); a size of 0 where the values seen are equal but for rounding, or none is seen."""
    count = np.maximum(seen.sum(1), 1)
    level = np.where(seen, values, 0).sum(1) / count
    level = level + np.where(seen, values - level[:, None], 0).sum(1) / count
    if config.head == "negative-binomial":
        return Scale(np.zeros(len(level)), level + 1.0)
    spread = np.sqrt((np.where(seen, values - level[:, None], 0) ** 2).sum(1) / count)
    still = constant(spread, np.where(seen, np.abs(values), 0).max(1, initial=0))
    return Scale(level, np.where(still, 0.0, spread))


def _statics(panel: Panel) -> tuple[list[np.ndarray], list[list[str] | None]]:
    """The static columns as numbers, (S,) each, with their words."""
    found = [_as_numbers(column) for column in zip(*panel.static, strict=True)]
    return [values for values, _ in found], [words for _, words in found]


def _as_numbers(column: tuple) -> tuple[np.ndarray, list[str] | None]:
    there = [one for one in column if one is not None]
    if all(isinstance(one, int | float | np.number) and not isinstance(one, bool) for one in there):
        return np.array([np.nan if one is None else one for one in column], np.float64), None
    return coded([None if one is None else plain(one) for one in column])


def _read(values: Iterable[np.ndarray], words: list, columns: list[Column], rows: int) -> np.ndarray:
    """(rows, numbers) float32 of the covariates' columns, each (rows,)."""
    parts = [column.read(*one) for column, *one in zip(columns, values, words, strict=True)]
    return np.concatenate([np.zeros((rows, 0), np.float32), *parts], 1)


def _logarithms(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """The logarithms of y and of what was known of it earlier; of a filled 0 that of the least value of its series."""
    known = panel.seen
    if (panel.y[known] <= 0).any():
        at = np.flatnonzero(known & (panel.y <= 0))[0]
        name = panel.ids[panel.owners[at]]
        raise DataError(
            f"{setting('log')} needs values above 0; series {name!r} has {panel.y[at]:g}. Leave {setting('log')} out"
        )
    least = np.minimum.reduceat(np.where(known, panel.y, np.inf), panel.offsets[:-1])[panel.owners]
    least = np.where(np.isfinite(least), least, 1.0)
    return tuple(np.log(np.where(part > 0, part, least)) for part in (panel.y, panel.earlier))


def _counts(panel: Panel) -> None:
    wrong = (panel.y < 0) | (panel.y != np.round(panel.y))
    if (wrong & panel.seen).any():
        at = np.flatnonzero(wrong & panel.seen)[0]
        name = panel.ids[panel.owners[at]]
        raise DataError(
            f"{setting('head', 'negative-binomial')} counts: values are 0, 1, 2 ...; series {name!r} has {panel.y[at]:g}."
            f" Take another {setting('head')}"
        )
