"""SequenceClassifier: one label for each sequence, as a scikit-learn classifier."""

from numbers import Real
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from recurra.config import nearest
from recurra.errors import ConfigError, DataError, setting
from recurra.tasks.classification import config, sequences
from recurra.tasks.classification.base import Examples, SequenceEstimator
from recurra.tasks.classification.files import read_files
from recurra.tasks.classification.model import Classifier
from recurra.tasks.classification.reader import Reader, find_classes, refuse_mixed
from recurra.tasks.classification.task import ClassificationTask, read


class SequenceClassifier(ClassifierMixin, SequenceEstimator):
    """A label for each sequence: `SequenceClassifier(epochs=20).fit(X, y).predict(X)`.

    X: texts; arrays (steps,) or (steps, features) of any lengths; or one array (sequences, steps) or (sequences, steps,
    features). y: a label each, numbers or texts. Parameters: the fields of ClassifierConfig, SequencesConfig and
    TrainingConfig; `out`, a new folder to keep the run in; `quiet`. class_weight may also be a dict, label → weight.
    """

    configs = config.CONFIGS
    defaults = config.DEFAULTS
    schema = "classification/1"
    reader = Reader
    verb = "classify"
    read_files = staticmethod(read_files)
    labels_hint = f"a table needs a column of them, named by {setting('label_column')}"

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (sequences, classes), in the order of classes_; rows add up to 1."""
        model = self._fitted()
        rows = self.reader_.rows(sequences.read(X))
        found = np.empty((len(rows), len(self.classes_)))
        with torch.no_grad():
            for numbers, logits in read(model, rows):
                found[numbers] = logits.double().softmax(1).cpu().numpy()
        return found

    def predict(self, X: Any) -> np.ndarray:
        """The most likely label of each sequence, (sequences,)."""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def step_weights(self, X: Any) -> list[np.ndarray]:
        """How much each step counted, (steps,) for each sequence, 1 in all: the attention, where that is the pooling.

        Of texts a step is a token; `tokens` lists them.
        """
        model = self._fitted()
        rows = self.reader_.rows(sequences.read(X))
        found: list[Any] = [None] * len(rows)
        with torch.no_grad():
            for numbers, (_, weights) in read(model, rows, return_weights=True):
                for number, row in zip(numbers, weights.cpu().numpy(), strict=True):
                    found[number] = row[: len(rows[number])]
        return found

    def tokens(self, texts: list[str]) -> list[list[str]]:
        """The tokens that texts are read as: `tokens(["to be, or"])` → [["to", "be", ",", "or"]] where unit is "word"."""
        self._fitted()
        vocabulary = self.reader_.vocabulary
        if vocabulary is None:
            raise DataError("`tokens` is of texts, but the model was fitted on arrays of numbers")
        return [
            [vocabulary.tokens[id].strip() or " " for id in row] for row in self.reader_.rows(sequences.read(texts))
        ]

    def _values(self) -> dict[str, Any]:
        values = super()._values()
        # A dict is of labels, not a setting of a kind.
        return values | {"class_weight": None} if isinstance(self.class_weight, dict) else values

    def _kept(self) -> dict[str, Any]:
        if not isinstance(self.class_weight, dict):
            return {}
        # JSON has no keys but texts: pairs.
        return {"class_weight": [[np.asarray(label).item(), float(w)] for label, w in self.class_weight.items()]}

    @classmethod
    def _described(cls, folder: Path) -> tuple[Self, dict[str, Any], dict[str, Any]]:
        estimator, parts, about = super()._described(folder)
        if "class_weight" in about:
            estimator.class_weight = dict(about["class_weight"])
        return estimator, parts, about

    def _check(self, X: Any, y: Any, name: str) -> tuple[Any, np.ndarray]:
        X = sequences.read(X, name)
        if y is None:
            raise DataError("fit requires y to be passed, but the target y is None")
        if isinstance(y, list | tuple):
            refuse_mixed(y)
        try:
            y = column_or_1d(y, warn=True)
            check_classification_targets(y)
        except (ValueError, TypeError) as error:
            raise DataError(f"`y`: {error}") from None
        if len(X) != len(y):
            raise DataError(f"`{name}` has {len(X)} sequences and `y` {len(y)} labels: inconsistent numbers of samples")
        return X, y

    def _classes(self, y: np.ndarray) -> np.ndarray:
        return find_classes(y)

    def _strata(self, y: np.ndarray) -> np.ndarray:
        return y

    def _model(self, reader: Reader, parts: dict[str, Any]) -> Classifier:
        tokens = reader.vocabulary is not None
        unknown = reader.vocabulary.unk if tokens else None
        return Classifier(
            reader.inputs, len(reader.classes), parts["model"], parts["classifier"].pooling, tokens, unknown
        )

    def _prepare(self, model: Classifier, reader: Reader, train: Examples, parts: dict[str, Any]) -> None:
        if reader.vocabulary is None and parts["data"].standardise == "features":
            model.encoder.scale(*sequences.scales(train.rows))
        model.class_weights.copy_(torch.as_tensor(self._weights(reader.classes, train.targets)))

    def _weights(self, classes: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """(classes,): how much an example of each counts."""
        given = self.class_weight
        if isinstance(given, dict):
            known = classes.tolist()
            for label, weight in given.items():
                if label not in known:
                    raise ConfigError(f"{setting('class_weight')} names {label!r}; {nearest(label, known)}")
                if not (isinstance(weight, Real) and 0 <= weight < np.inf):
                    raise ConfigError(
                        f"{setting('class_weight')} of {label!r} is {weight!r}; expected a number, 0 or more"
                    )
            weights = np.array([given.get(label, 1.0) for label in known])
            if not weights.any():
                raise ConfigError(f"{setting('class_weight')} is 0 for every class; nothing could be learned")
            return weights
        if given == "balanced":
            return len(targets) / (len(classes) * np.bincount(targets, minlength=len(classes)))
        return np.ones(len(classes))

    def _task(self, model: Classifier, train: Examples, valid: Examples, parts: dict[str, Any]) -> ClassificationTask:
        return ClassificationTask(model, train, valid, parts["data"], parts["training"].seed)
