"""What the estimators of sequences share: settings as scikit-learn's parameters, fitting into a folder, saving, loading."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from torch import nn

from recurra.config import make_parts
from recurra.errors import ConfigError, DataError, RunError
from recurra.fitting import folders, running
from recurra.tasks.classification import sequences
from recurra.tasks.classification.parameters import OWN, initialiser
from recurra.tasks.classification.reader import Reader
from recurra.training import Task, runs

try:
    from sklearn.base import BaseEstimator
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ConfigError("scikit-learn is missing. Install it: pip install 'recurra[classify]'") from error


class Examples(NamedTuple):
    """Rows as the model reads them, their targets: a class each, or an array (steps,) of classes each; and their weights."""

    rows: Any
    targets: Any
    weights: np.ndarray


class Given(NamedTuple):
    """What a user fits on: sequences, labels, perhaps how much each counts, and others to choose the best weights by."""

    X: Any
    y: Any
    sample_weight: Any = None
    validation: tuple[Any, Any] | None = None


class SequenceEstimator(BaseEstimator, ABC):
    """A scikit-learn estimator whose parameters are the fields of settings classes, and `out` and `quiet`."""

    configs: ClassVar[dict[str, type]]
    defaults: ClassVar[dict[str, Any]]
    schema: ClassVar[str]
    reader: ClassVar[type[Reader]]
    verb: ClassVar[str]
    """The command that does the same."""
    read_files: ClassVar[Callable[..., tuple[Any, Any]]]
    labels_hint: ClassVar[str]
    """Where files have their labels."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__init__ = initialiser(cls.configs, cls.defaults)

    # What differs: each kind of estimator has these

    @abstractmethod
    def _check(self, X: Any, y: Any, name: str) -> tuple[Any, Any]:
        """Sequences and labels in one form, or an error in the user's terms."""

    @abstractmethod
    def _classes(self, y: Any) -> np.ndarray:
        """The labels there are, sorted; at least two."""

    @abstractmethod
    def _strata(self, y: Any) -> np.ndarray:
        """The kind of each example, (examples,): of each kind a part is held out."""

    @abstractmethod
    def _model(self, reader: Reader, parts: dict[str, Any]) -> nn.Module:
        """A new network for what the reader gives."""

    @abstractmethod
    def _prepare(self, model: nn.Module, reader: Reader, train: Examples, parts: dict[str, Any]) -> None:
        """Put into a new network what is measured and not learned."""

    @abstractmethod
    def _task(self, model: nn.Module, train: Examples, valid: Examples, parts: dict[str, Any]) -> Task:
        """What the training loop asks."""

    @property
    def command(self) -> str:
        return self.verb

    @property
    def folder(self) -> Path | None:
        return self.folder_

    @classmethod
    def resume_files(cls, folder: str | Path, quiet: bool = True) -> Self:
        return cls.resume(folder, quiet=quiet)

    # Fitting

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        listeners: Iterable[Callable[[dict], None]] = (),
        stop: Callable[[], bool] | None = None,
    ) -> Self:
        """Learn from labelled sequences, anew each time.

        sample_weight: (sequences,) how much each counts in the loss, 0 or more; default 1.
        validation_data: (X, y) to choose the best weights by, in place of the part `validation` of the examples.
        listeners, stop: as in `recurra.training.fit`.

        Returns the estimator, now with classes_, model_ (the network), history_ (what was measured on the way) and folder_
        (None without `out`). ConfigError for settings that cannot be, DataError, ShapeError and DtypeError for examples
        that cannot be used, RunError where the folder `out` is in use.
        """
        parts, given = self._settings(), Given(X, y, sample_weight, validation_data)
        if self.out is not None:
            return self._train(lambda: folders.claim(self.out), parts, given, {}, listeners, stop)
        with tempfile.TemporaryDirectory(prefix="recurra-") as folder:
            return self._train(lambda: Path(folder), parts, given, {}, listeners, stop, kept=False)

    def _values(self) -> dict[str, Any]:
        return {name: value for name, value in self.get_params(deep=False).items() if name not in OWN}

    def _settings(self) -> dict[str, Any]:
        return make_parts(self.configs, self._values())

    def _train(
        self,
        claim: Callable[[], Path],
        parts: dict[str, Any],
        given: Given,
        about: dict[str, Any],
        listeners: Iterable[Callable[[dict], None]] = (),
        stop: Callable[[], bool] | None = None,
        kept: bool = True,
    ) -> Self:
        """Train in the folder that `claim` gives, once the data is known to be fine: from the beginning, or from where a run
        was left, whose config.json says `about`."""
        device = running.device(parts["training"].device)
        X, y = self._check(given.X, given.y, "X")
        classes, mark = self._classes(y), sequences.fingerprint(X, y)
        weights = sequences.weights(given.sample_weight, len(X))
        if given.sample_weight is not None:
            mark = sequences.fingerprint(mark, weights)
        if given.validation is None:
            both = sequences.held_out(self._strata(y), parts["data"].validation, parts["training"].seed)
            (X, y, weights), (other_X, other_y, others) = [(take(X, n), take(y, n), weights[n]) for n in both]
        else:
            other_X, other_y = self._check(*given.validation, "validation_data")
            others = sequences.weights(None, len(other_X))
            mark = sequences.fingerprint(mark, other_X, other_y)
        if about.setdefault("fingerprint", mark) != mark:
            raise DataError(
                "the run was begun with other sequences or labels, or other weights; it goes on only with the same"
            )
        reader = self.reader.learn(X, classes, parts)
        train = Examples(reader.rows(X), reader.targets(y), weights)
        held = (reader.rows(other_X), reader.targets(other_y)) if len(other_X) else ([], [])
        valid = Examples(*held, others)
        model = folders.seeded(lambda: self._model(reader, parts), parts["training"].seed)
        self._prepare(model, reader, train, parts)
        folder = claim()
        reader.save(folder)
        folders.write_settings(folder, self.schema, parts, **(about | reader.about() | self._kept()))
        self._own(model.to(device), reader, parts, folder if kept else None)
        task = self._task(model, train, valid, parts)
        told = [lambda event: self.history_.append(event) if event["event"] == "evaluate" else None, *listeners]
        again = f"recurra {self.verb} --resume {folder}" if "sources" in about else f"resume({str(folder)!r}, X, y)"
        options = {"again": again if kept else None, "quiet": self.quiet, "listeners": told, "stop": stop}
        running.train(task, parts["training"], folder, **options)
        model.eval()
        return self

    def _own(self, model: nn.Module, reader: Reader, parts: dict[str, Any], folder: Path | None) -> None:
        """Take over what is fitted, and the settings it was fitted with: `set_params` changes those of the next fit alone."""
        self.model_, self.reader_, self.parts_, self.folder_, self.history_ = model, reader, parts, folder, []
        self.classes_, self.kept_ = reader.classes, self._kept()
        if reader.features is not None:
            self.n_features_in_ = reader.features

    def _kept(self) -> dict[str, Any]:
        """What config.json keeps of parameters that are no settings."""
        return {}

    def _fitted(self) -> nn.Module:
        check_is_fitted(self, "model_")
        return self.model_

    # Keeping

    def save(self, folder: str | Path) -> None:
        """Write what `load` needs: config.json, model.safetensors, and the vocabulary of texts.

        What is written is what was fitted, whatever `set_params` has changed since.
        RunError where the folder holds a run, or cannot be written.
        """
        model, folder = self._fitted(), Path(folder)
        folders.refuse_a_run(folder)
        folders.make(folder)
        self.reader_.save(folder)
        runs.write_weights(model, folder, step=None, loss=None)
        folders.write_settings(folder, self.schema, self.parts_, **self.reader_.about(), **self.kept_)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open what was fitted with `out`, or saved: `SequenceClassifier.load("runs/names-1").predict(X)`.

        RunError, in one line, for a folder that is missing, damaged or of another task.
        """
        folder = folders.find(folder)
        estimator, parts, about = cls._described(folder)
        reader = cls.reader.load(folder, about, parts)
        model = estimator._model(reader, parts)
        runs.load_weights(model, folder)
        estimator._own(model.eval(), reader, parts, folder)
        estimator.out = None  # a fit of it starts anew, elsewhere
        return estimator

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        X: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        quiet: bool = True,
        listeners: Iterable[Callable[[dict], None]] = (),
        stop: Callable[[], bool] | None = None,
    ) -> Self:
        """Go on with a fit that was stopped, to the bits it would have had: `SequenceClassifier.resume(folder, X, y)`.

        X, y, sample_weight, validation_data: the same as they were; other data is a DataError. Left out, they are read again
        from the files that the run was made from. RunError where the folder is damaged, holds no run, or knows of no files.
        """
        folder = folders.find(folder)
        estimator, parts, about = cls._described(folder)
        if "fingerprint" not in about:
            raise RunError(f"{folder} holds a saved model, not a run; there is nothing to go on with")
        if X is None:
            if "sources" not in about:
                raise RunError(f"{folder} was fitted on arrays in memory; give the same again: resume(folder, X, y)")
            X, y = cls.read_files(**about["sources"])
        estimator.out, estimator.quiet = str(folder), quiet
        given = Given(X, y, sample_weight, validation_data)
        return estimator._train(lambda: folder, parts, given, about, listeners, stop)

    @classmethod
    def from_files(
        cls,
        paths: str | Path | Sequence[str | Path],
        out: str | Path | None = None,
        *,
        quiet: bool = False,
        listeners: Iterable[Callable[[dict], None]] = (),
        stop: Callable[[], bool] | None = None,
        reading: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Self:
        """Read files and fit on them, in a run's folder: `SequenceClassifier.from_files("reviews.csv", epochs=5)`.

        paths, reading: what `read_files` takes. out: default runs/<name>-<number>. settings: the parameters.
        """
        estimator = cls(quiet=quiet, **settings)
        parts = estimator._settings()
        paths = [paths] if isinstance(paths, str | Path) else list(paths)
        sources = {"paths": [str(path) for path in paths]} | (reading or {})
        X, y = cls.read_files(**sources)
        if y is None:
            raise DataError(f"{paths[0]} has no labels to learn from; {cls.labels_hint}")

        def claim() -> Path:
            folder = folders.new(folders.name_of(paths[0])) if out is None else folders.claim(out)
            estimator.out = str(folder)
            return folder

        about = {
            "sources": sources
            | {"paths": [str(path) if str(path) == "-" else str(Path(path).absolute()) for path in paths]}
        }
        return estimator._train(claim, parts, Given(X, y), about, listeners, stop)

    @classmethod
    def _described(cls, folder: Path) -> tuple[Self, dict[str, Any], dict[str, Any]]:
        """An estimator with a folder's settings, not yet fitted; the settings by part, and the rest of config.json."""
        parts, about = folders.read_settings(folder, cls.schema, cls.configs, need=cls.configs)
        return cls(**{name: value for part in parts.values() for name, value in vars(part).items()}), parts, about


def take(values: Any, numbers: np.ndarray) -> Any:
    """Some of the examples, of an array or a list."""
    return values[numbers] if isinstance(values, np.ndarray) else [values[i] for i in numbers]
