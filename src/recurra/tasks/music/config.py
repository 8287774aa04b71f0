"""The settings of music: the data, the model, and how a piece is composed."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from recurra import config
from recurra.errors import ConfigError
from recurra.training.config import TrainingConfig


@dataclass(frozen=True)
class MusicDataConfig:
    """How pieces are cut into steps, parts and batches."""

    batch_size: int = 8
    """Pieces, or passages of long ones, that are trained on side by side."""

    passage: int = 512
    """Longest passage that is trained on, in steps; a longer piece is cut into several, each from a zero state."""

    steps_per_beat: int | None = None
    """Steps in a quarter note; not set = 4 for MIDI files, and 1 for files of steps, whose steps are taken as they are."""

    transpose: int = 6
    """Each time a piece is trained on it is moved by up to so many semitones, up or down; 0 = never."""

    validation: float = 0.1
    """The share of the pieces (of a single piece: of its end) kept for validation where the files have no split; 0 = none."""

    def __post_init__(self):
        config.check(self)
        config.require(self, "batch_size", self.batch_size >= 1, "1 or more")
        config.require(self, "passage", self.passage >= 2, "2 or more")
        grid = self.steps_per_beat
        config.require(self, "steps_per_beat", grid is None or 1 <= grid <= 96, "a number from 1 to 96")
        config.require(self, "transpose", 0 <= self.transpose <= 24, "semitones, from 0 to 24")
        config.require(self, "validation", 0 <= self.validation < 1, "a share from 0 to below 1, such as 0.1")


@dataclass(frozen=True)
class MusicConfig:
    """88 keys → recurrent stack → the keys of the next step."""

    cell: str = "lstm"
    """The recurrent cell, by name: rnn, lstm, gru and the others that `recurra doctor` lists."""
    hidden_size: int = 256
    """Units of each recurrent layer."""
    num_layers: int = 1
    """Recurrent layers, one above the other."""
    head: Literal["nade", "independent"] = "nade"
    """How keys sound together: nade draws them from low to high, each given those below; independent draws each alone."""
    chord_size: int = 64
    """Units with which nade remembers the keys below (head nade only)."""
    dropout: float = 0.3
    """Part of the units left out between the layers and before the head while training."""
    input_dropout: float = 0.0
    """Part of the keys left out of what is read while training."""
    recurrent_dropout: float | None = None
    """Part of the units left out on the way to the next step while training, the same ones in a whole passage; not set =
    as dropout, for cells with recurrent weights."""
    weight_dropout: float = 0.0
    """Part of the recurrent weights left out while training, the same ones in a whole passage."""

    def __post_init__(self):
        config.check(self)
        for name in ("hidden_size", "num_layers", "chord_size"):
            config.require(self, name, getattr(self, name) >= 1, "1 or more")
        for name in ("dropout", "input_dropout", "recurrent_dropout", "weight_dropout"):
            config.require(self, name, 0 <= (getattr(self, name) or 0) < 1, "a fraction, at least 0 and below 1")


@dataclass(frozen=True)
class CompositionConfig:
    """What to compose, and how each step's keys are drawn."""

    length: int = 64
    """How much new music, counted by `unit`; the prompt is not counted."""
    unit: Literal["beats", "bars", "steps"] = "beats"
    """What `length` and `prompt_length` count: beats (quarter notes), bars, or the model's steps."""
    temperature: float = 1.0
    """Boldness: 0 = always the likelier state of each key, 1 = as the model has it."""
    min_p: float = 0.0
    """A key less likely than this sounds only where `min_voices` needs it; 0 = any key may."""
    voices: int = 0
    """Most keys that sound together; 0 = as many as the model draws."""
    min_voices: int = 0
    """Fewest keys that sound together."""
    prompt_length: int = 0
    """How much of the prompt's beginning is gone on from, counted by `unit`; 0 = all of it."""
    keep_prompt: bool = True
    """Whether the piece begins with the prompt."""
    tempo: float | None = None
    """Beats a minute of what is written; not set = the prompt's, or what most of the training pieces have."""
    programme: int | None = None
    """Instrument of what is written, by its General MIDI number from 0 (0 piano, 19 church organ); not set = as tempo."""

    def __post_init__(self):
        config.check(self)
        config.require(self, "length", self.length >= 1, "1 or more")
        config.require(self, "temperature", 0 <= self.temperature < math.inf, "a number from 0 up, such as 0.9")
        config.require(self, "min_p", 0 <= self.min_p < 1, "a probability from 0 (off) to below 1")
        for name in ("voices", "min_voices"):
            config.require(self, name, 0 <= getattr(self, name) <= 88, "a number of keys from 0 to 88")
        config.require(self, "prompt_length", self.prompt_length >= 0, "0 (all of it) or more")
        config.require(self, "tempo", self.tempo is None or 4 <= self.tempo <= 1000, "beats a minute, from 4 to 1000")
        config.require(
            self, "programme", self.programme is None or 0 <= self.programme <= 127, "a number from 0 to 127"
        )
        if self.voices and self.min_voices > self.voices:
            raise ConfigError(f"`min_voices` is {self.min_voices}; expected at most voices={self.voices}")


CONFIGS = {"data": MusicDataConfig, "model": MusicConfig, "training": TrainingConfig}
"""The three parts of a run's settings, by their name in config.json. No two parts share a field's name."""

DEFAULTS: dict[str, Any] = {"lr": 8e-3, "weight_decay": 0.05}
"""What music changes in the defaults of training."""


def settings(**overrides) -> dict[str, Any]:
    """The three parts' settings: `settings(cell="gru", epochs=20)["training"].epochs`.

    Raises ConfigError for a setting that no part has (with the nearest), or a value that cannot be.
    """
    values = DEFAULTS | overrides
    if values.get("head") == "independent" and "chord_size" in overrides:
        raise ConfigError("`chord_size` has no effect with head='independent'; drop one")
    return config.make_parts(CONFIGS, values)
