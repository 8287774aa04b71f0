"""The settings that the tasks on sequences share: the encoder, one vector of a sequence, the data."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from recurra import config
from recurra.config import Count, Fraction, HeldOut, Range
from recurra.fitting.cellname import TimedCellName
from recurra.fitting.space import Between, Space


@dataclass(frozen=True)
class EncoderConfig:
    """Numbers, or the embeddings of tokens → recurrent stack."""

    cell: TimedCellName = "gru"
    """The recurrent cell, by name: rnn, lstm, gru and others that `recurra doctor` lists; gru-d reads how old values are."""
    hidden_size: Count = 128
    """Units of each recurrent layer, in each direction."""
    num_layers: Count = 1
    """Recurrent layers, one above the other."""
    bidirectional: bool = True
    """Also read each sequence from its end."""
    embedding_size: Count = 64
    """Length of each token's vector, in units; sequences of numbers have none."""
    dropout: Fraction = 0.2
    """Part of the units left out between the layers, and before the scores, while training."""
    input_dropout: Fraction = 0.0
    """Part of the inputs' numbers left out while training."""
    recurrent_dropout: Fraction = 0.0
    """Part of the units left out on the way to the next step while training, the same ones in a whole sequence."""
    zoneout: Fraction = 0.0
    """Chance that a unit keeps its last value for a step while training."""
    convolutions: Annotated[int | None, Range(0)] = None
    """Channels of three learned convolutions before the recurrence, which find shapes in numbers; 0 = none. Not set = 64 for
    sequences of numbers of 8 steps and more that are read from both ends."""
    stride: Count | None = None
    """Steps of a sequence that become one behind the convolutions, the largest values of them. Not set = such that about 50 are
    left of the median sequence; a tagger keeps all."""
    init: str = "recommended"
    """How the recurrent weights start, by name: recommended (Glorot, orthogonal) or torch (PyTorch's own)."""
    span: Annotated[int, Range(above=2, also=0, words="{} steps")] = 0
    """Steps to remember from the start: biases of the gates that keep the memory start spread up to it (chrono). 0 = off."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What the recurrent layers multiply in; bfloat16 is up to twice as fast where the processor has it, a little coarser."""

    def __post_init__(self):
        config.check(self)


@dataclass(frozen=True)
class ManyToOneConfig:
    """Texts → tokens; and states of an encoder → one vector."""

    pooling: Literal["last", "mean", "max", "attention"] = "max"
    """How the steps become one vector: the last one, the mean, the largest value of each unit, or learned weights."""
    unit: Literal["character", "byte", "word", "bpe"] = "character"
    """What a token of a text is: a character, a byte of UTF-8, a word or sign, or a byte pair."""

    def __post_init__(self):
        config.check(self)


@dataclass(frozen=True)
class SequencesConfig:
    """How sequences are read, held out and batched."""

    lowercase: bool = False
    """Read texts in small letters."""
    min_count: Count = 1
    """How often a character, word or byte pair must occur to get a token of its own; the others share <unk>."""
    vocabulary_size: Annotated[int | None, Range(1, words="{} tokens")] = None
    """The most tokens to have, the frequent ones first; left out: 4096 for bpe, all of them for the others."""
    standardise: Literal["features", "sequence", "both", "none"] | None = None
    """Scale numbers to mean 0, standard deviation 1: each feature over the training part, or within each sequence, or both, so
    that each feature is read twice, or not. Not set = features; or both where there are convolutions and standard deviations of
    sequences are a factor of 100 apart."""
    validation: HeldOut = 0.1
    """Fraction of the examples, or how many of them, held out to choose the best weights and to stop early: the same fraction
    of each class. 0 = none."""
    batch_size: Count = 32
    """Sequences in a batch."""

    def __post_init__(self):
        config.check(self)


SEARCH: Space = {
    "cell": ("gru", "lstm", "mingru", "slstm"),
    "hidden_size": Between(32, 256, step=16),
    "num_layers": (1, 2),
    "convolutions": (0, 32, 64, 128),
    "dropout": Between(0.0, 0.6, even=True),
    "input_dropout": Between(0.0, 0.3, even=True),
    "lr": Between(5e-4, 2e-2),
    "weight_decay": Between(1e-3, 0.3),
}
"""What `tune` tries."""

DEFAULTS: dict[str, Any] = {"lr": 3e-3, "weight_decay": 0.01, "average": 0.99}
"""Where these tasks start from other values than the training's: sets are smaller than texts, and runs shorter."""
