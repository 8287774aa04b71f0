"""The settings of a speech recogniser: its layers, the sounds it learns from, and its training."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from recurra import config
from recurra.config import Count, Fraction, HeldOut, Range
from recurra.errors import ConfigError, setting
from recurra.fitting.cellname import CellName
from recurra.training.config import TrainingConfig, with_lengths


@dataclass(frozen=True)
class SpeechConfig:
    """Log-mel features → stacked frames → recurrent stack → lookahead → one score for each symbol and step."""

    rate: Annotated[int, Range(1000, 384_000, also=0, words="{} a second")] = 0
    """Samples a second that all sound is brought to. 0 = the lowest of the recordings to learn from, at most 16,000."""
    mels: Annotated[int, Range(3)] = 40
    """Mel bands of a frame; a frame is 25 ms long, and a new one starts every 10 ms."""
    stack: Count = 3
    """Frames that are read as one step: 3 makes a step 30 ms long."""
    normalise: Literal["running", "file"] = "running"
    """Make level and channel harmless: take from each band its running mean, as the sound comes, or its mean over the whole
    file, which then cannot be streamed."""
    unit: Literal["character", "word", "bpe"] = "character"
    """What a symbol is: a character, a whole word (for small vocabularies), or a piece of a word."""
    cell: CellName = "gru"
    """The recurrent cell, by name: rnn, lstm, gru and the others that `recurra doctor` lists."""
    hidden_size: Count = 192
    """Units of each recurrent layer, and of each direction."""
    num_layers: Count = 1
    """Recurrent layers, one above the other."""
    bidirectional: bool = False
    """Also read each recording backward; sound can then be read only whole, not as it comes."""
    lookahead: Annotated[int, Range(0, words="{} steps")] = 8
    """Steps that each output sees ahead of its own time, with one direction only."""
    dropout: Fraction = 0.2
    """Part of the units left out between the layers, and before the scores, while training."""

    def __post_init__(self):
        config.check(self)
        if self.bidirectional and self.lookahead != SpeechConfig.lookahead and self.lookahead:
            raise ConfigError(
                f"{setting('lookahead')} is {self.lookahead}, which has no effect with "
                f"{setting('bidirectional', True)}: the backward layers see"
                " all that follows. Leave it out"
            )

    @property
    def streams(self) -> bool:
        """Whether sound can be transcribed as it comes."""
        return not self.bidirectional and self.normalise == "running"

    @property
    def ahead(self) -> int:
        """Steps of lookahead that the model has."""
        return 0 if self.bidirectional else self.lookahead


@dataclass(frozen=True)
class SpeechDataConfig:
    """What a batch is made of: recordings, as they are or joined, and what is done to them while training."""

    batch_size: Count = 32
    """Recordings, or strings of joined ones, that are trained on side by side."""
    validation: HeldOut = 0.1
    """Fraction of the recordings, or how many of them, drawn by the seed and held out to choose the best weights; 0 = none."""
    join: Count = 1
    """Join up to so many recordings, drawn again each time, into one: words spoken alone then teach strings of words."""
    pause: Annotated[float, Range(0)] = 0.5
    """Longest silence before, between and after joined recordings, in seconds."""
    noise: Annotated[float | None, Range(-20, 40, words="{} dB below the sound")] = None
    """Add noise to every recording, from 40 dB below the sound up to this many; 10 is loud. Not set = none."""
    gain: Annotated[float, Range(0)] = 6.0
    """Make each recording up to so many dB louder or softer while training: words that are joined then differ in loudness."""
    low_pass: Annotated[float, Range(0, 1, words="a fraction, {}")] = 0.2
    """Fraction of the recordings whose upper bands, up to 40 % of them, are emptied while training, as by a telephone."""
    tilt: Annotated[float, Range(0)] = 0.0
    """Make the highest bands of each recording up to so many dB louder or softer against the lowest while training."""
    speed: Annotated[float, Range(0, 0.5, words="a fraction, {}")] = 0.0
    """Play recordings slower, faster or as they are, by this fraction, while training; 0.1 is usual (Ko et al. 2015)."""
    time_masks: Annotated[int, Range(0)] = 1
    """Stretches of time that are blanked out in each recording while training (SpecAugment, Park et al. 2019)."""
    time_mask: Fraction = 0.1
    """Longest such stretch, as a fraction of the recording."""
    band_masks: Annotated[int, Range(0)] = 1
    """Ranges of neighbouring mel bands that are blanked out in each recording while training."""
    band_mask: Annotated[int, Range(0)] = 6
    """Widest such range, in mel bands."""

    def __post_init__(self):
        config.check(self)


SCHEMA = "speech/3"

CONFIGS = {"model": SpeechConfig, "data": SpeechDataConfig, "training": TrainingConfig}
"""The three parts of a run's settings, by their name in config.json. No two parts share a field's name."""

DEFAULTS = {"lr": 1e-2, "weight_decay": 0.02, "average": 0.99, "monitor": "wer"}
"""What speech changes in the defaults of training."""


def settings(**overrides) -> dict[str, Any]:
    """The three parts' settings from the defaults and what overrides them: `settings(epochs=2)["training"].epochs`.

    Raises ConfigError for a setting that no part has (with the nearest), or an invalid value.
    """
    return config.make_parts(CONFIGS, with_lengths(DEFAULTS, overrides))
