"""The lifecycle of a fitted model: settings, fit, resume, save, load, and what it keeps of each fit.

In the order of a fit: the settings are checked, the process group is joined, a folder is claimed, and the hooks are called
as they stand in `Lifecycle`. config.json is written last; from then on the folder holds a run that can be resumed.
"""

import contextlib
import copy
import inspect
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any, ClassVar, Self

from torch import nn

from recurra.config import homes, make_parts
from recurra.errors import ConfigError, DataError, RunError, nearest, not_fitted
from recurra.fitting import cellfacts, folders, learned, listeners, running, saved, sources
from recurra.fitting.history import History
from recurra.fitting.report import Report, score_of
from recurra.fitting.running import How
from recurra.fitting.split import Halves, fingerprint
from recurra.paths import named
from recurra.training import Longer, Task, distributed, runs
from recurra.training.config import with_lengths

Listener = running.Listener


@dataclass
class State:
    """What one fit made, apart from what the user set."""

    parts: dict[str, Any]
    """The settings in force: the user's, and what the data settled."""
    left: dict[str, Any] = field(default_factory=dict)
    """By name, what the user had set of those that the data settled."""
    learned: Any = None
    model: nn.Module | None = None
    folder: Path | None = None
    history: History = field(default_factory=History)
    quiet: bool | None = True
    stop: Callable[[], bool] | None = None
    examples: Any = None
    """Some of the held-out data, for `report`."""
    paths: list[str] = field(default_factory=list)
    """The files that it is fitted on, if any."""


class Lifecycle(ABC):
    """The lifecycle. Attributes of the class say which task it is; the hooks are the task's own.

    settings: any field of the classes in `configs`. ConfigError for one that is unknown or invalid.
    """

    schema: ClassVar[str]
    """The task's name and the version of its format: "translation/2"."""
    configs: ClassVar[dict[str, type]]
    """Its settings classes, by part."""
    defaults: ClassVar[dict[str, Any]] = {}
    """Where it starts from other values than those classes."""
    command: ClassVar[str]
    """The command that does the same."""
    takes: ClassVar[str] = "data"
    """What `fit` takes, for messages."""
    Learned: ClassVar[type] = learned.Nothing
    """The dataclass that `learn` returns; see `fitting.learned`."""
    instead: ClassVar[str] = ""
    """What to do with a saved model in place of resuming it, for a message; begins with its own "; "."""
    need: ClassVar[tuple[str, ...]] = ()
    """The parts of the settings that a folder must have to be opened; default all."""

    _state: State | None = None

    def __init__(self, **settings: Any):
        self._settings = settings
        self._checked()

    # The task's own

    @abstractmethod
    def _data(self, data: Any, validation: Any, folder: Path) -> Halves:
        """What the user handed to `fit`, as `task` takes it. Called in every process; may write files into the folder."""

    def _moved(self, data: Halves, task: Task, folder: Path) -> tuple[Halves, Task]:
        """The data and the task once all that was written of them stands in the run's folder."""
        return data, task

    @abstractmethod
    def _data_again(self, data: Any, validation: Any, folder: Path, origin: dict | None) -> tuple[Halves, str]:
        """The same for a run that is resumed, and its fingerprint. data: None, or what the user handed to `resume`."""

    def recipe(self, data: Halves, minutes: float | None) -> tuple[dict[str, Any], str]:
        """Settings that suit the size of the data and the time, and the reason in a sentence; the user's own win over them."""
        return {}, ""

    def settle(self, data: Halves) -> dict[str, Any]:
        """The settings by part, with those that the user left open taken from the data."""
        return self.parts

    def learn(self, data: Halves) -> Any:
        """What the model needs to know of the data, an object of `Learned`."""
        return self.Learned()

    def finish(self, data: Halves) -> Any:
        """What is learned, once the model is trained: `learned` with what only a trained model shows."""
        return self.learned

    @abstractmethod
    def network(self, parts: dict[str, Any], learned: Any) -> nn.Module:
        """A new network. Its weights follow from the seed, as it is built under it."""

    def start(self, model: nn.Module) -> bool:
        """Change a new network's weights before the first step; True if they are then stored as the run's beginning."""
        return False

    @abstractmethod
    def task(self, model: nn.Module, data: Halves) -> Task:
        """Batches, losses and measures. DataError for data with nothing to learn from."""

    def notes(self, data: Halves, task: Task) -> Iterable[str]:
        """Lines shown before training: what was read, what was left out."""
        return ()

    def reading(self, title: str) -> contextlib.AbstractContextManager:
        """A bar for `read` and `store`, where this fit shows one: `with self.reading("reading the text") as report: ...`.

        report: takes the fraction that is done, and raises Interrupted where the fit is to stop.
        """
        return running.reading(title, self._state.quiet, self._state.stop)

    def fingerprint(self, data: Halves) -> str:
        """By what the same data is recognised when a run is resumed."""
        return fingerprint(data.train, data.valid)

    def check(self) -> None:  # noqa: B027 (a hook: many tasks have nothing to check)
        """Raise now what would come up only after the data was read: packages that are missing, invalid layers."""

    def report(self) -> Report:
        """How good the fitted model is, some examples, and the command that uses it."""
        best = next((row for row in reversed(self.history) if row.get("better")), {})
        return Report(score_of(best), self.examples(), self.next(), self._use())

    def _use(self) -> str:
        return f"{'not ' * (self.parts['training'].monitor == 'training')}used to choose the weights"

    def examples(self) -> list[str]:
        """Lines of held-out examples that were kept by `task`, some right and some wrong; none for a model that was loaded."""
        return []

    def next(self) -> str:
        """The command that uses the model, on a file that is there."""
        return f"recurra {self.command} {quote(self._source() or 'DATA')} --model {self._named()}"

    def _source(self) -> str | None:
        """The first of the files that the model was fitted on; None if they are not there, or it was data in memory."""
        return next(iter(sources.present(self._fitted().paths, self.folder)), None)

    def _named(self) -> str:
        return quote(str(self.folder or "FOLDER"))

    @staticmethod
    @abstractmethod
    def read_files(paths: list[str], **reading: Any) -> Any:
        """What `fit` takes, from files; a tuple where it takes several arguments."""

    # What was fitted

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by name, as the user set it or by default; a fit does not change them."""
        return {name: value for part in self._checked().values() for name, value in vars(part).items()}

    @property
    def parts(self) -> dict[str, Any]:
        """The settings objects by part: of the model that was fitted, with what its data settled; before, the user's."""
        return self._checked() if self._state is None else self._state.parts

    @property
    def learned(self) -> Any:
        """What was learned beside the weights. NotFittedError before `fit`."""
        return self._fitted().learned

    @property
    def model(self) -> nn.Module:
        """The network. NotFittedError before `fit`."""
        return self._fitted().model

    @property
    def folder(self) -> Path | None:
        """The run's folder; None if none was kept. NotFittedError before `fit`."""
        return self._fitted().folder

    @property
    def history(self) -> History:
        """The evaluations, in order: step, epoch, losses, measures. NotFittedError before `fit`."""
        return self._fitted().history

    def __repr__(self) -> str:
        changed = ", ".join(f"{name}={value!r}" for name, value in self._given().items())
        return f"{type(self).__name__}({changed})"

    def _given(self) -> dict[str, Any]:
        """The settings that the user set."""
        return self._settings

    def _changed(self, more: dict[str, Any]) -> Self:
        """An estimator like this one, not fitted, with some settings changed."""
        other = copy.copy(self)
        other._settings, other._state = self._settings | more, None
        return other

    def _checked(self, more: dict[str, Any] | None = None) -> dict[str, Any]:
        return make_parts(self.configs, with_lengths(self.defaults | (more or {}), self._given()))

    def _fitted(self) -> State:
        if self._state is None or self._state.model is None:
            raise not_fitted(f"this {type(self).__name__} is not fitted yet; call fit({self.takes}), or load a run")
        return self._state

    # Fitting

    def fit(
        self,
        data: Any,
        *,
        validation_data: Any = None,
        out: str | Path | None = None,
        quiet: bool | None = None,
        listeners: Iterable[Listener] = (),
        stop: Callable[[], bool] | None = None,
    ) -> Self:
        """Learn from the data, from the start each time.

        validation_data: data to choose the best weights by, in place of the part `validation` of the other.
        out: a new folder to keep the run in; default none is kept. quiet: show nothing; default: progress is shown on a
        terminal and in a notebook. listeners, stop: as in `recurra.training.fit`.

        DataError and DtypeError for unusable data, RunError if the folder is in use or not writable,
        Interrupted after Ctrl-C.
        """
        return self._fit(data, validation_data, How(out, quiet, listeners, stop))

    @classmethod
    def from_files(
        cls,
        paths: str | Path | Iterable[str | Path],
        out: str | Path | None = None,
        *,
        quiet: bool | None = None,
        listeners: Iterable[Listener] = (),
        stop: Callable[[], bool] | None = None,
        reading: dict[str, Any] | None = None,
        validation_data: Iterable[str | Path] = (),
        **settings: Any,
    ) -> Self:
        """Fit on files, in a run's folder, from which it can be resumed without the data: `Translator.from_files("a.tsv")`.

        paths, reading: what `read_files` takes. out: default runs/<name>-<number>. validation_data: files to choose the best
        weights by, in place of a part of the others.
        """
        self, data, held, origin = cls._with_files(paths, reading, validation_data, settings)
        return self._fit(data, held, How(out, quiet, listeners, stop, name=folders.name_of(origin["paths"][0])), origin)

    @classmethod
    def _with_files(
        cls, paths: Any, reading: dict | None, validation: Any, settings: dict
    ) -> tuple[Self, Any, Any, dict]:
        """An estimator with these settings, the data in the files, that of `validation`, and where they came from."""
        known = {*homes(cls.configs), *inspect.signature(cls).parameters}
        if unknown := [name for name in settings if name not in known]:
            raise ConfigError(f"`{unknown[0]}` is not a setting; {nearest(unknown[0], known)}")
        paths, self = [named(p) for p in ([paths] if isinstance(paths, str | Path) else paths)], cls(**settings)
        self._checked()  # an error in a setting comes before the reading
        data, held, origin = cls.read_files(paths, **(reading or {})), None, {"paths": paths} | (reading or {})
        if validation:
            origin["validation"] = [named(path) for path in validation]
            held = cls.read_files(origin["validation"], **(reading or {}))
        return self, data, held, origin

    def _fit(self, data: Any, validation: Any, how: How, origin: dict[str, Any] | None = None) -> Self:
        """Train a new run. origin: what `read_files` read the data from."""
        before, self._state = self._state, State(self._checked(), quiet=how.quiet, stop=how.stop)
        kept, ready = how.out is not None or how.name is not None, False
        try:
            with distributed.group(running.device(self.parts["training"].device)), contextlib.ExitStack() as stack:
                self._check()
                with _claimed(how, kept, stack) as (folder, place):
                    halves, task, notes = self._set_up(data, validation, folder, place, origin if kept else None)
                    distributed.wait()  # the place is read by all processes, and gone after this
                ready = True
                distributed.wait()
                halves, task = self._moved(halves, task, folder)
                self._train(task, folder, how, [*notes, *self.notes(halves, task)], kept, origin)
                self._finish(halves, folder if kept else None)
        finally:
            if not ready:
                self._state = before
        return self

    def _check(self) -> None:
        running.check(self.parts)
        self.check()

    def _set_up(
        self, data: Any, validation: Any, folder: Path, place: Path, origin: dict | None
    ) -> tuple[Halves, Task, list[str]]:
        """All that training needs, in memory and in `place`, from where it comes into the run's folder as a whole."""
        state, first = self._state, distributed.rank() == 0
        halves = self._data(data, validation, place)
        more, why = self.recipe(halves, state.parts["training"].minutes)
        if more:
            state.parts = self._checked(more)
        notes = [why] if why else []
        state.parts = self.settle(halves)
        user, fitted = self.settings, [item for part in state.parts.values() for item in vars(part).items()]
        state.left = {name: user[name] for name, value in fitted if value != user[name]}
        state.learned = self.learn(halves)
        state.model = self._network()
        task, beginning = self.task(state.model, halves), self.start(state.model)
        task.check_memory()
        if first:
            about = {"fingerprint": self.fingerprint(halves), "recipe": why}
            if origin:
                about["sources"] = sources.kept(origin, folder)
            if beginning:
                runs.write_weights(state.model, place, step=0, loss=None)
            saved.write(place, self.schema, state.parts, state.learned, **about, open=state.left)
        return halves, task, notes

    def _network(self) -> nn.Module:
        """A new network on the device to train on."""
        training = self.parts["training"]
        model = folders.seeded(lambda: self.network(self.parts, self._state.learned), training.seed)
        return model.to(running.device(training.device))

    def _train(self, task: Task, folder: Path, how: How, notes: list[str], kept: bool, origin: dict | None) -> None:
        state, training = self._state, self.parts["training"]
        state.folder, state.paths = folder if kept else None, list((origin or {}).get("paths", ()))

        def remember(event: dict) -> None:
            if event["event"] in ("start", "fall"):
                state.history[:] = (row for row in state.history if not listeners.comes_again(row, event))
            if event["event"] == "evaluate":
                state.history.append(event)

        again = self._again(folder, origin) if kept else None
        options = {"again": again, "quiet": how.quiet, "notes": notes, "stop": how.stop, "longer": how.longer}
        running.train(task, training, folder, listeners=[remember, *how.listeners], **options)
        state.model.eval()

    def _finish(self, data: Halves, folder: Path | None) -> None:
        state, found = self._state, self.finish(data)
        if found is state.learned:
            return
        state.learned = found
        if folder is not None and distributed.rank() == 0:
            saved.learned_again(folder, found)

    def _again(self, folder: Path, origin: dict | None) -> str:
        """The command, or the call, that resumes the run. origin: the files that it was made from, None for data in memory."""
        if origin is None:
            return f"{type(self).__name__}.resume({str(folder)!r}, {self.takes})"
        moved = [
            path for path in sources.stored(origin["paths"], folder) if path != "-" and not (folder / path).exists()
        ]
        return running.command(self.command, folder, origin["paths"] if moved else [])

    # Keeping

    def save(self, folder: str | Path) -> None:
        """Write what `load` needs into a folder: config.json, model.safetensors, and what was learned beside the weights.

        RunError if the folder holds a run or is not writable.
        """
        state = self._fitted()
        saved.save(folder, state.model, self.schema, state.parts, state.learned, open=state.left)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open what was fitted with `out`, or saved, on the CPU: `Translator.load("runs/dates-1")`, or `load("dates-1")`.

        RunError, in one line, for a folder that is missing, damaged or of another task.
        """
        folder = folders.find(folder)
        self, _ = cls._opened(folder)
        with runs.no_larger_than_saved(folder):
            self._state.model = folders.seeded(lambda: self.network(self.parts, self._state.learned), 0)
        runs.load_weights(self._state.model, folder)
        self._state.model.eval()
        return self

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        data: Any = None,
        *,
        validation_data: Any = None,
        quiet: bool | None = None,
        listeners: Iterable[Listener] = (),
        stop: Callable[[], bool] | None = None,
        epochs: int = 0,
        more_minutes: float | None = None,
    ) -> Self:
        """Continue a fit that was stopped, to the bits it would have had: `Translator.resume("runs/dates-1")`.

        data, validation_data: the same as they were; others are a DataError. Left out, they are read again from the files
        that the run was made from, or from its folder. A finished run is only opened, unless it is to be trained longer:
        until it has had so many epochs in all, or for so many minutes more. That is a further cycle of the schedule with half
        the learning rate, and not what one longer fit would have given.
        RunError if the folder is damaged or holds no run, where its data is not found, or where a run to be trained
        longer is not finished.
        """
        return cls._resume(
            folder, data, validation_data, How(folder, quiet, listeners, stop, longer(epochs, more_minutes))
        )

    @classmethod
    def resume_files(cls, folder: str | Path, paths: Iterable[str | Path] | None = None, **how: Any) -> Self:
        """`resume` with data that has moved: the files are read as they were when the run began.

        paths: where they are now; default where they were. how: as in `resume`.
        """
        how["longer"] = longer(how.pop("epochs", 0), how.pop("more_minutes", None))
        folder = folders.find(folder)
        if not paths:
            return cls._resume(folder, None, None, How(folder, **how))
        _, about = folders.read_settings(folder, cls.schema, cls.configs)
        origin = about.get("sources", {}) | {"paths": [named(path) for path in paths]}
        reading, held = sources.reading(origin), None
        if "validation" in origin:
            held = cls.read_files(sources.found(origin["validation"], folder, cls.command), **reading)
        return cls._resume(folder, cls.read_files(origin["paths"], **reading), held, How(folder, **how), origin)

    @classmethod
    def _resume(cls, folder: str | Path, data: Any, validation: Any, how: How, origin: dict | None = None) -> Self:
        folder = folders.find(folder)
        self, about = cls._opened(folder)
        self._state.quiet = how.quiet
        if "fingerprint" not in about or "training" not in self.parts:
            raise RunError(f"{folder} holds a saved model, not a run; there is no training to resume{self.instead}")
        state, training, origin = self._state, self.parts["training"], origin or about.get("sources")
        with distributed.group(running.device(training.device)):
            with runs.no_larger_than_saved(folder):
                self._check()
            halves, mark = self._data_again(data, validation, folder, origin)
            if mark != about["fingerprint"]:
                raise DataError(f"{folder} was trained on other data; a run is resumed only with the same {self.takes}")
            with runs.no_larger_than_saved(folder):
                state.model = self._network()
            if (folder / runs.WEIGHTS).exists() and not (folder / runs.STATE).exists():
                # It was stopped before its first step, and begins with another model's weights.
                runs.load_weights(state.model, folder)
            task = self.task(state.model, halves)
            task.check_memory()
            self._train(task, folder, how, list(self.notes(halves, task)), True, origin)
            self._finish(halves, folder)
        return self

    @classmethod
    def _opened(cls, folder: Path) -> tuple[Self, dict[str, Any]]:
        """An estimator with a folder's settings and what it learned, without a network; and the rest of config.json."""
        parts, about = folders.read_settings(folder, cls.schema, cls.configs, need=cls.need or cls.configs)
        cellfacts.compare(about.get("cell"), parts, folder)
        left = about.get("open", {})
        self = cls._with(folders.as_set(parts, left, folder))
        self._state = State(parts, left, folder=folder, history=History(listeners.evaluations(folder)))
        self._state.learned = learned.read(cls.Learned, about.get("learned", {}), folder)
        return self, about

    @classmethod
    def _with(cls, settings: dict[str, Any]) -> Self:
        """An estimator with these settings, as a run stores them."""
        return cls(**settings)


def longer(epochs: int, more_minutes: float | None) -> Longer | None:
    """How much longer to train a finished run; None: it is only resumed."""
    return Longer(epochs or 0, more_minutes) if epochs or more_minutes is not None else None


@contextlib.contextmanager
def _claimed(how: How, kept: bool, stack: contextlib.ExitStack) -> Iterator[tuple[Path, Path]]:
    """The folder to train in and the place to set it up in, as `folders.setting_up`, the same in every process."""
    if kept and distributed.rank() == 0:
        with folders.setting_up(how.out, how.name) as both:
            yield _shared(both)
    else:
        # A temporary folder is its own place: nobody resumes what is in it.
        yield _shared(both=None if kept else 2 * (stack.enter_context(tempfile.TemporaryDirectory(prefix="recurra-")),))


def _shared(both: tuple[str | Path, str | Path] | None) -> tuple[Path, Path]:
    folder, place = map(Path, distributed.share(both and [str(path) for path in both]))
    return folder, place
