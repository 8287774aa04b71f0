"""The settings of video: the network, what it is for, the clips, and the training's own defaults."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from recurra import config
from recurra.config import Count, Fraction, HeldOut, Range
from recurra.fitting.cellname import CellName
from recurra.training.config import TrainingConfig


@dataclass(frozen=True)
class NetworkConfig:
    """What a classifier and a predictor have in common."""

    cell: CellName = "lstm"
    """The recurrent cell, by name: rnn, lstm, gru and the others that `recurra doctor` lists."""
    channels: Count = 32
    """Channels of the first convolutions; each level that halves the frame doubles them."""
    num_layers: Annotated[int, Range(1, 30)] = 2
    """Recurrent layers, one above the other; in a predictor each at half the resolution of the one below."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What the network multiplies in; bfloat16 is faster where the processor has it, a little coarser."""

    def __post_init__(self):
        config.check(self)


@dataclass(frozen=True)
class ClassifierConfig:
    """Frame → convolutions → recurrent stack → pooling → a softmax for each label."""

    hidden_size: Count = 128
    """Units of each recurrent layer, in each direction."""
    bidirectional: bool = False
    """Also read each clip from its end."""
    motion: bool = True
    """Also show the network each frame's difference from the one before."""
    pooling: Literal["last", "mean", "max", "attention"] = "mean"
    """How the frames become one vector: the last one, the mean, the largest value of each unit, or learned weights."""
    dropout: Fraction = 0.2
    """Part of the units left out before the recurrent layers and before the scores, while training."""

    def __post_init__(self):
        config.check(self)


@dataclass(frozen=True)
class PredictorConfig:
    """Frames seen → a stack of convolutional recurrent layers → its states start another one, which draws the next frames."""

    seen: Count = 10
    """Frames that a prediction is made from."""
    ahead: Count = 10
    """Frames that are predicted while training; afterwards as many as requested."""
    patch: Count = 4
    """Side, in pixels, of the squares a frame is cut into; each is one pixel of the first recurrent layer. 1 = no cutting."""
    kernel_size: Count = 3
    """Pixels, in each direction, that a convolution sees; an odd number."""

    def __post_init__(self):
        config.check(self)
        config.require(self, "kernel_size", self.kernel_size % 2 == 1, "an odd number")


@dataclass(frozen=True)
class ClipsConfig:
    """How clips are read, put aside and put together."""

    shorter_side: Annotated[int, Range(0, words="{} pixels")] = 0
    """Frames from files are made smaller until their shorter side has this many pixels. 0 = as they are."""
    grey: bool = False
    """Frames from files are read without colour."""
    every: Count = 1
    """Of each file every so many frames are read: 2 takes the first, third, fifth ..."""
    clip_memory: Annotated[int, Range(1, words="{} MB")] = 256
    """MB of memory that reading one clip may take; what would take more is refused before it does."""
    crop: Annotated[int, Range(0, words="{} pixels")] = 0
    """Training sees random squares of this side, in pixels, in place of whole frames (predictor). 0 = whole frames."""
    mirror: bool = False
    """Training sees half of the clips mirrored, left for right (predictor)."""
    validation: HeldOut = 0.1
    """Fraction of the clips, or how many of them, held out to choose the best weights; where they are fewer than ten, of the
    frames at the end of each. 0 = none."""
    batch_size: Count = 16
    """Clips in a batch."""

    def __post_init__(self):
        config.check(self)


CLASSIFIER = {"network": NetworkConfig, "model": ClassifierConfig, "data": ClipsConfig, "training": TrainingConfig}
PREDICTOR = {"network": NetworkConfig, "model": PredictorConfig, "data": ClipsConfig, "training": TrainingConfig}
"""The four parts of a run's settings, by their name in config.json. No two parts share a field's name."""

DEFAULTS: dict[str, Any] = {"lr": 2e-3, "weight_decay": 0.01, "average": 0.99}
CLASSIFIER_DEFAULTS = DEFAULTS | {"cell": "gru", "num_layers": 1}
"""Where video starts from other values than the classes above."""
