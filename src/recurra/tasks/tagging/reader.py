"""What a fitted tagger knows of its data: the labels, and how words become rows of numbers."""

from collections import Counter
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, Self

import numpy as np

from recurra.errors import DataError, DtypeError, ShapeError
from recurra.fitting import folders
from recurra.tasks.classification import sequences
from recurra.tasks.classification.reader import Reader, refuse_mixed
from recurra.text.characters import Characters
from recurra.text.vocabulary import UNK
from recurra.text.words import Words

CHARACTERS = "characters.json"
LONGEST = 24
"""Characters of a word that are read; of a longer one its first and last twelve."""


def read(X: Any, name: str = "X") -> Any:
    """Lists of words, or arrays (steps, features), checked: `read(["ab"])` → [["a", "b"]], a step each character."""
    if hasattr(X, "to_numpy"):  # a column of pandas or polars
        X = X.to_numpy()
    if not isinstance(X, str | Mapping | Set) and hasattr(X, "__len__") and len(X) and _is_words(X[0]):
        return [_words(row, f"{name}[{i}]") for i, row in enumerate(X)]
    return sequences.read(X, name)


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


class TagReader(Reader):
    """Words or numbers → rows, labels → numbers.

    vocabulary: of words. characters: of their characters, None where words are known by name alone. A row of words is
    (steps,) ids, or with characters (steps, 1 + LONGEST): the word, then its characters, filled up with -1.
    """

    characters: Characters | None = None

    @classmethod
    def learn(cls, X: Any, classes: np.ndarray, parts: dict[str, Any]) -> Self:
        data = parts["data"]
        if not isinstance(X[0], list):
            return cls(data, classes, features=X[0].shape[1])
        words = Counter(_plain(word, data) for row in X for word in row)
        known = sorted((w for w, n in words.items() if n >= data.min_count), key=lambda w: (-words[w], w))
        reader = cls(data, classes, vocabulary=Words([UNK, *known[: data.vocabulary_size]], unk=0))
        if parts["tagger"].character_size:
            reader.characters = Characters([UNK, *sorted({c for row in X for word in row for c in word})], unk=0)
        return reader

    def rows(self, X: Any) -> Any:
        words = isinstance(X[0], list)
        if words != (self.vocabulary is not None):
            kinds = ("words", "arrays of numbers")
            raise DtypeError(f"`X` holds {kinds[not words]}, but the model was fitted on {kinds[words]}")
        return [self._row(row) for row in X] if words else super().rows(X)

    def _row(self, words: list[str]) -> np.ndarray:
        ids = np.array([self.vocabulary.index.get(_plain(word, self.data), 0) for word in words], np.int64)
        if self.characters is None:
            return ids
        row = np.full((len(words), 1 + LONGEST), -1, np.int64)
        row[:, 0] = ids
        for number, word in enumerate(words):
            half = LONGEST // 2
            word = word if len(word) <= LONGEST else word[:half] + word[-half:]
            row[number, 1 : 1 + len(word)] = [self.characters.index.get(character, 0) for character in word]
        return row

    def targets(self, labels: list[np.ndarray]) -> list[np.ndarray]:
        """Each row's labels as numbers of classes, (steps,) int64. DataError for one that is no class."""
        if not labels:
            return []
        found = super().targets(np.concatenate(labels))
        return np.split(found, np.cumsum([len(row) for row in labels])[:-1])

    def save(self, folder: Path) -> None:
        super().save(folder)
        if self.characters is not None:
            folders.write_vocabulary(folder, self.characters, CHARACTERS)

    @classmethod
    def load(cls, folder: Path, about: dict[str, Any], parts: dict[str, Any]) -> Self:
        reader = super().load(folder, about, parts)
        if reader.vocabulary is not None and parts["tagger"].character_size:
            reader.characters = folders.read_vocabulary(folder, CHARACTERS)
        return reader


def _plain(word: str, data: Any) -> str:
    return word.lower() if data.lowercase else word


def check_labels(X: Any, y: Any, name: str) -> list[np.ndarray]:
    """Labels of each step, as many as there are steps. DataError, ShapeError where they are not."""
    if y is None:
        raise DataError("fit requires y to be passed, but the target y is None")
    if len(X) != len(y):
        raise DataError(f"`{name}` has {len(X)} sequences and `y` {len(y)}: inconsistent numbers of samples")
    rows = []
    for i, (steps, labels) in enumerate(zip(X, y, strict=True)):
        if isinstance(labels, list | tuple):
            refuse_mixed(labels)
        row = np.asarray(list(labels) if isinstance(labels, str) else labels)
        if row.ndim != 1 or len(row) != len(steps):
            raise ShapeError(
                f"`y[{i}]` is {row.shape}; expected ({len(steps)},), a label for each step of `{name}[{i}]`"
            )
        rows.append(row)
    refuse_mixed([row.flat[0].item() if row.dtype != object else row.flat[0] for row in rows if row.size])
    return rows
