"""The settings of regression."""

from dataclasses import dataclass
from typing import Literal

from recurra import config
from recurra.tasks.sequences.config import DEFAULTS, SEARCH, EncoderConfig, ManyToOneConfig, SequencesConfig
from recurra.training.config import TrainingConfig


@dataclass(frozen=True)
class RegressorConfig:
    """One vector of a sequence → dropout → numbers."""

    loss: Literal["squared", "absolute", "huber"] = "squared"
    """What is made small: the squared error, the absolute error, or Huber's: squared below one standard deviation of the
    targets, absolute above, so that outliers count less."""

    def __post_init__(self):
        config.check(self)


CONFIGS = {
    "model": EncoderConfig,
    "pooling": ManyToOneConfig,
    "regressor": RegressorConfig,
    "data": SequencesConfig,
    "training": TrainingConfig,
}
"""The parts of a run's settings, by their name in config.json. No two parts share a field's name."""

__all__ = ["CONFIGS", "DEFAULTS", "SEARCH", "RegressorConfig"]
