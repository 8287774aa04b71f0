"""How music is written down for a model: the keys of a piano, the form of a roll, and what can be one."""

import re
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from recurra.errors import ConfigError, DataError, ShapeError, nearest, setting

KEYS, LOWEST = 88, 21
"""The keys of a piano, and the lowest one's MIDI number: 21 is A0, 60 is C4 (middle C), 108 is C8."""

TICKS = 480
"""Ticks a beat in the files we write: no step can be shorter."""

NOTES = tuple(2**power for power in range(9))
"""What the lower number of a metre can be."""

MIDI, SOUND = (".mid", ".midi"), ".wav"
"""The endings of what a piece is written as, beside those of pictures."""

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass(frozen=True)
class Form:
    """What a piano roll leaves open: how long a step is, and who plays."""

    steps_per_beat: int = 4
    """Steps in a beat; a beat is a quarter note, whatever the metre."""
    tempo: float = 100.0
    """Beats a minute."""
    metre: tuple[int, int] = (4, 4)
    """The time signature: (3, 4) has 3 beats in a bar, and so has (6, 8)."""
    programme: int = 0
    """The instrument's number in General MIDI, from 0: 0 is a piano, 19 a church organ."""

    def __post_init__(self):
        # What a MIDI file can hold.
        whole = _whole(self.steps_per_beat, 1, TICKS)
        self._require("steps_per_beat", whole, f"a whole number from 1 to {TICKS}")
        tempo = self.tempo
        number = isinstance(tempo, Real) and not isinstance(tempo, bool)
        self._require("tempo", number and 4 <= tempo <= 1000, "beats a minute, from 4 to 1000")
        two = isinstance(self.metre, tuple) and len(self.metre) == 2
        counts = two and _whole(self.metre[0], 1, 255) and self.metre[1] in NOTES
        self._require("metre", counts, "two whole numbers, such as (3, 4), the second a power of 2")
        self._require("programme", _whole(self.programme, 0, 127), "a whole number from 0 to 127")

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise ConfigError(f"`{name}` is {getattr(self, name)!r}; expected {expected}")

    def steps(self, length: int, unit: str) -> int:
        """A length in "beats", "bars" or "steps" as steps, at least 1: `Form().steps(2, "bars")` is 32."""
        beats = {"beats": 1.0, "bars": 4 * self.metre[0] / self.metre[1], "steps": 1 / self.steps_per_beat}
        if unit not in beats:
            raise ConfigError(f"{setting('unit')} is {unit!r}; {nearest(unit, beats)}")
        return max(1, round(length * beats[unit] * self.steps_per_beat))


def _whole(number: object, least: int, most: int) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool) and least <= number <= most


def key_name(key: int) -> str:
    """A MIDI number as musicians call it: `key_name(60)` is "C4"."""
    return f"{_NAMES[key % 12]}{key // 12 - 1}"


def as_roll(music: np.ndarray | list, name: str = "piece") -> np.ndarray:
    """A piano roll (steps, 88) of bools from what `Piece` takes."""
    if isinstance(music, np.ndarray) and music.ndim == 2:
        if music.shape[1] != KEYS or len(music) == 0:
            raise ShapeError(f"{name}: a roll of shape {music.shape}; expected (steps, {KEYS}), a column for each key")
        if music.dtype.kind not in "biuf":
            raise DataError(f"{name}: a roll of {music.dtype}; expected numbers, 0 where a key does not sound")
        if not np.isfinite(music).all():
            step, column = np.argwhere(~np.isfinite(music))[0].tolist()
            raise DataError(
                f"{name}: {music[step, column]} at step {step}, key {LOWEST + column}; expected numbers, 0 where a key does"
                " not sound"
            )
        return music.astype(bool)
    try:
        steps = [[_number(key) for key in step] for step in music]
    except TypeError as error:
        raise DataError(f"{name}: expected a list of steps, each a list of MIDI numbers ({error})") from error
    if not steps:
        raise DataError(f"{name} has no steps")
    roll = np.zeros((len(steps), KEYS), bool)
    for step, keys in zip(roll, steps, strict=True):
        wrong = [key for key in keys if not LOWEST <= key < LOWEST + KEYS]
        if wrong:
            raise DataError(
                f"{name}: {wrong[0]} is no key of a piano; expected MIDI numbers from {LOWEST} to {LOWEST + KEYS - 1}"
            )
        step[np.array(keys, np.int64) - LOWEST] = True
    return roll


def _number(key) -> int:
    try:
        number = None if isinstance(key, bool | str) else int(key)
    except (TypeError, ValueError, OverflowError):  # a list, NaN, infinity
        number = None
    if number is None or key != number:
        raise TypeError(f"{key!r} is not a MIDI number")
    return number


def file_name(name: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "piece"
