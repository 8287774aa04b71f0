"""What a fitted tagger knows of its data: the labels, and how words become rows of numbers."""

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from recurra.errors import DataError, DtypeError, ShapeError
from recurra.tasks.sequences import rows
from recurra.tasks.sequences.config import SequencesConfig
from recurra.tasks.sequences.labels import composed_labels, refuse_measures, refuse_mixed
from recurra.tasks.sequences.reader import Reader
from recurra.text.characters import Characters
from recurra.text.forms import composed
from recurra.text.vocabulary import UNK
from recurra.text.words import Words

LONGEST = 24
"""Characters of a word that are read; of a longer one its first and last twelve."""


def read(X: Any, name: str = "X") -> Any:
    """Lists of words, or arrays (steps, features), checked: `read(["ab"])` → [["a", "b"]], a step each character."""
    if hasattr(X, "to_numpy"):  # a column of pandas or polars
        X = X.to_numpy()
    if not isinstance(X, str | Mapping | Set) and hasattr(X, "__len__") and len(X) and _is_words(X[0]):
        return [_words(row, f"{name}[{i}]") for i, row in enumerate(X)]
    return rows.read(X, name)


def _is_words(row: Any) -> bool:
    if isinstance(row, np.ndarray):
        return row.ndim == 1 and row.size > 0 and isinstance(row[0], str)
    return isinstance(row, str) or (not hasattr(row, "ndim") and bool(row) and isinstance(row[0], str))


def _words(row: Any, where: str) -> list[str]:
    words = list(row)
    if not words:
        raise DataError(f"`{where}` is empty; leave it out")
    if not all(isinstance(word, str) and word for word in words):
        raise DtypeError(f"`{where}` holds something else than words; expected a list of str, none of them empty")
    return list(map(str, words))  # NumPy's are another type, which no vocabulary keeps


@dataclass(frozen=True, kw_only=True)
class Tags(Reader):
    """What a tagger learns beside its weights.

    A row of words is (steps,) ids, or with characters (steps, 1 + LONGEST): the word, then its characters, filled up with -1.
    """

    classes: np.ndarray
    """The labels, sorted."""
    characters: Characters | None = None
    """Those of words; None where words are known by name alone."""

    kind = "words"

    @classmethod
    def learn(cls, X: Any, data: SequencesConfig, spelled: bool, **more: Any) -> Self:
        """From the sequences to train on, as `read` gives them. spelled: words are read by their characters too."""
        if not isinstance(X[0], list):
            return super().learn(X, data, "word", **more)
        words = Counter(_plain(word, data) for row in X for word in row)
        known = sorted((w for w, n in words.items() if n >= data.min_count), key=lambda w: (-words[w], w))
        vocabulary = Words([UNK, *known[: data.vocabulary_size]], unk=0)
        letters = [UNK, *sorted({c for row in X for word in row for c in composed(word)})]
        return cls(vocabulary=vocabulary, characters=Characters(letters, unk=0) if spelled else None, **more)

    def encoded(self, X: list[list[str]], data: SequencesConfig) -> list[np.ndarray]:
        return [self._row(words, data) for words in X]

    def _row(self, words: list[str], data: SequencesConfig) -> np.ndarray:
        ids = np.array([self.vocabulary.index.get(_plain(word, data), 0) for word in words], np.int64)
        if self.characters is None:
            return ids
        row = np.full((len(words), 1 + LONGEST), -1, np.int64)
        row[:, 0] = ids
        for number, word in enumerate(words):
            word, half = composed(word), LONGEST // 2
            word = word if len(word) <= LONGEST else word[:half] + word[-half:]
            row[number, 1 : 1 + len(word)] = [self.characters.index.get(character, 0) for character in word]
        return row


def _plain(word: str, data: SequencesConfig) -> str:
    word = composed(word)
    return word.lower() if data.lowercase else word


def check_labels(X: Any, y: Any, name: str) -> list[np.ndarray]:
    """Labels of each step, as many as there are steps. DataError, ShapeError if they are not."""
    if len(X) != len(y):
        raise DataError(f"`{name}` has {len(X)} sequences and `y` {len(y)}: inconsistent numbers of samples")
    checked = []
    for i, (steps, labels) in enumerate(zip(X, y, strict=True)):
        if isinstance(labels, list | tuple):
            refuse_mixed(labels)
        row = np.asarray(list(labels) if isinstance(labels, str) else labels)
        if row.ndim != 1 or len(row) != len(steps):
            raise ShapeError(
                f"`y[{i}]` is {row.shape}; expected ({len(steps)},), a label for each step of `{name}[{i}]`"
            )
        checked.append(composed_labels(row))
    refuse_mixed([row.flat[0].item() if row.dtype != object else row.flat[0] for row in checked if row.size])
    whole = np.concatenate(checked) if checked else np.zeros(0)
    if whole.dtype.kind == "f" and np.isfinite(whole).all():
        refuse_measures(whole)
    return checked
