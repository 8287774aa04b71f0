"""The settings of classification."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

from recurra import config
from recurra.errors import ConfigError, setting
from recurra.tasks.sequences.config import DEFAULTS, SEARCH, EncoderConfig, ManyToOneConfig, SequencesConfig
from recurra.training.config import TrainingConfig


@dataclass(frozen=True)
class ClassifierConfig:
    """One vector of a sequence → dropout → softmax."""

    class_weight: Literal["balanced"] | None = None
    """balanced: a class counts more the rarer it is, n / (classes · its examples). Left out: every example counts the same.
    In Python also a dict, label → weight."""

    def __post_init__(self):
        if isinstance(self.class_weight, Mapping | tuple | list):
            object.__setattr__(self, "class_weight", _pairs(self.class_weight))
        else:
            config.check(self)


def _pairs(weights: Any) -> tuple[tuple[Any, float], ...]:
    """Weights by label as pairs: JSON has no keys but texts."""
    pairs = list(weights.items()) if isinstance(weights, Mapping) else weights
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise ConfigError(f"{setting('class_weight')} is {weights!r}; expected pairs of a label and its weight")
    return tuple((_plain(label), _weight(label, weight)) for label, weight in pairs)


def _plain(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label


def _weight(label: Any, weight: Any) -> float:
    if not isinstance(weight, Real) or not 0 <= weight < float("inf"):
        raise ConfigError(f"{setting('class_weight')} of {label!r} is {weight!r}; expected a number, 0 or more")
    return float(weight)


CONFIGS = {
    "model": EncoderConfig,
    "pooling": ManyToOneConfig,
    "classifier": ClassifierConfig,
    "data": SequencesConfig,
    "training": TrainingConfig,
}
"""The parts of a run's settings, by their name in config.json. No two parts share a field's name."""

__all__ = ["CONFIGS", "DEFAULTS", "SEARCH", "ClassifierConfig"]
