"""Forecaster: fit, predict, cross-validate, update, plot, save and load, on frames."""

import dataclasses
import warnings
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from recurra.config import whole
from recurra.errors import ConfigError, DataError, RunError, setting
from recurra.fitting import folders
from recurra.fitting.estimator import Estimator
from recurra.fitting.parameters import Parameters
from recurra.fitting.report import Report
from recurra.fitting.split import Halves, fingerprint
from recurra.fitting.tuning import Tunable
from recurra.tasks.forecasting import calibration, explaining, predicting, settling, tables
from recurra.tasks.forecasting.config import CONFIGS, DEFAULTS, SEARCH, settings
from recurra.tasks.forecasting.heads import HEADS
from recurra.tasks.forecasting.history import Facts, facts_of, kept
from recurra.tasks.forecasting.model import Ensemble, ForecastModel
from recurra.tasks.forecasting.recipe import recipe
from recurra.tasks.forecasting.series import appending, calendar, frames, frequency
from recurra.tasks.forecasting.series.frequency import shown
from recurra.tasks.forecasting.series.panel import Form, Panel, Series, plain
from recurra.tasks.forecasting.series.windows import Scale, SeriesWindows
from recurra.tasks.forecasting.task import ForecastTask, held_windows
from recurra.training import distributed


class Forecaster(Parameters, Tunable, Estimator):
    """Forecasts many series with one recurrent network: `Forecaster(horizon=12, freq="MS").fit(frame).predict()`.

    horizon: steps to forecast; default by freq. freq: steps between stamps, "h", "D", "MS", 1 ..., or an offset of pandas;
    default is found.
    preset: a recipe of PRESETS, and with it the value of each setting whose default is None here and not in its class.
    weights: how much each series counts in the loss: the name of a column, or a mapping, {"shop 7": 3.0}.
    The others are the fields of SeriesConfig, ForecastConfig and TrainingConfig, and parameters as scikit-learn has them.

    `fit`, `score` and the others take a frame with a row for each series and stamp: pandas, polars or pyarrow, with columns
    unique_id (left out for one series), ds, y, and the covariates named in the settings. Forecasts come as the same kind.

    ConfigError for invalid settings.
    """

    schema, configs, defaults, SEARCH = "forecasting/3", CONFIGS, DEFAULTS, SEARCH
    command, takes = "forecast", "frame"
    Learned = Facts

    def __init__(
        self,
        horizon: int | None = None,
        freq: Any = None,
        *,
        preset: str = "default",
        id_col: str | Iterable[str] = ("unique_id",),
        time_col: str = "ds",
        target_col: str = "y",
        past: str | Iterable[str] = (),
        future: str | Iterable[str] = (),
        static: str | Iterable[str] = (),
        weights: Any = None,
        fill: str = "error",
        calendar: bool = True,
        validation: float | None = None,
        batch_size: int | None = None,
        epoch_steps: int | None = None,
        input_size: int | None = None,
        mode: str = "direct",
        head: str = "quantiles",
        quantiles: Iterable[float] = (0.1, 0.5, 0.9),
        samples: int = 200,
        scaling: str = "window",
        log: bool = False,
        season: int | None = None,
        lags: Iterable[int] = (),
        cell: Any = "lstm",
        hidden_size: int | None = None,
        num_layers: int = 1,
        members: int = 1,
        dropout: float = 0.0,
        conformal: bool = True,
        decoder_size: int | None = None,
        epochs: int | None = None,
        minutes: float | None = None,
        optimizer: str = "adamw",
        lr: float | None = None,
        schedule: str = "one-cycle",
        warmup: float = 0.1,
        beta1: float = 0.9,
        beta2: float = 0.99,
        weight_decay: float = 0.01,
        clip: float = 1.0,
        average: float = 0.99,
        monitor: str = "validation",
        patience: int = 0,
        evaluate_every: int = 0,
        sample_every: int = 0,
        save_every: float = 60.0,
        seed: int = 1,
        device: str = "auto",
        tensorboard: bool = False,
    ):
        self._set(locals())
        self._checked()

    def _checked(self, more: dict[str, Any] | None = None) -> dict[str, Any]:
        return settings(**((more or {}) | self._given()))

    # The lifecycle

    @staticmethod
    def read_files(paths: list[str]) -> Any:
        if len(paths) > 1:
            raise DataError(
                f"{len(paths)} tables were named; a forecaster learns from one: join them, with an id column"
            )
        return frames.load(paths[0])

    def check(self) -> None:
        # A head may need a package.
        HEADS[self.parts["model"].head](self.parts["model"])

    def _data(self, data: Any, validation: Any, folder: Path) -> Halves:
        if validation is not None:
            raise ConfigError(
                "`validation_data` has no use here: the end of each series is held out;"
                f" {setting('validation')} says how many steps"
            )
        return super()._data(data, None, folder)

    def read(self, data: Any, name: str) -> Series:
        return data if isinstance(data, Series) else frames.read(data, self.parts["series"])

    def split(self, data: Series) -> Halves:
        # What is held out are steps of the same series: the windows of both parts read the history before them.
        return Halves(data, None)

    def fingerprint(self, data: Halves) -> str:
        return fingerprint(data.train.panel)

    def recipe(self, data: Halves, minutes: float | None) -> tuple[dict[str, Any], str]:
        if self.preset != "default":
            return {}, ""
        panel, parts = data.train.panel, settling.settled(self.parts, data.train.panel)
        held, horizon = parts["series"].validation, parts["model"].horizon
        windows = int(np.maximum(panel.lengths - held - horizon - parts["model"].input_size + 1, 0).sum())
        found, why = recipe(panel, windows, held)
        if minutes and "epochs" in found:
            del found["epochs"]
        return found, why

    def settle(self, data: Halves) -> dict[str, Any]:
        return settling.settled(self.parts, data.train.panel)

    def held_to_choose(self, data: Any) -> dict[str, Any]:
        if self.parts["series"].validation is not None:
            return {}
        panel = self.read(data, "frame").panel
        held = settling.held_to_choose(self.parts, panel)
        return {"validation": held} if held > settling.settled(self.parts, panel)["series"].validation else {}

    def losses_apart(self, data: Any) -> list[float]:
        with predicting.inference():
            return self.task(self.model, Halves(self.read(data, "frame"), None)).apart(self.model)

    def finish(self, data: Halves) -> Facts:
        """The facts with what the calibration found; as they were where there is nothing to calibrate by."""
        parts, model = self.parts, self.model
        if not parts["model"].conformal or not calibration.fits(model):
            return self.learned
        if parts["series"].validation:
            unseen = model, self._windows(data.train.panel), *held_windows(data.train.panel.lengths, parts)
        else:
            unseen = self._without_the_end(data.train)
        return dataclasses.replace(self.learned, widths=None if unseen is None else calibration.widths(*unseen))

    def _without_the_end(self, series: Series) -> tuple[Ensemble, SeriesWindows, np.ndarray, np.ndarray] | None:
        """A model fitted without the last horizons of a short panel, and the windows that forecast these."""
        horizon, panel = self.parts["model"].horizon, series.panel
        windows = min(3, int(panel.lengths.min()) // horizon - 3)
        if windows < 1 or distributed.world() > 1:
            return None
        first = panel.lengths - horizon * windows
        before = panel.cut(first)
        if (np.bincount(before.owners, before.seen, len(panel.ids)) == 0).any():
            return None
        # By the settings in force, so that a run that is resumed finds the same.
        settings = {name: value for part in self.parts.values() for name, value in vars(part).items()}
        other = type(self)(**settings | {"conformal": False, "validation": 0, "tensorboard": False})
        other.fit(Series(before, series.form), quiet=True)
        owners = np.repeat(np.arange(len(panel.ids)), windows)
        cuts = (first[:, None] + horizon * np.arange(windows)).reshape(-1)
        return other.model, other._windows(panel, other._scales_for(before, panel, series.form)), owners, cuts

    @classmethod
    def _opened(cls, folder: Path) -> tuple[Self, dict[str, Any]]:
        self, about = super()._opened(folder)
        widths, quantiles = self._state.learned.widths, self.parts["model"].quantiles
        if widths is not None and len(widths) != len(quantiles):
            what = f"`widths` are of {len(widths)} quantiles, and there are {len(quantiles)}"
            raise RunError(f"{folder / folders.CONFIG} is damaged: {what}. Restore it from a copy, or train again")
        return self, about

    def learn(self, data: Halves) -> Facts:
        return facts_of(*data.train, self.parts)

    def network(self, parts: dict[str, Any], learned: Facts) -> Ensemble:
        series, covariates, seed = parts["series"], learned.covariates, parts["training"].seed
        circles = 2 * len(calendar.names(frequency.parse(series.freq))) if series.calendar else 0
        past, known, static = covariates.sizes
        make = partial(ForecastModel, parts["model"], past, known + circles, static, learned.seasonal)
        return Ensemble(folders.seeded(make, seed + member) for member in range(parts["model"].members))

    def task(self, model: Ensemble, data: Halves) -> ForecastTask:
        series, windows = self.parts["series"], self._windows(data.train.panel)
        return ForecastTask(model, windows, series, series.validation, self.parts["training"].seed)

    def notes(self, data: Halves, task: ForecastTask) -> list[str]:
        return settling.notes(self.parts, data.train.panel, self.settings, self.learned.covariates)

    def report(self) -> Report:
        """The sMAPE of the last steps that were held out, a horizon of each series, beside that of the naive forecasts."""
        facts, steps = self.learned, self.parts["model"].horizon
        usual = super().report()
        panel = facts.history.panel
        have = np.flatnonzero(panel.lengths > steps)
        if not self.parts["series"].validation or not len(have):
            return usual
        panel = panel.select(have)
        scales = Scale(*(part[have] for part in facts.history.scales))
        series, cuts = np.arange(len(have)), panel.lengths - steps
        values = predicting.forecast(self.model, self._windows(panel, scales), series, cuts, steps, 0, facts=facts)
        made = tables.forecasts(self.parts, facts.form, panel, series, cuts, values, truth=True)
        score = tables.smapes(self.parts, made)
        return usual._replace(score=score)

    def next(self) -> str:
        return f"recurra {self.command} --model {self._named()}"

    # Forecasts

    def predict(self, h: int | None = None, future: Any = None, *, frame: Any = None, seed: int = 0) -> Any:
        """Forecasts of the next steps: `model.predict(12)` → a frame with `forecast`, `q0.1` ..., `naive`, `seasonal_naive`.

        h: steps, at most `horizon` in direct mode; default `horizon`. future: a frame with the columns known ahead, for
        each series and step. frame: other series, or a newer history, to forecast from in place of the fitted one's end;
        the forecasts come in its form. Without names in it, a series is the fitted one where its values are the same.
        seed: of the sampled paths, which are drawn for all series at once, so that one alone gets others at the same seed.
        ConfigError for an invalid h, DataError for frames that do not fit, NotFittedError before `fit`.
        """
        steps, facts, start = self._steps(h), self.learned, None
        panel, form, windows = self._ahead(frame, future, steps)
        series, cuts = np.arange(len(panel.ids)), panel.lengths
        if frame is None:
            self._carry()
            carried = facts.history.carried
            start = carried.state, carried.scale(windows, cuts)
        values = predicting.forecast(self.model, windows, series, cuts, steps, seed, start, facts)
        return tables.forecasts(self.parts, form, panel, series, cuts, values)

    def cross_validate(
        self,
        frame: Any,
        windows: int = 1,
        step: int | None = None,
        h: int | None = None,
        *,
        fit: bool = True,
        refit: bool | int = False,
        quiet: bool | None = None,
        seed: int = 0,
    ) -> Any:
        """Forecasts from several points of the past, beside what came: `model.cross_validate(frame, windows=4, step=24)`.

        windows: cutoffs per series, the last one h steps before its end. step: steps between them; default h.
        fit: fit a clone on what is before the first cutoff, so that nothing of it is known; False takes this model as
        it is, which is honest only where it was fitted on earlier rows. Returns `predict`'s columns with `cutoff`, the
        last stamp known, and the target. quiet: as in `fit`. refit: True fits again at each cutoff, on all that is before it,
        as one would who forecasts every month; 3 at each third. DataError if a series is too short.
        """
        if refit and not fit:
            raise ConfigError("`refit` fits again, and `fit=False` takes this model as it is; drop one")
        model = type(self)(**self.get_params()) if fit else self
        if not fit:
            self._fitted()
        windows, step = whole("windows", windows, "1 or more"), step and whole("step", step, "1 or more")
        panel, form = model.read(frame, "frame") if fit else model._seen(frame)
        if model.parts["model"].horizon is None:
            model.set_params(horizon=settling.horizon(panel) if h is None else h)
        steps = model._steps(h)
        step = steps if step is None else step
        first = panel.lengths - steps - step * (windows - 1)
        every = (
            windows if refit is False else 1 if refit is True else whole("refit", refit, "True, False, or 1 or more")
        )
        cuts, made = first[:, None] + step * np.arange(windows), []
        for k in range(0, windows, every):
            before = _before(panel, cuts[:, k], f"{windows} windows of {steps}, {step} apart")
            if fit:
                model = type(self)(**model.get_params())
                model.fit(Series(before, form), quiet=quiet)
            some = cuts[:, k : k + every]
            owners = np.repeat(np.arange(len(panel.ids)), some.shape[1])
            seen = model._windows(panel, model._scales_for(before, panel, form))
            values = predicting.forecast(model.model, seen, owners, some.reshape(-1), steps, seed, facts=model.learned)
            made.append(values.reshape(*some.shape, *values.shape[1:]))
        series, cuts = np.repeat(np.arange(len(panel.ids)), windows), cuts.reshape(-1)
        values = np.concatenate(made, 1).reshape(len(cuts), steps, -1)
        return tables.forecasts(model.parts, form, panel, series, cuts, values, truth=True)

    def explain(self, h: int | None = None, future: Any = None, *, frame: Any = None, seed: int = 0) -> Any:
        """Which inputs moved the forecast: a row for each series and input, with `effect` and `size`, largest size first.

        The arguments are `predict`'s. An input is a covariate with all its steps (lag 0; "calendar" for the clock and the
        date), or the value `lag` steps before the first forecast. It is put back to what is usual, its mean or the level
        of the window, and the forecast made again: effect is the mean difference over the steps, in the series' own
        unit, size the mean of its absolute values. ConfigError, DataError and NotFittedError as for `predict`.
        """
        steps, facts = self._steps(h), self.learned
        panel, form, windows = self._ahead(frame, future, steps)
        arguments = facts.covariates, self.parts["series"], panel.lengths, steps, seed
        return explaining.frame(self.parts, form, panel, explaining.effects(self.model, windows, *arguments))

    def residuals(self, frame: Any, *, seed: int = 0) -> Any:
        """What was not foreseen, one step ahead: a row for each step but the first, with the target, `fitted` and `residual`.

        frame: as for `fit`; each forecast knows the rows before its own. Where the model was fitted on the same rows they
        are smaller than those of rows to come: those are `cross_validate`'s. A missing value has NaN.
        """
        self._fitted()
        panel, form = self._seen(frame)
        self._warn_of_new_words(panel)
        windows = self._windows(panel, self._scales_for(panel, panel, form))
        rows = panel.places > 0
        series, cuts = panel.owners[rows], panel.places[rows]
        values = predicting.forecast(self.model, windows, series, cuts, 1, seed, facts=self.learned)
        return tables.residuals(self.parts, form, panel, series, cuts, values[:, 0, 0])

    def score(self, cv: Any, frame: Any) -> Any:
        """How good cross-validated forecasts are: a row for the model, naive and seasonal naive, a column a measure.

        cv: from `cross_validate`. frame: the one it was made from; MASE is scaled by what is before each cutoff.
        smape and mase are means over windows, as in the M4 competition; coverage is that of the outermost quantiles.
        """
        panel, form = self._seen(frame)
        return tables.scores(self.parts, form, panel, cv)

    def update(self, rows: Any) -> Self:
        """Take in new rows, which follow the known ones, and move the state on, without fitting again; returns itself.

        rows: a frame as for `fit`, of some or all series; static columns are not needed. DataError for rows that are
        known already, leave a gap that `fill` does not cover, or belong to a series the model does not know.
        """
        facts = self._fitted().learned
        self._carry()
        past, config = facts.history, dataclasses.replace(self.parts["series"], static=(), weights=None)
        new = frames.read(rows, config, past.panel.freq, filled=False, words=past.panel.words).panel
        self._warn_of_new_words(new)
        more = appending.follow(past.panel, new, config)
        panel = past.panel.joined(more)
        with predicting.inference():
            past.carried.read(self.model, self._windows(panel), more.lengths)
        panel = panel.tail(kept(self.parts["model"]))
        self._state.learned = dataclasses.replace(facts, history=dataclasses.replace(past, panel=panel))
        return self

    def plot(
        self, forecasts: Any = None, path: str | Path | None = None, *, ids: Any = None, history: int | None = None
    ):
        """Draw history, forecast and its quantiles, with the naive forecasts; returns a matplotlib Figure.

        forecasts: from `predict` or `cross_validate`; default `predict()`. path: a file to write it to. ids: series to
        show; default the first four. history: steps before the forecast; default three horizons.
        """
        from recurra.tasks.forecasting import picture

        forecasts = self.predict() if forecasts is None else forecasts
        panel = None if self._state is None else self.learned.history.panel
        return picture.draw(self.parts, panel, forecasts, path, ids, history)

    def _seen(self, frame: Any) -> Series:
        """The series of a frame that nothing is learned from."""
        words = None if self._state is None else self.learned.history.panel.words
        return frames.read(frame, dataclasses.replace(self.parts["series"], weights=None), words=words)

    def _ahead(self, frame: Any, future: Any, steps: int) -> tuple[Panel, Form, SeriesWindows]:
        """The series to forecast, the fitted ones where `frame` is None, and their windows with so many steps ahead."""
        panel, form, scales = self.learned.history.panel, self.learned.form, None
        if frame is not None:
            panel, form = self._seen(frame)
            scales = self._scales_for(panel, panel, form)
        longer = frames.extended(panel, future, self.parts["series"], steps)
        self._warn_of_new_words(longer)
        return panel, form, self._windows(longer, scales)

    def _warn_of_new_words(self, panel: Panel) -> None:
        facts, config = self.learned, self.parts["series"]
        met = [*facts.history.panel.words, *[column.words for column in facts.covariates.static]]
        here = [*panel.words, *zip(*panel.static, strict=True)]
        for name, old, new in zip((*config.past, *config.future, *config.static), met, here, strict=False):
            strange = sorted({plain(one) for one in new if one is not None} - {*old}) if old is not None else []
            if strange:
                words = ", ".join(map(repr, strange[:3]))
                warnings.warn(f"{name} has {words}, of which nothing was learned: read as unknown", stacklevel=4)

    def _windows(self, panel: Panel, scales: Scale | None = None) -> SeriesWindows:
        """Windows of a panel. scales: of its series; default those of the series that were fitted on."""
        facts = self._state.learned
        scales = facts.history.scales if scales is None else scales
        return SeriesWindows(panel, self.parts["model"], facts.covariates, self.parts["series"].calendar, scales)

    def _scales_for(self, before: Panel, panel: Panel, form: Form) -> Scale:
        """The scales of series that may be new, from what is before the forecasts. panel: with what came after, too."""
        facts, parts = self.learned, self.parts
        windows = SeriesWindows(before, parts["model"], facts.covariates, parts["series"].calendar, sizes=facts.sizes)
        return facts.history.scales_of(panel, windows.scales, form.has_ids and facts.form.has_ids)

    def _carry(self) -> None:
        """Compute the state after each series' last value, where that has not been done."""
        past = self.learned.history
        if past.carried.state is None:
            with predicting.inference():
                past.carried.read(self.model, self._windows(past.panel))

    def _steps(self, h: int | None) -> int:
        model = self.parts["model"]
        h = whole("h", model.horizon if h is None else h, "1 or more steps")
        if model.mode == "direct" and h > model.horizon:
            raise ConfigError(
                f"{setting('steps', python='h')} is {h}, but the model forecasts {model.horizon} steps at once;"
                f" fit with {setting('horizon', h)}, or with {setting('mode', 'recursive')}"
            )
        return h


def _before(panel: Panel, first: np.ndarray, wanted: str) -> Panel:
    """What is before the first cutoff of each series, (S,). DataError if nothing can be learned from it."""
    if (first < 2).any():
        name, length = panel.ids[int(first.argmin())], panel.lengths[first.argmin()]
        raise DataError(f"series {name!r} has {length} steps; {wanted}, need at least {length - first.min() + 2}")
    before = panel.cut(first)
    empty = np.bincount(before.owners, before.seen, len(panel.ids)) == 0
    if empty.any():
        s = int(empty.argmax())
        raise DataError(
            f"series {panel.ids[s]!r} has no value before {shown(panel.at(np.array([s]), first[[s]])[0])}, where the"
            " forecasts begin; take fewer windows, or leave it out"
        )
    return before
