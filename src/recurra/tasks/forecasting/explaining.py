"""Which covariate, and which past value, moved a forecast: each is put back to what is usual, and the forecast made again.

Occlusion (Zeiler & Fergus 2014, arXiv:1311.2901), on series: a covariate becomes its mean, a past value the level of the
values before the cut. What counts is asked of the model, not of the world: of two columns that say the same, it may use one.
"""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from recurra.tasks.forecasting import predicting, tables
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.model import Ensemble
from recurra.tasks.forecasting.series import frames
from recurra.tasks.forecasting.series.panel import Form, Panel
from recurra.tasks.forecasting.series.windows import Covariates, SeriesWindows


def effects(
    model: Ensemble,
    windows: SeriesWindows,
    covariates: Covariates,
    config: SeriesConfig,
    cuts: np.ndarray,
    steps: int,
    seed: int,
) -> list[tuple[str, int, np.ndarray]]:
    """For each input its column, lag (0 for a covariate, all of whose steps count) and effect, (S, steps).

    windows: of a panel that reaches `steps` beyond each series' cut, (S,). The effect is the forecast minus the one without.
    """
    series = np.arange(len(cuts))
    whole = predicting.forecast(model, windows, series, cuts, steps, seed)[..., 0]
    found = []
    for name, lag, other in _others(windows, covariates, config, cuts):
        without = predicting.forecast(model, other, series, cuts, steps, seed)[..., 0]
        found.append((name, lag, whole - without))
    return found


def _others(
    windows: SeriesWindows, covariates: Covariates, config: SeriesConfig, cuts: np.ndarray
) -> Iterator[tuple[str, int, SeriesWindows]]:
    """The windows with one input put back: covariates in the order of the settings, then the values before the cut."""
    for attribute, names in (("past", config.past), ("known", config.future), ("static", config.static)):
        at = 0
        for name, column in zip(names, getattr(covariates, attribute), strict=True):
            # As usual, or missing, is 0.
            yield name, 0, _with(windows, attribute, slice(at, at + column.size), 0.0)
            at += column.size
        if attribute == "known" and windows.known.shape[1] > at:
            yield "calendar", 0, _with(windows, "known", slice(at, None), 0.0)
    series, offsets = np.arange(len(cuts)), windows.panel.offsets[:-1]
    level = windows.scale(series, cuts).level
    farthest = max(windows.config.input_size, *windows.config.lags, 1)
    for lag in range(1, min(farthest, int(cuts.max())) + 1):
        have = cuts >= lag
        yield config.target_col, lag, _with(windows, "y", (offsets + cuts - lag)[have], level[have])


def _with(windows: SeriesWindows, attribute: str, where: Any, values: Any) -> SeriesWindows:
    """The windows with other values in one of their arrays: rows of the series, columns of the others."""
    other, array = copy.copy(windows), getattr(windows, attribute).copy()
    array[where if array.ndim == 1 else (slice(None), where)] = values
    setattr(other, attribute, array)
    return other


def frame(parts: dict[str, Any], form: Form, panel: Panel, found: list[tuple[str, int, np.ndarray]]) -> Any:
    """A row for each series and input, those that moved the forecast most first."""
    config, count = parts["series"], len(panel.ids)
    effect = np.stack([values.mean(1) for *_, values in found], 1)
    size = np.stack([np.abs(values).mean(1) for *_, values in found], 1)
    order = np.argsort(-size, 1, kind="stable")
    owners, inputs = np.repeat(np.arange(count), len(found)), order.reshape(-1)
    content = {}
    if form.has_ids:
        content |= dict(zip(config.id_col, tables.name_columns([panel.ids[s] for s in owners]), strict=True))
    content["input"] = [found[k][0] for k in inputs]
    content["lag"] = np.array([found[k][1] for k in inputs])
    content |= {"effect": effect[owners, inputs], "size": size[owners, inputs]}
    return frames.make(content, form)
