"""Forecaster: fit, predict, cross-validate, update, plot, save and load, on frames."""

import copy
import dataclasses
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from recurra.config import whole
from recurra.errors import ConfigError, DataError, RunError, setting
from recurra.fitting import folders, running
from recurra.tasks.forecasting import folder as contents
from recurra.tasks.forecasting import predicting, setting_up, tables
from recurra.tasks.forecasting.config import settings
from recurra.tasks.forecasting.series import appending, frames
from recurra.tasks.forecasting.series.frequency import shown
from recurra.tasks.forecasting.series.panel import Form, Panel
from recurra.tasks.forecasting.series.windows import Unit, Windows
from recurra.tasks.forecasting.task import ForecastTask
from recurra.training import runs


class Forecaster:
    """Forecasts many series with one recurrent network: `Forecaster(horizon=12, freq="MS").fit(frame).predict()`.

    horizon: steps to forecast. freq: steps between stamps, "h", "D", "MS", 1 ...; default is found.
    preset, overrides: a recipe (see PRESETS), and any field of SeriesConfig, ForecastConfig, TrainingConfig.
    Frames are pandas, polars or pyarrow, and forecasts come as the kind that they are made from.

    Raises ConfigError for settings that cannot be.
    """

    def __init__(self, horizon: int = 24, freq: str | int | None = None, *, preset: str = "default", **overrides):
        freq = None if freq is None else str(freq)
        self.settings = settings(preset, horizon=horizon, freq=freq, **overrides)
        self.folder: Path | None = None
        self.model = None

    def __repr__(self) -> str:
        state = "not fitted" if self.model is None else f"fitted on {len(self._panel.ids)} series"
        model = self.settings["model"]
        return f"Forecaster({model.cell}, horizon={model.horizon}, mode={model.mode!r}, head={model.head!r}: {state})"

    def fit(
        self,
        frame: Any,
        out: str | Path | None = None,
        *,
        quiet: bool = False,
        listeners: Iterable[Callable[[dict], None]] = (),
        stop: Callable[[], bool] | None = None,
        sources: Iterable[str] = (),
    ) -> "Forecaster":
        """Learn from a frame with a row for each series and stamp: `model.fit(frame)`; returns itself.

        frame: columns unique_id (left out for one series), ds, y and the covariates named in the settings.
        out: a new folder for the run; default a temporary one. quiet, listeners, stop: as in `recurra.training.fit`.
        sources: where the frame came from, kept in config.json.
        Raises DataError for a frame that cannot be used, RunError where the folder cannot be written or the training
        cannot go on, Interrupted after Ctrl-C.
        """
        panel, form = frames.read(frame, self.settings["series"])
        return self._fit(panel, form, out, quiet, listeners, stop, sources)

    def _fit(self, panel: Panel, form: Form, out=None, quiet=True, listeners=(), stop=None, sources=()) -> "Forecaster":
        device = running.device(self.settings["training"].device)
        parts, about, notes = setting_up.resolve(self.settings, panel)
        about["sources"] = list(sources)
        model, units = setting_up.build(parts, about), setting_up.units(parts, about, panel)
        # What cannot be learned from is refused here, before there is a folder.
        task = setting_up.task(model, parts, about, panel, units)
        folder = self._temporary() if out is None else folders.claim(out)
        contents.write(folder, parts, about, form)
        self._open(folder, parts, about, form, model)
        self._set_history(panel, units)
        contents.write_history(folder, self._panel, self._units, self._carried.since)
        return self._run(task, notes, device, quiet, listeners, stop, kept=out is not None)

    def _temporary(self) -> Path:
        """A folder that is gone when the forecaster is."""
        folder = tempfile.mkdtemp(prefix="recurra-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        frame: Any = None,
        *,
        quiet: bool = False,
        listeners: Iterable[Callable[[dict], None]] = (),
        stop: Callable[[], bool] | None = None,
    ) -> "Forecaster":
        """Go on with a run that was stopped, to the bits it would have had: `Forecaster.resume("runs/load-1", frame)`.

        frame: the data as it was; default the file that the run was made from. RunError where it is another.
        """
        model = cls._opened(folder)
        if frame is None:
            if not model._about["sources"]:
                raise RunError(f"{folder} does not say where its data came from; give the frame")
            frame = frames.load(model._about["sources"][0])
        panel, _ = frames.read(frame, model.settings["series"], model._panel.freq)
        if panel.fingerprint() != model._about["fingerprint"]:
            raise RunError(f"the data is not what {folder} was fitted on; a run goes on only with the same data")
        device = running.device(model.settings["training"].device)
        model._set_history(panel, model._units)
        task = setting_up.task(model.model, model.settings, model._about, panel, model._units)
        return model._run(task, [], device, quiet, listeners, stop)

    def _run(self, task: ForecastTask, notes, device, quiet, listeners, stop, kept=True) -> "Forecaster":
        training = self.settings["training"]
        self.model.to(device)
        again = f"recurra forecast --resume {self.folder}" if kept else None
        running.train(
            task, training, self.folder, again=again, quiet=quiet, notes=notes, listeners=listeners, stop=stop
        )
        self.model.eval()
        return self

    def predict(self, h: int | None = None, future: Any = None, *, frame: Any = None, seed: int = 0) -> Any:
        """Forecasts of the next steps: `model.predict(12)` → a frame with `forecast`, `q0.1` ..., `naive`, `seasonal_naive`.

        h: steps, at most `horizon` in direct mode; default `horizon`. future: a frame with the columns known ahead, for
        each series and step. frame: other series, or a newer history, to forecast from in place of the fitted one's end;
        the forecasts come in its form. Without names in it, a series is the fitted one where its values are the same.
        seed: of the sampled paths, which are drawn for all series at once, so that one alone gets others at the same seed.
        Raises ConfigError for an h that cannot be, DataError for frames that do not fit.
        """
        steps = self._steps(h)
        panel, form, carried, units = self._panel, self._form, self._carried, self._units
        if frame is not None:
            (panel, form), carried = frames.read(frame, self.settings["series"], self._panel.freq), None
            units = self._units_for(panel, panel, form)
        known = frames.read_future(future, self.settings["series"], panel, steps)
        windows = self._windows(panel.extended(steps, known), units)
        series, cuts = np.arange(len(panel.ids)), panel.lengths
        start = None
        if carried is not None:
            if carried.state is None:
                self._read_all()
            start = carried.state, carried.unit(windows, cuts)
        values = predicting.forecast(self.model, windows, series, cuts, steps, seed, start)
        return tables.forecasts(self.settings, form, panel, series, cuts, values)

    def cross_validate(
        self,
        frame: Any,
        windows: int = 1,
        step: int | None = None,
        h: int | None = None,
        *,
        fit: bool = True,
        quiet: bool = True,
        seed: int = 0,
    ) -> Any:
        """Forecasts from several points of the past, beside what came: `model.cross_validate(frame, windows=4, step=24)`.

        windows: cutoffs per series, the last one h steps before its end. step: steps between them; default h.
        fit: fit a copy on what is before the first cutoff, so that nothing of it is known; False takes this model as
        it is, which is honest only where it was fitted on earlier rows. Returns `predict`'s columns with `cutoff`, the
        last stamp known, and the target. Raises DataError where a series is too short.
        """
        step = h or self.settings["model"].horizon if step is None else step
        windows, step = whole("windows", windows, "1 or more"), whole("step", step, "1 or more")
        panel, form = frames.read(frame, self.settings["series"], self._panel.freq if self.model and not fit else None)
        steps = self._steps(h, fitted=not fit)
        first = panel.lengths - steps - step * (windows - 1)
        if (first < 2).any():
            name, length = panel.ids[int(first.argmin())], panel.lengths[first.argmin()]
            raise DataError(
                f"series {name!r} has {length} steps; {windows} windows of {steps}, {step} apart, need at least"
                f" {length - first.min() + 2}"
            )
        before = panel.cut(first)
        empty = np.bincount(before.owners, before.seen, len(panel.ids)) == 0
        if empty.any():
            s = int(empty.argmax())
            raise DataError(
                f"series {panel.ids[s]!r} has no value before {shown(panel.at(np.array([s]), first[[s]])[0])}, where the"
                " forecasts begin; take fewer windows, or leave it out"
            )
        model = self
        if fit:
            model = copy.copy(self)
            model._fit(before, form, quiet=quiet)
        series = np.repeat(np.arange(len(panel.ids)), windows)
        cuts = (first[:, None] + step * np.arange(windows)).reshape(-1)
        seen = model._windows(panel, model._units_for(before, panel, form))
        values = predicting.forecast(model.model, seen, series, cuts, steps, seed)
        return tables.forecasts(model.settings, form, panel, series, cuts, values, truth=True)

    def score(self, cv: Any, frame: Any) -> Any:
        """How good cross-validated forecasts are: a row for the model, naive and seasonal naive, a column a measure.

        cv: from `cross_validate`. frame: the same that it was given; MASE is scaled by what is before each cutoff.
        smape and mase are means over windows, as in the M4 competition; coverage is that of the outermost quantiles.
        """
        panel, form = frames.read(frame, self.settings["series"], None if self.model is None else self._panel.freq)
        return tables.scores(self.settings, form, panel, cv)

    def update(self, rows: Any) -> "Forecaster":
        """Take in new rows, which follow the known ones, and move the state on, without fitting again; returns itself.

        rows: a frame as for `fit`, of some or all series; static columns are not needed. DataError for rows that are
        known already, leave a gap that `fill` does not cover, or belong to a series the model does not know.
        """
        self._need_fit()
        if self._carried.state is None:
            self._read_all()
        config = dataclasses.replace(self.settings["series"], static=())
        more = appending.follow(self._panel, frames.read(rows, config, self._panel.freq, filled=False)[0], config)
        self._panel = self._panel.joined(more)
        with predicting.inference():
            self._carried.read(self.model, self._windows(self._panel), more.lengths)
        self._panel = self._panel.tail(setting_up.kept(self.settings["model"]))
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
        return picture.draw(self.settings, None if self.model is None else self._panel, forecasts, path, ids, history)

    def save(self, folder: str | Path) -> None:
        """Write what `load` needs into a folder: config.json, model.safetensors, history.safetensors."""
        self._need_fit()
        folder = Path(folder)
        folders.refuse_a_run(folder)
        folders.make(folder)
        runs.write_weights(self.model, folder, step=None, loss=None)
        contents.write_history(folder, self._panel, self._units, self._carried.since)
        contents.write(folder, self.settings, self._about, self._form)

    @classmethod
    def load(cls, folder: str | Path) -> "Forecaster":
        """Open a fitted forecaster, on the CPU: `Forecaster.load("runs/load-1")`, or `Forecaster.load("load-1")`.

        RunError, in one line, for a folder that is missing, damaged or of another task.
        """
        self = cls._opened(folder)
        runs.load_weights(self.model, self.folder)
        self.model.eval()
        return self

    @classmethod
    def _opened(cls, folder: str | Path) -> "Forecaster":
        """All but the weights, which a run has only after its first evaluation."""
        self, folder = cls.__new__(cls), folders.find(folder)
        self._open(folder, *contents.read(folder))
        panel, units, since = contents.read_history(folder)
        self._set_history(panel, units, since)
        return self

    def _open(self, folder: Path, parts: dict[str, Any], about: dict[str, Any], form: Form, model=None) -> None:
        self.settings, self._about, self._form, self.folder = parts, about, form, folder
        self.model = model or setting_up.build(parts, about)

    def _set_history(self, panel: Panel, units, since: np.ndarray | None = None) -> None:
        self._panel = panel.tail(setting_up.kept(self.settings["model"]))
        self._units = units
        self._carried = predicting.Carried(np.zeros(len(panel.ids), np.int64) if since is None else since)

    def _windows(self, panel: Panel, units: Unit | None = None) -> Windows:
        about, calendar = self._about["about"], self.settings["series"].calendar
        return Windows(panel, self.settings["model"], about, calendar, units or self._units)

    def _units_for(self, history: Panel, whole: Panel, form: Form) -> Unit:
        """The units of series that may be new, from a history. whole: with what came after, to know the series by."""
        own = setting_up.units(self.settings, self._about | {"held": 0}, history)
        return setting_up.units_of(self._units, self._panel, own, whole, form.has_ids and self._form.has_ids)

    def _read_all(self) -> None:
        with predicting.inference():
            self._carried.read(self.model, self._windows(self._panel))

    def _need_fit(self) -> None:
        if self.model is None:
            raise ConfigError("the forecaster is not fitted; call fit(frame) first, or load one")

    def _steps(self, h: int | None, fitted: bool = True) -> int:
        if fitted:
            self._need_fit()
        model = self.settings["model"]
        h = whole("h", model.horizon if h is None else h, "1 or more steps")
        if model.mode == "direct" and h > model.horizon:
            raise ConfigError(
                f"{setting('steps', python='h')} is {h}, but the model forecasts {model.horizon} "
                f"steps at once; fit with {setting('horizon', h)}, or with"
                f" {setting('mode', 'recursive')}"
            )
        return h
