"""From settings and data to a network: what was left open is settled by the series."""

import dataclasses
from typing import Any

import numpy as np

from recurra.errors import ConfigError, setting
from recurra.fitting import folders
from recurra.tasks.forecasting.config import ForecastConfig
from recurra.tasks.forecasting.model import ForecastModel
from recurra.tasks.forecasting.series import calendar, frequency
from recurra.tasks.forecasting.series.panel import Panel
from recurra.tasks.forecasting.series.windows import Unit, Windows, describe
from recurra.tasks.forecasting.task import ForecastTask

_ENOUGH = 10  # horizons to learn from, below which nothing is held out: so short an end says little, and is missed
_LONGEST = 512  # most steps that are read unless `input_size` asks for more


def resolve(settings: dict[str, Any], panel: Panel) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """The settings with season, lags and input_size settled, what config.json keeps of the data, and lines to show."""
    series, model, lengths = settings["series"], settings["model"], panel.lengths
    held = series.validation
    if held is None:
        held = max(model.horizon, int(np.median(lengths)) // 10)
    if held and held < model.horizon:
        raise ConfigError(
            f"{setting('validation')} is {held} steps; expected 0, or at least the horizon, {model.horizon}"
        )
    notes = [f"{len(panel.ids):,} series of {lengths.min():,} to {lengths.max():,} steps of {panel.freq}"]
    if series.validation is None and lengths.max() < held + _ENOUGH * model.horizon:
        held = 0
        notes.append(
            "the series are too short to hold anything out: the weights with the lowest training loss are kept"
        )
    short = int((lengths < held + model.horizon + 1).sum())
    if short and short < len(lengths):
        notes.append(
            f"{short} series are shorter than {held + model.horizon + 1} steps: forecast, but not learned from"
        )
    season = model.season or panel.freq.season
    lags = model.lags or ((season,) if season > 1 else ())
    open_size = min(max(2 * model.horizon, 3 * season), _LONGEST, max(int(lengths.max()) - held - model.horizon, 1))
    size = model.input_size or open_size
    model = dataclasses.replace(model, season=season, lags=lags, input_size=size)
    about = {
        "freq": str(panel.freq),
        "held": held,
        "about": describe(panel.cut(np.maximum(lengths - held, 0))),
        "fingerprint": panel.fingerprint(),
    }
    circles = 2 * len(calendar.names(panel.freq)) if series.calendar else 0
    static = sum(len(how) if isinstance(how[0], str) else 1 for how in about["about"]["static"])
    about["sizes"] = [panel.past.shape[1], panel.known.shape[1] + circles, static]
    return settings | {"model": model}, about, notes


def build(parts: dict[str, Any], about: dict[str, Any]) -> ForecastModel:
    """A new network, whose weights follow from the seed."""
    return folders.seeded(lambda: ForecastModel(parts["model"], *about["sizes"]), parts["training"].seed)


def task(model: ForecastModel, parts: dict[str, Any], about: dict[str, Any], panel: Panel, units: Unit) -> ForecastTask:
    """What the training loop is given. DataError for a panel that cannot be learned from."""
    windows = Windows(panel, parts["model"], about["about"], parts["series"].calendar, units)
    return ForecastTask(model, windows, parts["series"], about["held"], parts["training"].seed)


def units(parts: dict[str, Any], about: dict[str, Any], panel: Panel) -> Unit:
    """The unit of each series, from the training part."""
    train = panel.cut(np.maximum(panel.lengths - about["held"], 1))
    return Windows(train, parts["model"], about["about"], parts["series"].calendar).units


def units_of(known: Unit, fitted: Panel, own: Unit, panel: Panel, named: bool) -> Unit:
    """The units of another panel's series: as fitted, and for series that were not there then, their own.

    named: a series is known by its name. Else it is the fitted one where it has the same values at the same stamps, or
    too few values to have a unit.
    """
    if named:
        where = {name: s for s, name in enumerate(fitted.ids)}
        place = np.array([where.get(name, -1) for name in panel.ids])
    elif len(fitted.ids) == 1:
        few = np.add.reduceat(panel.seen, panel.offsets[:-1], dtype=np.int64) < 2
        place = np.array([-1 if not few[s] and not _goes_on(fitted, panel, s) else 0 for s in range(len(panel.ids))])
    else:
        place = np.full(len(panel.ids), -1)
    return Unit(*(np.where(place >= 0, old[place], new) for old, new in zip(known, own, strict=True)))


def _goes_on(fitted: Panel, panel: Panel, s: int) -> bool:
    """Whether series s of a panel has the fitted series' values, where both have stamps."""
    a, b = panel.offsets[s : s + 2]
    _, ours, its = np.intersect1d(fitted.stamps(), panel.at(np.full(b - a, s), np.arange(b - a)), return_indices=True)
    both = fitted.seen[ours] & panel.seen[a + its]
    return bool(both.any() and np.allclose(fitted.y[ours][both], panel.y[a + its][both], rtol=1e-6, atol=0))


def kept(model: ForecastConfig) -> int:
    """How many steps at the end of a series are kept: what the carried state may read again, and its lags."""
    return 2 * model.input_size + max(model.lags, default=0) + model.season + 1


def season(settings: dict[str, Any], freq: frequency.Frequency) -> int:
    """Steps of a season: the setting, or what is usual for the frequency."""
    return settings["model"].season or freq.season
