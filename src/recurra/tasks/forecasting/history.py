"""What a forecaster learns beside its weights: how the frame came, how covariates are scaled, and the end of each series."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from recurra import files, tensorfiles
from recurra.errors import RecurraError, RunError
from recurra.fitting.learned import Filed
from recurra.tasks.forecasting.config import ForecastConfig
from recurra.tasks.forecasting.predicting import Carried
from recurra.tasks.forecasting.recipe import seasonal
from recurra.tasks.forecasting.series import frequency
from recurra.tasks.forecasting.series.panel import Form, Panel
from recurra.tasks.forecasting.series.windows import Covariates, Scale, SeriesWindows, Sizes, describe

_FORMAT = "history/4"
_ENDING = ".safetensors"
_ARRAYS = ("begin", "offsets", "y", "seen", "past", "known", "wait", "earlier")


@dataclass(frozen=True)
class History(Filed):
    """The end of each series, from which the next forecast begins."""

    panel: Panel
    scales: Scale
    """Of each series, from its training part."""
    carried: Carried
    """The network's state after the last value; it is computed when first needed."""

    @classmethod
    def of(cls, panel: Panel, scales: Scale, model: ForecastConfig) -> Self:
        """What is kept of a panel that was fitted on."""
        return cls(panel.tail(kept(model)), scales, Carried(np.zeros(len(panel.ids), np.int64)))

    def write(self, path: Path) -> None:
        panel = self.panel
        arrays = {name: torch.from_numpy(np.ascontiguousarray(getattr(panel, name))) for name in _ARRAYS}
        arrays |= {name: torch.from_numpy(part) for name, part in self.scales._asdict().items()}
        arrays |= {"first": torch.from_numpy(panel.first.astype(np.int64))}
        arrays |= {"since": torch.from_numpy(self.carried.since)}
        about = {
            "schema": _FORMAT,
            "freq": str(panel.freq),
            "ids": _plain(panel.ids),
            "static": [_plain(row) for row in panel.static],
            "words": panel.words,
        }
        tensorfiles.write(path.with_suffix(_ENDING), arrays, about)

    @classmethod
    def read(cls, path: Path) -> Self:
        path = path.with_suffix(_ENDING)
        tensors, about = tensorfiles.read(path, _FORMAT)
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        try:
            freq, ids, static, words = frequency.parse(about["freq"]), about["ids"], about["static"], about["words"]
            if wrong := _misshapen(arrays, len(ids), len(static)) or _miscoded(arrays, words):
                raise ValueError(wrong)
            if not isinstance(ids, list) or not all(isinstance(row, list) for row in static):
                raise ValueError("ids and static are no lists")
            first = arrays["first"] if freq.unit == "int" else arrays["first"].view("datetime64[ns]")
            columns = {name: arrays[name] for name in _ARRAYS}
            ids = [tuple(one) if isinstance(one, list) else one for one in ids]
            panel = Panel(freq=freq, ids=ids, first=first, static=static, words=words, **columns)
        except (RecurraError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"{path} is damaged ({error}). {files.DAMAGED}") from error
        return cls(panel, Scale(arrays["level"], arrays["size"]), Carried(arrays["since"]))

    def scales_of(self, panel: Panel, measured: Scale, named: bool) -> Scale:
        """The scales of another panel's series: as fitted, and for series that were not there then, as measured.

        named: a series is known by its name. Else it is the fitted one where it has the same values at the same stamps.
        """
        if named:
            place = self.panel.numbered(panel.ids)
        elif len(self.panel.ids) == 1:
            place = np.array([0 if self._has(panel, s) else -1 for s in range(len(panel.ids))])
        else:
            place = np.full(len(panel.ids), -1)
        return Scale(*(np.where(place >= 0, old[place], new) for old, new in zip(self.scales, measured, strict=True)))

    def _has(self, panel: Panel, s: int) -> bool:
        """Whether series s of a panel has the fitted series' values, where both have stamps."""
        a, b = panel.offsets[s : s + 2]
        stamps, mine = panel.at(np.full(b - a, s), np.arange(b - a)), self.panel
        _, ours, its = np.intersect1d(mine.stamps(), stamps, return_indices=True)
        both = mine.seen[ours] & panel.seen[a + its]
        return bool(both.any() and np.allclose(mine.y[ours][both], panel.y[a + its][both], rtol=1e-6, atol=0))


def _misshapen(arrays: dict[str, np.ndarray], series: int, rows: int) -> str:
    """What is wrong with the sizes and types of a history's arrays; "" for nothing."""
    steps, (past, known) = len(arrays["y"]), (arrays[name].shape[-1] for name in ("past", "known"))
    expected = {
        "begin": ((series,), "int64"),
        "offsets": ((series + 1,), "int64"),
        "first": ((series,), "int64"),
        "since": ((series,), "int64"),
        "level": ((series,), "float64"),
        "size": ((series,), "float64"),
        "y": ((steps,), "float64"),
        "seen": ((steps,), "bool"),
        "past": ((steps, past), "float64"),
        "known": ((steps, known), "float64"),
        "wait": ((steps,), "int64"),
        "earlier": ((steps,), "float64"),
    }
    for name, (shape, kind) in expected.items():
        if arrays[name].shape != shape or arrays[name].dtype != kind:
            return f"{name} is {arrays[name].shape} {arrays[name].dtype}; expected {shape} {kind}"
    offsets = arrays["offsets"]
    if not series or rows != series or offsets[0] or offsets[-1] != steps or (np.diff(offsets) < 1).any():
        return f"offsets of {series} series do not part {steps} steps"
    if (arrays["since"] < 0).any() or (arrays["since"] > np.diff(offsets)).any():
        return "since is beyond its series"
    return ""


def _miscoded(arrays: dict[str, np.ndarray], words: list[list[str] | None]) -> str:
    """What is wrong with the words of a history's covariates; "" for nothing."""
    columns = [*arrays["past"].T, *arrays["known"].T]
    if len(words) != len(columns):
        return f"words are of {len(words)} covariates, and there are {len(columns)}"
    for values, names in zip(columns, words, strict=True):
        if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            return "words are no lists of text"
        there = values[~np.isnan(values)]
        if names is not None and len(there) and (there.min() < 0 or there.max() >= len(names)):
            return f"a covariate has places to {there.max():g} in {len(names)} words"
    return ""


@dataclass(frozen=True)
class Facts:
    """What a forecaster learns beside its weights."""

    form: Form
    covariates: Covariates
    sizes: Sizes
    history: History
    widths: tuple[float, ...] | None = None
    """(quantiles,) how many times as far from the median calibration puts each quantile; None: where it is."""
    seasonal: bool = True
    """The value a season before is the better first guess than the last one: where the network starts from."""
    nonnegative: bool = False
    """No value that was learned from is below 0, and so no forecast is."""

    def __post_init__(self):
        if self.widths is not None and not all(0 <= width < np.inf for width in self.widths):
            raise ValueError("`widths` of intervals are no numbers of 0 or more")


def facts_of(panel: Panel, form: Form, parts: dict[str, Any]) -> Facts:
    """What is learned of the series that a forecaster is fitted on. parts: with what the data settled."""
    series, model = parts["series"], parts["model"]
    train = panel.lengths - series.validation
    covariates = describe(panel.cut(np.maximum(train, 0)))
    windows = SeriesWindows(panel.cut(np.maximum(train, 1)), model, covariates, series.calendar)
    known = panel.y[panel.seen]
    return Facts(
        form,
        covariates,
        windows.sizes,
        History.of(panel, windows.scales, model),
        seasonal=seasonal(panel, series.validation, model.horizon, model.season),
        nonnegative=bool(len(known) and known.min() >= 0),
    )


def kept(model: ForecastConfig) -> int:
    """Steps at the end of a series that are kept: what the carried state may read again, its lags, and a horizon to score."""
    return 2 * model.input_size + max(model.lags, default=0) + model.season + 1 + model.horizon


def _plain(values: list) -> list:
    return [
        _plain(list(one)) if isinstance(one, tuple) else one.item() if isinstance(one, np.generic) else one
        for one in values
    ]
