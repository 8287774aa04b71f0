"""The settings of a translator: the model, the pairs, and the training's own defaults."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from recurra import config
from recurra.config import Count, Fraction, HeldOut, Range
from recurra.errors import ConfigError, setting
from recurra.fitting.cellname import CellName
from recurra.training.config import TrainingConfig


@dataclass(frozen=True)
class TranslationConfig:
    """Embedding → recurrent encoder in both directions → recurrent decoder with attention → softmax."""

    cell: CellName = "lstm"
    """The recurrent cell of encoder and decoder, by name: rnn, lstm, gru and the others that `recurra doctor` lists."""
    embedding_size: Count = 128
    """Length of each token's vector, in units."""
    hidden_size: Annotated[int, Range(2)] = 256
    """Units of each decoder layer; each direction of the encoder has half as many."""
    num_layers: Count = 1
    """Recurrent layers of the encoder, and of the decoder."""
    attention: Literal["additive", "dot", "general", "multi-head", "none"] = "general"
    """How the decoder's state and those of the encoder are scored; additive takes the most memory. With none the decoder has
    the encoder's last state alone, which is worth a comparison."""
    heads: Count | None = None
    """Heads of multi-head attention, a divisor of hidden_size; not set = 4."""
    input_feeding: bool = False
    """Tell each step of the decoder what the last one looked at; slower, as the steps of training then go one by one."""
    dropout: Fraction = 0.3
    """Part of the units left out between the layers, of the tokens' vectors and before the scores, while training."""
    token_dropout: Fraction = 0.1
    """Part of the tokens that are blanked while training, so that one that was never learned does little harm."""
    label_smoothing: Fraction = 0.1
    """Part of each token's probability that training spreads over all of them."""
    init: str = "recommended"
    """How the recurrent weights start, by name: recommended (Glorot, orthogonal) or torch (PyTorch's own)."""

    def __post_init__(self):
        config.check(self)
        even = self.hidden_size % 2 == 0
        config.require(self, "hidden_size", even, "an even number: each direction of the encoder has half")
        if self.input_feeding and self.attention == "none":
            raise ConfigError(
                f"{setting('input_feeding')} has no effect with {setting('attention', 'none')}; "
                "there is nothing looked at to feed"
            )
        if self.heads is not None and self.attention != "multi-head":
            raise ConfigError(
                f"{setting('heads')} has no effect with {setting('attention', self.attention)}; it is for multi-head"
            )


@dataclass(frozen=True)
class PairsConfig:
    """How pairs of texts are read, put aside and put together."""

    unit: Literal["bpe", "character", "word"] = "bpe"
    """What a token is: a byte pair, which is a frequent piece of a word; a character, for what is respelled; or a word with
    the space before it."""
    vocabulary_size: Annotated[int | None, Range(1, words="{} tokens", form=100_000)] = None
    """The most tokens of each side, the frequent ones first; left out: 2,000 for byte pairs, all of them for the others."""
    min_count: Count = 2
    """How often a character, a word or a byte pair must occur to get a token of its own; training reads rarer ones as <unk>."""
    validation: HeldOut = 0.05
    """Fraction of the pairs, or how many of them, held out to choose the best weights and to stop early; 0 = none."""
    batch_size: Count = 64
    """Pairs in a batch."""

    def __post_init__(self):
        config.check(self)
        if self.unit == "bpe" and self.vocabulary_size is not None and self.vocabulary_size < 258:
            raise ConfigError(
                f"{setting('vocabulary_size')} is {self.vocabulary_size}; expected 258 or more byte pairs"
            )


CONFIGS = {"model": TranslationConfig, "data": PairsConfig, "training": TrainingConfig}
"""The three parts of a run's settings, by their name in config.json. No two parts share a field's name."""

BYTE_PAIRS = 2000
"""Byte pairs of each side, unless another number is set."""

DEFAULTS: dict[str, Any] = {"lr": 5e-3, "weight_decay": 0.01, "average": 0.99, "monitor": "chrf"}
"""Where translating starts from other values than the classes above: its sets are smaller than texts, and its runs shorter."""
