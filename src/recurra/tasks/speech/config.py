"""The settings of a speech recogniser: its layers, the sounds it learns from, and its training."""

from dataclasses import dataclass
from typing import Any, Literal

from recurra import config
from recurra.errors import ConfigError
from recurra.training.config import TrainingConfig


@dataclass(frozen=True)
class SpeechConfig:
    """Log-mel features → stacked frames → recurrent stack → lookahead → one score for each symbol and step."""

    rate: int = 0
    """Samples a second that all sound is brought to. 0 = the lowest of the recordings to learn from, at most 16,000."""
    mels: int = 40
    """Mel bands of a frame; a frame is 25 ms long, and a new one starts every 10 ms."""
    stack: int = 3
    """Frames that are read as one step: 3 makes a step 30 ms long."""
    normalise: Literal["global", "file"] = "global"
    """Bring each band to mean 0 and deviation 1 over all recordings, or over each file, which then cannot be streamed."""
    unit: Literal["character", "word", "bpe"] = "character"
    """What a symbol is: a character, a whole word (for small vocabularies), or a piece of a word."""
    cell: str = "gru"
    """The recurrent cell, by name: rnn, lstm, gru and the others that `recurra doctor` lists."""
    hidden_size: int = 192
    """Units of each recurrent layer, and of each direction."""
    num_layers: int = 1
    """Recurrent layers, one above the other."""
    bidirectional: bool = False
    """Also read each recording backward; sound can then be read only whole, not as it comes."""
    lookahead: int = 8
    """Steps that each output sees ahead of its own time, with one direction only."""
    dropout: float = 0.2
    """Part of the units left out between the layers, and before the scores, while training."""

    def __post_init__(self):
        config.check(self)
        config.require(self, "mels", self.mels >= 3, "3 or more")
        for name in ("stack", "hidden_size", "num_layers"):
            config.require(self, name, getattr(self, name) >= 1, "1 or more")
        config.require(self, "rate", self.rate == 0 or 1000 <= self.rate <= 384_000, "1,000 to 384,000 a second, or 0")
        config.require(self, "lookahead", self.lookahead >= 0, "0 or more steps")
        config.require(self, "dropout", 0 <= self.dropout < 1, "a fraction, at least 0 and below 1")
        if self.bidirectional and self.lookahead != SpeechConfig.lookahead and self.lookahead:
            raise ConfigError(
                f"`lookahead` is {self.lookahead}, which has no effect with bidirectional=True: the backward layers see"
                " all that follows. Leave it out"
            )

    @property
    def streams(self) -> bool:
        """Whether sound can be transcribed as it comes."""
        return not self.bidirectional and self.normalise == "global"

    @property
    def ahead(self) -> int:
        """Steps of lookahead that the model has."""
        return 0 if self.bidirectional else self.lookahead


@dataclass(frozen=True)
class SpeechDataConfig:
    """What a batch is made of: recordings, as they are or joined, and what is done to them while training."""

    batch_size: int = 32
    """Recordings, or strings of joined ones, that are trained on side by side."""
    validation: float = 0.1
    """The share of the recordings, drawn by the seed, that is kept for validation where none are given; 0 keeps none."""
    join: int = 1
    """Join up to so many recordings, drawn anew each time, into one: words spoken alone then teach strings of words."""
    pause: float = 0.5
    """Longest silence before, between and after joined recordings, in seconds."""
    noise: float | None = None
    """Add noise to every recording, from 40 dB below the sound up to this many; 10 is loud. Not set = none."""
    gain: float = 6.0
    """Make each recording up to so many dB louder or softer while training."""
    speed: float = 0.0
    """Play recordings slower, faster or as they are, by this fraction, while training; 0.1 is usual (Ko et al. 2015)."""
    time_masks: int = 1
    """Stretches of time that are blanked out in each recording while training (SpecAugment, Park et al. 2019)."""
    time_mask: float = 0.1
    """Longest such stretch, as a fraction of the recording."""
    band_masks: int = 1
    """Ranges of neighbouring mel bands that are blanked out in each recording while training."""
    band_mask: int = 6
    """Widest such range, in mel bands."""

    def __post_init__(self):
        config.check(self)
        for name in ("batch_size", "join"):
            config.require(self, name, getattr(self, name) >= 1, "1 or more")
        for name in ("time_masks", "band_masks", "band_mask", "pause", "gain"):
            config.require(self, name, getattr(self, name) >= 0, "0 or more")
        for name in ("validation", "time_mask"):
            config.require(self, name, 0 <= getattr(self, name) < 1, "a fraction, at least 0 and below 1")
        config.require(self, "speed", 0 <= self.speed <= 0.5, "a fraction from 0 to 0.5")
        config.require(
            self, "noise", self.noise is None or -20 <= self.noise <= 40, "from -20 to 40 dB below the sound"
        )


CONFIGS = {"model": SpeechConfig, "data": SpeechDataConfig, "training": TrainingConfig}
"""The three parts of a run's settings, by their name in config.json. No two parts share a field's name."""

DEFAULTS = {"lr": 1e-2, "weight_decay": 0.02, "average": 0.99}
"""What speech changes in the defaults of training."""


def settings(**overrides) -> dict[str, Any]:
    """The three parts' settings from the defaults and what overrides them: `settings(epochs=2)["training"].epochs`.

    Raises ConfigError for a setting that no part has (with the nearest), or a value that cannot be.
    """
    return config.make_parts(CONFIGS, DEFAULTS | overrides)
