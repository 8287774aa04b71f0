"""The settings of tagging."""

from dataclasses import dataclass
from typing import Annotated

from recurra import config
from recurra.config import Range
from recurra.tasks.sequences.config import DEFAULTS, SEARCH, EncoderConfig, SequencesConfig
from recurra.training.config import TrainingConfig


@dataclass(frozen=True)
class TaggerConfig:
    """States of an encoder → dropout → a score for each label at each step → softmax, or a CRF."""

    crf: bool = False
    """Score the labels of a sequence together, by a linear-chain conditional random field, and not each on its own."""
    character_size: Annotated[int, Range(0, words="{} units")] = 0
    """Units, in each direction, of a second recurrent layer that reads the characters of each word. 0 = without it."""

    def __post_init__(self):
        config.check(self)


CONFIGS = {"model": EncoderConfig, "tagger": TaggerConfig, "data": SequencesConfig, "training": TrainingConfig}
"""The four parts of a run's settings, by their name in config.json. No two parts share a field's name."""

__all__ = ["CONFIGS", "DEFAULTS", "SEARCH", "TaggerConfig"]
