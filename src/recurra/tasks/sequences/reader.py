"""What a fitted model knows of its sequences beside its weights, and how they become the rows that it reads."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from recurra.errors import DtypeError, ShapeError
from recurra.tasks.sequences import gaps, rows
from recurra.tasks.sequences.config import SequencesConfig
from recurra.tasks.standard import moments, standardised
from recurra.text import Vocabulary


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Sequences → rows: `Reader.learn(X, data, "word").rows(X, data)`."""

    features: int | None = None
    """Numbers per step; None for texts."""
    mean: np.ndarray | None = None
    """(features,) float64 of the training part; None for texts, and where each sequence is scaled by itself."""
    deviation: np.ndarray | None = None
    """(features,) float64, the standard deviation; 0 for a constant, which has no effect. None if it scales nothing."""
    twice: bool = False
    """Whether the features scaled by the training part follow those scaled within each sequence."""
    masked: np.ndarray | None = None
    """The numbers of the features that miss values in the training part: a mask of each is an input too. None: of none."""
    vocabulary: Vocabulary | None = None
    """Of texts."""

    @classmethod
    def learn(cls, X: Any, data: SequencesConfig, unit: str, **more: Any) -> Self:
        """From the sequences to train on, as `rows.read` gives them. unit: of texts. more: fields of a subclass."""
        if isinstance(X[0], str):
            return cls(vocabulary=rows.vocabulary_of(X, unit, data), **more)
        masked = gaps.gappy(X)
        mean, deviation = moments(X) if data.standardise != "sequence" else (None, None)
        deviation = None if data.standardise == "none" else deviation
        twice = data.standardise == "both"
        return cls(features=X[0].shape[1], mean=mean, deviation=deviation, twice=twice, masked=masked, **more)

    @property
    def inputs(self) -> int:
        """Numbers that the network reads of a step, or tokens that there are."""
        return self.features * (1 + self.twice) + self.masks if self.vocabulary is None else len(self.vocabulary)

    @property
    def masks(self) -> int:
        """How many of the inputs, the last ones, are masks."""
        return 0 if self.masked is None else len(self.masked)

    @property
    def zeros(self) -> int:
        """How many of the inputs, the last ones, start with weights of zero: masks, and how large a sequence is beside others,
        where its own scale is known too. Where values are missing at random, or gains differ, they are noise."""
        return self.features * self.twice + self.masks if self.vocabulary is None else 0

    @property
    def start(self) -> np.ndarray | float:
        """What a gap is until something was seen: the mean of each feature, (features,), or of all that are scaled, 0."""
        return 0.0 if self.mean is None or self.deviation is not None else self.mean

    kind = "texts"
    """What sequences with a vocabulary are, for messages."""

    def rows(self, X: Any, data: SequencesConfig) -> Any:
        """Checked sequences as rows, scaled and without gaps. DtypeError, ShapeError if they are of another kind than those
        to train on."""
        coded = isinstance(X[0], str | list)
        if coded != (self.vocabulary is not None):
            kinds = (self.kind, "arrays of numbers")
            raise DtypeError(f"`X` holds {kinds[not coded]}, but the model was fitted on {kinds[coded]}")
        if coded:
            return self.encoded(X, data)
        if X[0].shape[1] != self.features:
            raise ShapeError(f"`X` has {X[0].shape[1]} features a step, but the model was fitted on {self.features}")
        masked = self.masked if self.masks else np.empty(0, np.int64)
        return [gaps.closed(row, masked, self.start) for row in self._scaled(X, data)]

    def _scaled(self, X: Any, data: SequencesConfig) -> list[np.ndarray]:
        if data.standardise == "sequence":
            return rows.scale_each(X)
        if self.deviation is None:
            return [row.astype(np.float32, copy=False) for row in X]
        found = [standardised(row, self.mean, self.deviation) for row in X]
        if not self.twice:
            return found
        return [np.concatenate(pair, 1) for pair in zip(rows.scale_each(X), found, strict=True)]

    def encoded(self, X: Any, data: SequencesConfig) -> list[np.ndarray]:
        """Texts as ids, (tokens,) each."""
        return rows.encode(X, self.vocabulary, data)
