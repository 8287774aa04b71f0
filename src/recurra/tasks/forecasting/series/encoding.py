"""Covariates as numbers that a network reads, 0 where they are as usual or missing.

    column = Column.learn(values, names)         from the training part
    column.read(values, names)                   (n, size) float32

A number is scaled. Where some were missing in training, a mark stands beside it, 1 for missing: that it is missing may itself
say something (Lipton, Kale & Wetzel 2016, arXiv:1606.04130). A word has a number of its own, less its frequency, so that the
weights that read it are an embedding, and a word that was not met reads as the mean of all.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from recurra.errors import DataError
from recurra.tasks.forecasting.series.panel import plain
from recurra.tasks.standard import moments, standardised

MOST = 64
"""Words of a covariate with columns of their own, the most frequent ones; the others read as unknown."""


@dataclass(frozen=True)
class Column:
    """How one covariate is read."""

    means: list[float]
    """Of each number that it becomes; of words their frequencies."""
    deviations: list[float]
    """Standard deviations; a constant has 0, and no effect."""
    words: list[str | None] | None = None
    """The words, None among them where some are missing; None: it holds numbers."""

    @classmethod
    def learn(cls, values: np.ndarray, names: list[str] | None, most: int | None = MOST) -> Self:
        """From (n,) numbers with NaN for missing. names: the words that they count, or None. most: words to tell apart."""
        missing = np.isnan(values)
        if names is None:
            mean, deviation = (float(part[0]) for part in moments([values[:, None]]))
            marked = bool(missing.any() and not missing.all())
            return cls([mean, 0.0][: 1 + marked], [deviation, 1.0][: 1 + marked])
        counts = dict(enumerate(np.bincount(values[~missing].astype(np.int64)))) | {None: missing.sum()}
        found = {None if k is None else names[k]: int(n) for k, n in counts.items() if n}
        words = sorted(found, key=lambda word: (-found[word], word or ""))[:most]
        return cls([found[word] / len(values) for word in words], [1.0] * len(words), words)

    @property
    def size(self) -> int:
        """Numbers that it becomes."""
        return len(self.means)

    @property
    def still(self) -> bool:
        """Whether it never changed where it was learned from, and so has no effect."""
        return self.deviations == [0.0] if self.words is None else self.size < 2

    def read(self, values: np.ndarray, names: list[str] | None) -> np.ndarray:
        """(n, size) float32. values, names: as for `learn`."""
        if self.words is None:
            if names is not None:
                raise DataError(f"a covariate has {names[0]!r}, a word; it held numbers where it was learned from")
            raw = np.stack([values, np.isnan(values)], 1)[:, : self.size]
            return np.nan_to_num(standardised(raw, np.array(self.means), np.array(self.deviations)))
        if names is None:
            # What looks like numbers by itself, as the names of a few shops may.
            values, names = coded([None if np.isnan(one) else plain(one) for one in values])
        place = {word: k for k, word in enumerate(self.words)}
        places = np.array([place.get(word, -1) for word in [*names, None]])
        found = places[np.where(np.isnan(values), len(names), values).astype(np.int64)][:, None]
        hot = (found == np.arange(self.size)).astype(np.float32)
        return np.where(found >= 0, hot - np.array(self.means, np.float32), np.float32(0))


def coded(words: list[str | None], met: list[str] | None = None) -> tuple[np.ndarray, list[str]]:
    """Words as numbers: the place of each in the list beside them, which begins with those met before; NaN for None."""
    names = list(dict.fromkeys([*(met or []), *sorted({word for word in words if word is not None})]))
    place = {word: float(k) for k, word in enumerate(names)} | {None: np.nan}
    return np.array([place[word] for word in words], np.float64), names
