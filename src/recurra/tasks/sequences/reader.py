"""What a fitted model knows of its sequences beside its weights, and how they become the rows that it reads."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from recurra.errors import DtypeError, ShapeError
from recurra.tasks.sequences import rows
from recurra.tasks.sequences.config import SequencesConfig
from recurra.tasks.standard import moments, standardised
from recurra.text import Vocabulary


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Sequences → rows: `Reader.learn(X, data, "word").rows(X, data)`."""

    features: int | None = None
    """Numbers per step; None for texts."""
    mean: np.ndarray | None = None
    """(features,) float64, taken from the numbers of a step; None for texts, and where nothing is scaled by the data."""
    deviation: np.ndarray | None = None
    """(features,) float64, what they are divided by: the standard deviation; 0 for a constant, which has no effect."""
    vocabulary: Vocabulary | None = None
    """Of texts."""

    @classmethod
    def learn(cls, X: Any, data: SequencesConfig, unit: str, **more: Any) -> Self:
        """From the sequences to train on, as `rows.read` gives them. unit: of texts. more: fields of a subclass."""
        if isinstance(X[0], str):
            return cls(vocabulary=rows.vocabulary_of(X, unit, data), **more)
        mean, deviation = moments(X) if data.standardise == "features" else (None, None)
        return cls(features=X[0].shape[1], mean=mean, deviation=deviation, **more)

    @property
    def inputs(self) -> int:
        """Features of a step, or tokens."""
        return self.features if self.vocabulary is None else len(self.vocabulary)

    kind = "texts"
    """What sequences with a vocabulary are, for messages."""

    def rows(self, X: Any, data: SequencesConfig) -> Any:
        """Checked sequences as rows, scaled. DtypeError, ShapeError where they are of another kind than those to train on."""
        coded = isinstance(X[0], str | list)
        if coded != (self.vocabulary is not None):
            kinds = (self.kind, "arrays of numbers")
            raise DtypeError(f"`X` holds {kinds[not coded]}, but the model was fitted on {kinds[coded]}")
        if coded:
            return self.encoded(X, data)
        if X[0].shape[1] != self.features:
            raise ShapeError(f"`X` has {X[0].shape[1]} features a step, but the model was fitted on {self.features}")
        if data.standardise == "sequence":
            return rows.scale_each(X)
        if self.mean is None:
            return [row.astype(np.float32, copy=False) for row in X]
        return [standardised(row, self.mean, self.deviation) for row in X]

    def encoded(self, X: Any, data: SequencesConfig) -> list[np.ndarray]:
        """Texts as ids, (tokens,) each."""
        return rows.encode(X, self.vocabulary, data)
