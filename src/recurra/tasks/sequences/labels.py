"""Labels as users have them → classes, and the numbers of classes."""

from typing import Any

import numpy as np

from recurra.errors import DataError
from recurra.tasks.sequences.scikit import check_classification_targets
from recurra.text.forms import composed_label


def find_classes(labels: np.ndarray) -> np.ndarray:
    """The classes among labels, sorted. DataError if there is one only, or they are nothing that JSON holds."""
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


def composed_labels(labels: np.ndarray) -> np.ndarray:
    """Labels with their letters composed (Unicode NFC): those that look the same are one class."""
    if labels.dtype.kind not in "UO":
        return labels
    found = [composed_label(one) for one in labels.tolist()]
    return np.array(found, None if labels.dtype.kind == "U" else object).reshape(labels.shape)


def refuse_measures(labels: Any) -> None:
    """DataError for labels that scikit-learn does not take as classes, such as 0.25, 0.3, 0.75 ..., which are measured."""
    try:
        check_classification_targets(labels)
    except (ValueError, TypeError) as error:
        raise DataError(f"`y`: {error}") from None


def refuse_mixed(labels: Any) -> None:
    """DataError if a list holds texts and other labels: NumPy would make texts of all of them, 1 becoming '1'."""
    if len({isinstance(label, str) for label in labels}) > 1:
        raise _mixed(labels)


def _mixed(labels: Any) -> DataError:
    kinds = sorted({type(label).__name__ for label in labels})
    return DataError(f"`y` mixes labels of the types {', '.join(kinds)}; give all of them one type")


def numbers_of(classes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels as numbers of sorted classes, int64. DataError for one that is no class."""
    found = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
    if strange := sorted({str(label) for label in np.asarray(labels)[classes[found] != labels]}):
        raise DataError(f"the label {strange[0]!r} was not among those to train on: {_shown(classes)}")
    return found.astype(np.int64)


def _shown(classes: np.ndarray, most: int = 8) -> str:
    return ", ".join(map(str, classes[:most].tolist())) + ", ..." * (len(classes) > most)
