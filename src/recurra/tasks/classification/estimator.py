"""SequenceClassifier: one label for each sequence, as a scikit-learn classifier."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from recurra.errors import DataError, setting
from recurra.fitting.split import Halves
from recurra.tasks.classification import calibration, config
from recurra.tasks.classification.files import read_files
from recurra.tasks.classification.task import ClassificationTask, class_weights
from recurra.tasks.sequences import rows
from recurra.tasks.sequences.estimator import SURE, ManyToOneEstimator
from recurra.tasks.sequences.labels import composed_labels, find_classes, numbers_of, refuse_measures, refuse_mixed
from recurra.tasks.sequences.reader import Reader
from recurra.tasks.sequences.scikit import ClassifierMixin, column_or_1d


@dataclass(frozen=True, kw_only=True)
class Classes(Reader):
    """What a classifier learns beside its weights."""

    classes: np.ndarray
    """The labels, sorted."""
    temperature: float = 1.0
    """What scores are divided by before they become probabilities."""
    held: np.ndarray | None = None
    """(held-out sequences,) the probability of all labels that were likelier than the right one; None: none was held out."""


class SequenceClassifier(ClassifierMixin, ManyToOneEstimator):
    """A label for each sequence: `SequenceClassifier(epochs=20).fit(X, y).predict(X)`.

    X: texts; arrays (steps,) or (steps, features) of any lengths; or one array (sequences, steps) or (sequences, steps,
    features); NaN is a missing value. y: a label each, numbers or texts. Parameters: the fields of EncoderConfig,
    ManyToOneConfig, ClassifierConfig, SequencesConfig and TrainingConfig. class_weight may also be a dict, label → weight.
    """

    schema, configs, defaults = "classification/2", config.CONFIGS, config.DEFAULTS
    command = "classify"
    enough = SURE
    Learned = Classes

    # fmt: off
    def __init__(
        self, *,
        cell="gru", hidden_size=128, num_layers=1, bidirectional=True, embedding_size=64, dropout=0.2,
        input_dropout=0.0, recurrent_dropout=0.0, zoneout=0.0, convolutions=None, stride=None,
        init="recommended", span=0, precision="float32",
        pooling="max", unit="character",
        class_weight=None,
        lowercase=False, min_count=1, vocabulary_size=None, standardise=None, validation=0.1, batch_size=32,
        epochs=0, minutes=None, optimizer="adamw", lr=3e-3, schedule="one-cycle", warmup=0.1, beta1=0.9, beta2=0.99,
        weight_decay=0.01, clip=1.0, average=0.99, monitor="validation", patience=0, evaluate_every=0, sample_every=0,
        save_every=60.0, seed=1, device="auto", tensorboard=False,
    ):
        self._set(locals())
    # fmt: on

    @staticmethod
    def read_files(paths: list[str], **reading: Any) -> tuple[list[Any], np.ndarray]:
        X, y = read_files(paths, **reading)
        if y is None:
            raise DataError(
                f"{paths[0]} has no labels to learn from; a table needs a column of them, named by {setting('label_column')}"
            )
        return X, y

    @property
    def classes_(self) -> np.ndarray:
        """The labels, sorted. NotFittedError before `fit`."""
        return self.learned.classes

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (sequences, classes), in the order of classes_; rows add up to 1.

        Where 20 sequences or more were held out, scores are divided by a temperature first, if that lowers the loss there
        (Guo et al. 2017, arXiv:1706.04599): `learned.temperature`.
        """
        return self._chances(self._scores(X), self.learned.temperature)

    def predict_set(self, X: Any, coverage: float = 0.9) -> list[np.ndarray]:
        """The labels of each sequence among which the right one is with this chance, the likeliest first: one label or more.

        Sets are as large as held-out sequences show that they must be (adaptive prediction sets, Romano, Sesia & Candès 2020,
        arXiv:2006.02544): over new sequences like those, at least that fraction of the sets holds the right label. Held-out
        sequences that also chose the weights make it a little less.
        ConfigError for a coverage that is no fraction, DataError if too few were held out for it: 9 are needed for 0.9.
        """
        most, p = calibration.bound(self.learned.held, coverage), self.predict_proba(X)
        counts = (calibration.likelier(p) <= most).sum(1)
        order = np.argsort(-p, 1, kind="stable")
        return [self.classes_[row[:count]] for row, count in zip(order, counts, strict=True)]

    @staticmethod
    def _chances(scores: np.ndarray, temperature: float) -> np.ndarray:
        return torch.as_tensor(scores / temperature, device="cpu").softmax(1).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """The most likely label of each sequence, (sequences,)."""
        best = self._scores(X).argmax(1)
        return self.classes_[best]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The part of the sequences whose label is right."""
        return super().score(X, composed_labels(np.asarray(y)), sample_weight)

    def checked(self, X: Any, y: Any, name: str) -> tuple[Any, np.ndarray]:
        X = rows.read(X, name)
        if isinstance(y, list | tuple):
            refuse_mixed(y)
        try:
            # scikit-learn makes 1.0 of a True in a categorical column of pandas.
            y = column_or_1d(y.to_numpy() if hasattr(y, "to_numpy") else y, warn=True)
        except (ValueError, TypeError) as error:
            raise DataError(f"`y`: {error}") from None
        refuse_measures(y)
        y = composed_labels(y)
        if len(X) != len(y):
            raise DataError(f"`{name}` has {len(X)} sequences and `y` {len(y)} labels: inconsistent numbers of samples")
        return X, y

    def strata(self, y: np.ndarray) -> np.ndarray:
        find_classes(y)  # also refuses labels that cannot be compared
        return y

    def aims(self, data: Halves) -> dict[str, Any]:
        return {"classes": find_classes(data.train.y)}  # all of them: of no class everything is held out

    def outputs(self, learned: Classes) -> int:
        return len(learned.classes)

    def targets(self, y: np.ndarray) -> np.ndarray:
        return numbers_of(self.classes_, y)

    def finish(self, data: Halves) -> Classes:
        """What is learned, with what the held-out part shows of the probabilities."""
        valid = data.valid
        if not len(valid.X):
            return self.learned
        scores, y = self._scores(valid.X), self.targets(valid.y)
        temperature = calibration.temperature(scores, y, valid.sample_weight)
        held = calibration.likelier(self._chances(scores, temperature))[np.arange(len(y)), y]
        return dataclasses.replace(self.learned, temperature=temperature, held=held)

    def batches(self, model: Any, train: Any, *rest: Any) -> ClassificationTask:
        weights = class_weights(self.parts["classifier"].class_weight, self.classes_, train.targets)
        return ClassificationTask(model, train, *rest, class_weights=weights)

    @classmethod
    def _with(cls, settings: dict[str, Any]) -> Self:
        pairs = settings.get("class_weight")
        return super()._with(settings | ({"class_weight": dict(pairs)} if isinstance(pairs, tuple) else {}))
