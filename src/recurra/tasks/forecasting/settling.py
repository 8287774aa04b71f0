"""What the data settles: the settings that were left open, and the lines shown about it before training."""

import dataclasses
import math
from typing import Any

import numpy as np

from recurra.errors import ConfigError, setting
from recurra.tasks.forecasting.config import ForecastConfig, SeriesConfig
from recurra.tasks.forecasting.series.encoding import Column
from recurra.tasks.forecasting.series.panel import Panel
from recurra.tasks.forecasting.series.windows import Covariates

_ENOUGH = 10  # horizons to learn from, below which nothing is held out: so short an end says little, and is missed
_INDEPENDENT = 10  # horizons that a search chooses by, counted over all series, so that the choice is less of a chance
_TO_CHOOSE = 1 / 4  # most of the median series that they may be: what suits much shorter series is something else
_SHOWN = 5  # words of a covariate in a line
_LONGEST = 512  # most steps that are read unless `input_size` is larger


# Steps that are usual for units: two days, two weeks, a quarter, a year; of others a season.
_HORIZONS = {
    "h": 48,
    "D": 14,
    "B": 10,
    "W": 13,
    "SMS": 24,
    "SME": 24,
    "MS": 12,
    "ME": 12,
    "BMS": 12,
    "BME": 12,
    "int": 24,
}


def horizon(panel: Panel) -> int:
    """The steps to forecast where nobody says how many: by the frequency, at most a third of the longest series."""
    freq = panel.freq
    usual = (
        2 * len(freq.days.split()) if freq.days else _HORIZONS.get(freq.base, 0) // (freq.unit == "int" or freq.count)
    )
    return max(min(usual or max(freq.season, 4), int(panel.lengths.max()) // 3), 1)


def settled(parts: dict[str, Any], panel: Panel) -> dict[str, Any]:
    """The settings by part with freq, horizon, validation (in steps), season, lags and input_size taken from the series.

    ConfigError if `validation` is fewer steps than the horizon.
    """
    series, model, longest = parts["series"], parts["model"], int(panel.lengths.max())
    model = dataclasses.replace(model, horizon=model.horizon or horizon(panel))
    held = _held_out(series, model, panel.lengths)
    season = model.season or panel.freq.season
    lags = model.lags or ((season,) if season > 1 else ())
    size = min(max(2 * model.horizon, 3 * season), _LONGEST, max(longest - held - model.horizon, 1))
    return parts | {
        "series": dataclasses.replace(series, freq=str(panel.freq), validation=held),
        "model": dataclasses.replace(model, season=season, lags=lags, input_size=model.input_size or size),
    }


def _held_out(series: SeriesConfig, model: ForecastConfig, lengths: np.ndarray) -> int:
    """Steps at the end of each series that are held out."""
    wanted, median = series.validation, int(np.median(lengths))
    if wanted is None:
        held = max(model.horizon, median // 10)
        return held if lengths.max() >= held + _ENOUGH * model.horizon else 0
    if 0 < wanted < 1:
        return max(model.horizon, round(wanted * median))
    if 0 < wanted < model.horizon:
        raise ConfigError(
            f"{setting('validation')} is {wanted:g} steps; expected 0, or at least the horizon, {model.horizon}"
        )
    return int(wanted)


def held_to_choose(parts: dict[str, Any], panel: Panel) -> int:
    """Steps at the end of each series that the fits of a search hold out where the user leaves that open.

    Overlapping windows of one horizon err alike, so what counts is how many horizons follow each other.
    """
    parts, lengths = settled(parts, panel), panel.lengths
    held, horizon = parts["series"].validation, parts["model"].horizon
    if not held:
        return 0
    enough = horizon * math.ceil(_INDEPENDENT / int((lengths > held).sum()))
    return max(held, min(enough, int(_TO_CHOOSE * np.median(lengths))))


def _read_as(column: Column) -> list[str]:
    """Lines about a covariate that is not simply a number."""
    lines = ["is the same throughout what is learned from, and has no effect"] if column.still else []
    if column.words is not None:
        shown = ", ".join("(missing)" if word is None else word for word in column.words[:_SHOWN])
        lines.append(
            f"has {len(column.words)} words, {shown}{', ...' * (len(column.words) > _SHOWN)}; others read as unknown"
        )
    elif column.size > 1:
        lines.append("is missing at some steps: there it reads as its mean, beside a mark")
    return lines


def notes(parts: dict[str, Any], panel: Panel, user: dict[str, Any], covariates: Covariates) -> list[str]:
    """What was read, settled, held out and left out, in lines. user: the settings as the user has them."""
    held, least, lengths = parts["series"].validation, parts["model"].horizon + 1, panel.lengths
    lines = [f"{len(panel.ids):,} series of {panel.freq.words(lengths.min(), lengths.max())}"]
    if user["horizon"] is None:
        lines.append(f"horizon: {panel.freq.words(least - 1)}")
    if user["validation"] is None and not held:
        lines.append(
            "the series are too short to hold anything out: the weights with the lowest training loss are kept"
        )
    short = int((lengths < held + least).sum())
    if 0 < short < len(lengths):
        lines.append(f"{short} series are shorter than {held + least} steps: forecast, but not learned from")
    if unweighted := int((panel.weights == 0).sum()):
        lines.append(f"{unweighted} series have a weight of 0: forecast, but not learned from")
    series = parts["series"]
    used = ((series.past, covariates.past), (series.future, covariates.known), (series.static, covariates.static))
    for name, column in [pair for part in used for pair in zip(*part, strict=True)]:
        lines += [f"{name} {line}" for line in _read_as(column)]
    return lines
