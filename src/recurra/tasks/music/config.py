"""The settings of music: the data, the model, and how a piece is composed."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from recurra import config
from recurra.config import Count, Fraction, HeldOut, Range
from recurra.errors import ConfigError, setting
from recurra.fitting.cellname import CellName
from recurra.training.config import TrainingConfig, with_lengths


@dataclass(frozen=True)
class MusicDataConfig:
    """How pieces are cut into steps, parts and batches."""

    batch_size: Count = 8
    """Pieces, or passages of long ones, that are trained on side by side."""

    passage: Annotated[int, Range(2)] = 512
    """Longest passage that is trained on, in steps; a longer piece is cut into several, each from a zero state."""

    steps_per_beat: Annotated[int | None, Range(1, 96)] = None
    """Steps in a quarter note; not set = for MIDI files the coarsest of 4, 6, 8, 12, 16, 24, 32, 48 and 96 that their notes
    lie on, and 1 for files of steps, whose steps are taken as they are."""

    transpose: Annotated[int, Range(0, 24, words="{} semitones")] = 6
    """Each time a piece is trained on it is moved by up to so many semitones, up or down; 0 = never."""

    validation: HeldOut = 0.1
    """Fraction of the pieces, or how many, held out where the files have no split; of a single piece, of the steps at its end.
    0 = none."""

    def __post_init__(self):
        config.check(self)


@dataclass(frozen=True)
class MusicConfig:
    """88 keys → recurrent stack → the keys of the next step."""

    cell: CellName = "lstm"
    """The recurrent cell, by name: rnn, lstm, gru and the others that `recurra doctor` lists."""
    hidden_size: Count = 256
    """Units of each recurrent layer."""
    num_layers: Count = 1
    """Recurrent layers, one above the other."""
    head: Literal["nade", "independent"] = "nade"
    """How keys sound together: nade draws them from low to high, each given those below; independent draws each alone."""
    chord_size: Count = 64
    """Units with which nade remembers the keys below (head nade only)."""
    dropout: Fraction = 0.3
    """Part of the units left out between the layers and before the head while training."""
    input_dropout: Fraction = 0.0
    """Part of the keys left out of what is read while training."""
    recurrent_dropout: Fraction | None = None
    """Part of the units left out on the way to the next step while training, the same ones in a whole passage; not set =
    as dropout, for cells with recurrent weights."""
    weight_dropout: Fraction = 0.0
    """Part of the recurrent weights left out while training, the same ones in a whole passage."""

    def __post_init__(self):
        config.check(self)


@dataclass(frozen=True)
class CompositionConfig:
    """What to compose, and how each step's keys are drawn."""

    length: Count = 64
    """How much new music, counted by `unit`; the prompt is not counted."""
    unit: Literal["beats", "bars", "steps"] = "beats"
    """What `length` and `prompt_length` count: beats (quarter notes), bars, or the model's steps."""
    temperature: Annotated[float, Range(0)] = 1.0
    """Boldness: 0 = always the likeliest chord, 1 = as the model has it."""
    min_p: Fraction = 0.0
    """A key less likely than this sounds only where `min_voices` needs it; 0 = any key may."""
    voices: Annotated[int, Range(0, 88, words="{} keys")] = 0
    """Most keys that sound together; 0 = as many as the model draws."""
    min_voices: Annotated[int, Range(0, 88, words="{} keys")] = 0
    """Fewest keys that sound together."""
    prompt_length: Annotated[int, Range(0)] = 0
    """How much of the prompt's beginning is continued, counted by `unit`; 0 = all of it."""
    keep_prompt: bool = True
    """Whether the piece begins with the prompt."""
    tempo: Annotated[float | None, Range(4, 1000, words="{} beats a minute")] = None
    """Beats a minute of what is written; not set = the prompt's, or what most of the training pieces have."""
    programme: Annotated[int | None, Range(0, 127)] = None
    """Instrument of what is written, by its General MIDI number from 0 (0 piano, 19 church organ); not set = as tempo."""

    def __post_init__(self):
        config.check(self)
        if self.voices and self.min_voices > self.voices:
            raise ConfigError(
                f"{setting('min_voices')} is {self.min_voices}; expected at most {setting('voices', self.voices)}"
            )


SCHEMA = "music/3"

CONFIGS = {"data": MusicDataConfig, "model": MusicConfig, "training": TrainingConfig}
"""The three parts of a run's settings, by their name in config.json. No two parts share a field's name."""

DEFAULTS: dict[str, Any] = {"lr": 8e-3, "weight_decay": 0.05}
"""What music changes in the defaults of training."""


def settings(**overrides) -> dict[str, Any]:
    """The three parts' settings: `settings(cell="gru", epochs=20)["training"].epochs`.

    Raises ConfigError for a setting that no part has (with the nearest), or an invalid value.
    """
    values = with_lengths(DEFAULTS, overrides)
    if values.get("head") == "independent" and "chord_size" in overrides:
        raise ConfigError(f"{setting('chord_size')} has no effect with {setting('head', 'independent')}; drop one")
    return config.make_parts(CONFIGS, values)
