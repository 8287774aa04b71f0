"""What the estimators of sequences share: scikit-learn's interface on the lifecycle of `recurra.fitting`."""

import dataclasses
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch

from recurra import cells
from recurra.errors import DataError
from recurra.fitting.estimator import Estimator
from recurra.fitting.lifecycle import Listener, longer
from recurra.fitting.parameters import Parameters
from recurra.fitting.report import compared
from recurra.fitting.running import How
from recurra.fitting.search import Goal
from recurra.fitting.space import Space
from recurra.fitting.split import Halves, fingerprint, held_out
from recurra.fitting.tuning import Tunable
from recurra.tasks.sequences import gaps, rows
from recurra.tasks.sequences.config import SEARCH
from recurra.tasks.sequences.encoder import Encoder
from recurra.tasks.sequences.many_to_one import ManyToOne
from recurra.tasks.sequences.reader import Reader
from recurra.tasks.sequences.recipe import recipe
from recurra.tasks.sequences.scikit import BaseEstimator
from recurra.tasks.sequences.task import Examples, SequencesTask, by_length

LOOKS = 4
"""Evaluations, with 600 steps, without a better one after which a fit without a length of its own ends."""
SHOWN = 64
"""Held-out sequences that are kept for `report`."""
FEW = 20
"""Held-out sequences below which their loss is mostly chance, and does not choose the weights (benchmarks/bench_labels.py)."""


class Labelled(NamedTuple):
    """What a user fits on: sequences, their labels or targets, and how much each sequence counts."""

    X: Any
    y: Any
    sample_weight: Any = None

    def take(self, numbers: np.ndarray) -> Self:
        """Some of the sequences."""
        return Labelled(*(v[numbers] if isinstance(v, np.ndarray) else [v[i] for i in numbers] for v in self))


SURE = 1e-4
"""The loss of labels at which a fit without a length of its own ends: the right one has a chance of 99.99 % in the mean."""


class SequenceEstimator(BaseEstimator, Parameters, Tunable, Estimator):
    """A scikit-learn estimator: its parameters are the fields of `configs`, written out in the `__init__` of each class.

    `__init__` only sets attributes: `self._set(locals())`; values are checked by `fit`.
    """

    takes, SEARCH = "X, y", SEARCH
    Learned: ClassVar[type[Reader]]

    # The task's own

    @abstractmethod
    def checked(self, X: Any, y: Any, name: str) -> tuple[Any, Any]:
        """Sequences and labels in one form. DataError, DtypeError, ShapeError. name: of the argument."""

    @abstractmethod
    def targets(self, y: Any) -> Any:
        """Labels that `checked` gave as numbers, as `batches` takes them."""

    @abstractmethod
    def batches(
        self, model: torch.nn.Module, train: Examples, valid: Examples, batch_size: int, seed: int
    ) -> SequencesTask:
        """What the training loop calls."""

    def strata(self, y: Any) -> np.ndarray | None:
        """(sequences,) the kind of each: of each kind the same fraction is held out. None: they are all alike."""
        return None

    # The lifecycle's hooks

    def read(self, data: Any, name: str) -> Labelled:
        data = Labelled(*data)
        if data.y is None:
            raise DataError("fit requires y to be passed, but the target y is None")
        X, y = self.checked(data.X, data.y, name)
        return Labelled(X, y, rows.weights(data.sample_weight, len(X)))

    def split(self, data: Labelled) -> Halves:
        validation, seed = self.parts["data"].validation, self.parts["training"].seed
        return Halves(*map(data.take, held_out(len(data.X), validation, seed, self.strata(data.y))))

    def recipe(self, data: Halves, minutes: float | None) -> tuple[dict[str, Any], str]:
        found, why = recipe(data.train.X, self.settings, self.strided)
        count, training = len(data.valid.X), self.parts["training"]
        chosen = data.separate or training.monitor != "validation" or training.patience
        if chosen or not 0 < count < FEW:
            return found, why
        few = f"{count} held-out sequence{'s' * (count != 1)}: too few to choose weights by, so they only measure"
        return found | {"monitor": "training"}, f"{why}; {few}" if why else few

    enough = 0.0
    """The loss on held-out sequences at which a fit without a length of its own ends (see `recurra.training.Task`)."""
    strided = True
    """A sequence's steps may become fewer on the way to its result."""

    def settle(self, data: Halves) -> dict[str, Any]:
        # What the recipe left open is off: of texts, and of sequences that are read one way.
        model, reading = self.parts["model"], self.parts["data"]
        model = dataclasses.replace(model, convolutions=model.convolutions or 0, stride=model.stride or 1)
        reading = dataclasses.replace(reading, standardise=reading.standardise or "features")
        return super().settle(data) | {"model": model, "data": reading}

    def fingerprint(self, data: Halves) -> str:
        # One array and a list of its rows are the same data, in float32 or float64.
        halves = (data.train, data.valid)
        return fingerprint([[list(map(_double, half.X)), list(half.y), list(half.sample_weight)] for half in halves])

    def task(self, model: torch.nn.Module, data: Halves) -> SequencesTask:
        self._state.examples = data.valid.take(np.arange(min(SHOWN, len(data.valid.X))))
        train, valid = map(self._examples, (data.train, data.valid))
        task = self.batches(model, train, valid, self.parts["data"].batch_size, self.parts["training"].seed)
        # Whoever says how long wants that; and few held-out sequences are soon known.
        if not (self.settings["epochs"] or self.settings["minutes"] or len(data.valid.X) < FEW):
            task.enough = self.enough
            # A recipe that says how long has chosen that.
            task.looks = 0 if self.parts["training"].epochs else LOOKS
        return task

    def notes(self, data: Halves, task: SequencesTask) -> Iterable[str]:
        fading = task.model.encoder.decay is not None
        return [gaps.described(data.train.X, self.learned.masked, fading)] if self.learned.masks else []

    def _examples(self, data: Labelled) -> Examples:
        if not len(data.X):
            return Examples([], [], data.sample_weight)
        return Examples(self.learned.rows(data.X, self.parts["data"]), self.targets(data.y), data.sample_weight)

    def encoder(self, parts: dict[str, Any], learned: Reader, more: int = 0) -> Encoder:
        """A new encoder of the sequences that `learned` knows. more: features beside the embedding."""
        unknown = None if learned.vocabulary is None else learned.vocabulary.unk
        model, decay = parts["model"], None
        if learned.masks and isinstance(cells.get(model.cell), cells.GRUD):
            decay = gaps.Decay(learned.masked, np.broadcast_to(learned.start, learned.features)[learned.masked])
        tokens, masks = learned.vocabulary is not None, learned.masks
        # A feature without a mask has a value at each step.
        timed = masks if masks == learned.features else 0
        return Encoder(learned.inputs, model, tokens, unknown, more, learned.zeros, timed, decay)

    def examples(self) -> list[str]:
        kept = self._fitted().examples
        return self.judged(kept) if kept is not None and len(kept.X) else []

    def judged(self, data: Labelled) -> list[str]:
        """Lines of held-out sequences: some that are right, some that are wrong."""
        found = zip(data.X, self.predict(data.X), data.y, strict=True)
        right, wrong = [], []
        for x, got, want in found:
            same = np.array_equal(want, got)
            (right if same else wrong).append((shown(x), shown(got), shown(want)))
        return compared([*right, *wrong])

    # scikit-learn's interface

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        out: str | Path | None = None,
        quiet: bool | None = None,
        listeners: Iterable[Listener] = (),
        stop: Callable[[], bool] | None = None,
    ) -> Self:
        """Learn from labelled sequences, from the start each time.

        sample_weight: (sequences,) how much each counts in the loss, 0 or more; default 1.
        validation_data: (X, y) to choose the best weights by, in place of the part `validation` of the sequences.
        out: a new folder to keep the run in; default none is kept. quiet: show nothing; default: progress is shown on a
        terminal and in a notebook. listeners, stop: as in `recurra.training.fit`.

        A UserWarning where sequences have fewer steps than features: other libraries have channels before steps.
        ConfigError for invalid settings, DataError, ShapeError and DtypeError for unusable data, RunError if
        the folder is in use or not writable, Interrupted after Ctrl-C.
        """
        warn_of_channels(X, type(self).__name__)
        return self._fit(Labelled(X, y, sample_weight), validation_data, How(out, quiet, listeners, stop))

    def tune(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        minutes: float | None = None,
        trials: int | None = None,
        search: Space | Iterable[str] | None = None,
        validation_data: tuple[Any, Any] | None = None,
        out: str | Path | None = None,
        quiet: bool | None = None,
    ) -> Self:
        """Search settings, and return the best model, fitted: `SequenceClassifier().tune(X, y, minutes=5)`.

        X, y, sample_weight, validation_data: as in `fit`. The others, the result and the errors: as in `Tunable.tune`.
        """
        warn_of_channels(X, type(self).__name__)
        goal = Goal(minutes, trials, search)
        return self._tune(Labelled(X, y, sample_weight), validation_data, goal, How(out, quiet))

    def bound(self) -> set[str]:
        # Of texts, and of sequences that are read one way, convolutions find nothing.
        texts = self._state is not None and self.learned.vocabulary is not None
        return {"convolutions"} if texts or not self.parts["model"].bidirectional else set()

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        X: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        quiet: bool | None = None,
        listeners: Iterable[Listener] = (),
        stop: Callable[[], bool] | None = None,
        epochs: int = 0,
        more_minutes: float | None = None,
    ) -> Self:
        """Continue a fit that was stopped, to the bits it would have had: `SequenceClassifier.resume(folder, X, y)`.

        X, y, sample_weight, validation_data: the same as they were; others are a DataError. Left out, they are read again
        from the files that the run was made from. A finished run is only opened, unless `epochs` or
        `more_minutes` says how much longer to train it.
        RunError if the folder is damaged, holds no run, or its data is not found.
        """
        data = None if X is None else Labelled(X, y, sample_weight)
        return cls._resume(
            folder, data, validation_data, How(folder, quiet, listeners, stop, longer(epochs, more_minutes))
        )

    @property
    def n_features_in_(self) -> int:
        """Numbers per step. AttributeError before `fit`, and of texts."""
        if self.learned.features is None:
            raise AttributeError("`n_features_in_` is of numbers, but the model was fitted on texts")
        return self.learned.features

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return self._state is not None and self._state.model is not None


class ManyToOneEstimator(SequenceEstimator):
    """Estimators that give a sequence one label, or one target."""

    @abstractmethod
    def outputs(self, learned: Reader) -> int:
        """Numbers that the network gives each sequence."""

    @abstractmethod
    def aims(self, data: Halves) -> dict[str, Any]:
        """What `Learned` stores of the labels, by field."""

    def learn(self, data: Halves) -> Reader:
        parts = self.parts
        return self.Learned.learn(data.train.X, parts["data"], parts["pooling"].unit, **self.aims(data))

    def network(self, parts: dict[str, Any], learned: Reader) -> ManyToOne:
        return ManyToOne(self.outputs(learned), parts["model"], parts["pooling"].pooling, self.encoder(parts, learned))

    def step_weights(self, X: Any) -> list[np.ndarray]:
        """How much each step counted, (steps,) for each sequence, 1 in all: the attention, where that is the pooling.

        Of texts a step is a token; `tokens` lists them.
        """
        weights: dict[int, np.ndarray] = {}
        for numbers, lengths, (_, counted) in self._read(X, return_weights=True):
            parts = zip(numbers, lengths, counted.cpu().numpy(), strict=True)
            weights |= {int(number): row[:steps] for number, steps, row in parts}
        return [weights[number] for number in range(len(weights))]

    def tokens(self, texts: list[str]) -> list[list[str]]:
        """The tokens that texts are read as: `tokens(["to be, or"])` → [["to", "be", ",", "or"]] where unit is "word"."""
        vocabulary = self.learned.vocabulary
        if vocabulary is None:
            raise DataError("`tokens` is of texts, but the model was fitted on arrays of numbers")
        ids = self.learned.rows(rows.read(texts), self.parts["data"])
        return [[vocabulary.tokens[id].strip() or " " for id in row] for row in ids]

    def _scores(self, X: Any) -> np.ndarray:
        """What the network gives each sequence, (sequences, outputs) float64."""
        parts = list(self._read(X))
        scores = np.empty((sum(len(numbers) for numbers, _, _ in parts), self.outputs(self.learned)))
        for numbers, _, found in parts:
            scores[numbers] = found.double().cpu().numpy()
        return scores

    @torch.no_grad()
    def _read(self, X: Any, **options: Any) -> Iterator[tuple[np.ndarray, list[int], Any]]:
        """Numbers of sequences, their lengths, and what the network gives them, in batches of like length."""
        model, made = self.model, self.learned.rows(rows.read(X), self.parts["data"])
        for numbers, x, lengths in by_length(made, model.device):
            yield numbers, [len(made[i]) for i in numbers], model(x, lengths, **options)


def warn_of_channels(X: Any, name: str) -> None:
    """A UserWarning where every sequence has fewer steps than features, as arrays (sequences, channels, steps) seem to have."""
    if hasattr(X, "shape"):
        shapes = [tuple(X.shape[1:])] if len(X.shape) == 3 else []
    else:
        shapes = [tuple(getattr(row, "shape", ())) for row in X] if isinstance(X, list | tuple) else []
    if shapes and all(len(shape) == 2 and shape[0] < shape[1] for shape in shapes):
        steps, features = shapes[0]
        turned = "X.transpose(0, 2, 1)" if hasattr(X, "shape") else "[x.T for x in X]"
        warnings.warn(
            f"{name}: `X` is read as sequences of {steps} steps with {features} features each. Where it is (sequences,"
            f" channels, steps), as aeon and sktime have it, give {turned}",
            stacklevel=3,
        )


def _double(row: Any) -> Any:
    return row.astype(np.float64) if isinstance(row, np.ndarray) and row.dtype == np.float32 else row


def shown(value: Any, most: int = 60) -> str:
    """A sequence, or its labels, in a line."""
    if isinstance(value, np.ndarray) and value.ndim == 2:
        return f"{value.shape[0]} steps"
    text = " ".join(map(str, value)) if isinstance(value, list | np.ndarray) and np.ndim(value) else str(value)
    return text if len(text) <= most else text[: most - 3] + "..."
