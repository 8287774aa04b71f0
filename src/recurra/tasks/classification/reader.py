"""What a fitted model knows of its data: the classes, and how sequences become rows that it reads."""

from pathlib import Path
from typing import Any, Self

import numpy as np

from recurra.errors import DataError, DtypeError, RunError, ShapeError
from recurra.fitting import folders
from recurra.tasks.classification import sequences
from recurra.tasks.classification.config import SequencesConfig
from recurra.text import Vocabulary


class Reader:
    """Sequences → rows, labels → numbers: `Reader.learn(X, classes, parts).rows(X)`.

    classes: the labels, sorted. features: numbers a step, None for texts. vocabulary: of texts, None for numbers.
    """

    def __init__(
        self,
        data: SequencesConfig,
        classes: np.ndarray,
        features: int | None = None,
        vocabulary: Vocabulary | None = None,
    ):
        self.data, self.classes, self.features, self.vocabulary = data, classes, features, vocabulary

    @classmethod
    def learn(cls, X: Any, classes: np.ndarray, parts: dict[str, Any]) -> Self:
        """From the sequences to train on, as `sequences.read` gives them; parts: settings by part."""
        data = parts["data"]
        if isinstance(X[0], str):
            return cls(data, classes, vocabulary=sequences.vocabulary_of(X, parts["classifier"].unit, data))
        return cls(data, classes, features=X[0].shape[1])

    @property
    def inputs(self) -> int:
        """Features of a step, or tokens."""
        return self.features if self.vocabulary is None else len(self.vocabulary)

    def rows(self, X: Any) -> Any:
        """Checked sequences as rows. DtypeError, ShapeError where they are of another kind than those it was fitted on."""
        texts = isinstance(X[0], str)
        if texts != (self.vocabulary is not None):
            kinds = ("texts", "arrays of numbers")
            raise DtypeError(f"`X` holds {kinds[not texts]}, but the model was fitted on {kinds[texts]}")
        if texts:
            return sequences.encode(X, self.vocabulary, self.data)
        if X[0].shape[1] != self.features:
            raise ShapeError(f"`X` has {X[0].shape[1]} features a step, but the model was fitted on {self.features}")
        return sequences.scale_each(X) if self.data.standardise == "sequence" else X

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """Labels as numbers of classes, int64. DataError for one that is no class."""
        found = np.searchsorted(self.classes, labels).clip(max=len(self.classes) - 1)
        if strange := sorted({str(label) for label in np.asarray(labels)[self.classes[found] != labels]}):
            raise DataError(f"the label {strange[0]!r} was not among those to train on: {_shown(self.classes)}")
        return found.astype(np.int64)

    def about(self) -> dict[str, Any]:
        """What config.json keeps of it."""
        return {
            "classes": self.classes.tolist(),
            "labels": "O" if self.classes.dtype == object else self.classes.dtype.str,
            "features": self.features,
        }

    def save(self, folder: Path) -> None:
        """Write the vocabulary, if there is one."""
        if self.vocabulary is not None:
            folders.write_vocabulary(folder, self.vocabulary)

    @classmethod
    def load(cls, folder: Path, about: dict[str, Any], parts: dict[str, Any]) -> Self:
        """What `save` and config.json kept. RunError where either is damaged."""
        try:
            classes = np.array(about["classes"], dtype=about["labels"])
            features = about["features"]
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{folder}/config.json is damaged: {error!r}; restore it from a copy, or train again"
            ) from None
        return cls(parts["data"], classes, features, None if features else folders.read_vocabulary(folder))


def find_classes(labels: np.ndarray) -> np.ndarray:
    """The classes among labels, sorted. DataError where there is one only, or they are nothing that JSON holds."""
    try:
        classes = np.unique(labels)
    except TypeError:
        raise _mixed(labels) from None
    if not all(isinstance(value, str | int | float | bool) for value in classes.tolist()):
        raise DataError(f"`y` holds {type(classes.tolist()[0]).__name__}; expected labels that are text or numbers")
    if any(value != value for value in classes.tolist()):
        raise DataError("`y` holds NaN, which is no label; fill it, or leave the example out")
    if len(classes) < 2:
        raise DataError(f"`y` has one class only, {_shown(classes)}; expected two or more to tell apart")
    return classes


def refuse_mixed(labels: Any) -> None:
    """DataError where a list holds texts and other labels: NumPy would make texts of all of them, 1 becoming '1'."""
    if len({isinstance(label, str) for label in labels}) > 1:
        raise _mixed(labels)


def _mixed(labels: Any) -> DataError:
    kinds = sorted({type(label).__name__ for label in labels})
    return DataError(f"`y` mixes labels of the types {', '.join(kinds)}; give all of them one type")


def _shown(classes: np.ndarray, most: int = 8) -> str:
    return ", ".join(map(str, classes[:most].tolist())) + ", ..." * (len(classes) > most)
