"""A piece of music as the model sees it: which of a piano's 88 keys sound at each step."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from recurra.errors import ConfigError, ShapeError
from recurra.fitting import pictures
from recurra.tasks.music import midi_file, picture, sound
from recurra.tasks.music.form import KEYS, LOWEST, MIDI, SOUND, Form, as_roll, key_name


@dataclass(frozen=True, eq=False)
class Piece:
    """A piano roll with its form: `Piece([[60, 64, 67], [60, 65, 69]])` is two chords.

    roll: (steps, 88) bool, or for each step the MIDI numbers (21 to 108) of the keys that sound. A key that sounds in
    two steps in a row is one long note, unless it is struck again. struck: (steps, 88) bool, where keys are struck; what counts
    is only where they sounded in the step before. ShapeError and DataError for anything else.
    """

    roll: np.ndarray
    form: Form = field(default_factory=Form)
    name: str = "piece"
    struck: np.ndarray | None = None

    def __post_init__(self):
        roll = as_roll(self.roll, self.name)
        struck = np.zeros_like(roll) if self.struck is None else np.asarray(self.struck, bool)
        if struck.shape != roll.shape:
            raise ShapeError(f"{self.name}: `struck` is {struck.shape}; expected {roll.shape}, as the roll")
        object.__setattr__(self, "roll", roll)
        object.__setattr__(self, "struck", struck & roll & _before(roll))

    @classmethod
    def from_rows(cls, rows: np.ndarray, form: Form, name: str = "piece") -> "Piece":
        """A piece from what `rows` gives: (steps, 88 or 176) bool."""
        return cls(rows[:, :KEYS], form, name, rows[:, KEYS:] if rows.shape[1] > KEYS else None)

    def rows(self, strikes: bool) -> np.ndarray:
        """As a model reads it: (steps, 88), the keys that sound; with strikes (steps, 176), those struck again beside them."""
        return np.concatenate([self.roll, self.struck], 1) if strikes else self.roll

    def __len__(self) -> int:
        return len(self.roll)

    def __repr__(self) -> str:
        beats = len(self) / self.form.steps_per_beat
        return f"<Piece {self.name!r}: {beats:g} beats, {len(self)} steps, {len(self.notes())} notes>"

    def steps(self) -> list[list[int]]:
        """The MIDI numbers of the keys that sound, for each step: what `Piece` takes."""
        return [(LOWEST + np.flatnonzero(row)).tolist() for row in self.roll]

    def notes(self) -> list[tuple[int, int, int]]:
        """The notes as (first step, step after the last, MIDI number), by start and then by key."""
        now, struck = (np.pad(part, ((0, 1), (0, 0))) for part in (self.roll, self.struck))
        before = _before(now)
        # Column by column, starts and ends of a key come in turns.
        keys, starts = np.nonzero((now & (~before | struck)).T)
        ends = np.nonzero((before & (~now | struck)).T)[1]
        notes = zip(starts.tolist(), ends.tolist(), (LOWEST + keys).tolist(), strict=True)
        return sorted(notes, key=lambda note: (note[0], note[2]))

    def chords(self) -> str:
        """The keys by name, low to high, a step after the other: "C4+E4+G4 | C4*+F4+A4"; * is struck again, · is silence."""
        again = self.struck.tolist()
        return " | ".join(
            "+".join(key_name(key) + "*" * struck[key - LOWEST] for key in keys) or "·"
            for keys, struck in zip(self.steps(), again, strict=True)
        )

    def cut(self, steps: int) -> "Piece":
        """Its first steps."""
        return self.part(0, steps)

    def part(self, start: int, end: int | None = None) -> "Piece":
        """Its steps from `start` up to `end`; default to its own end."""
        return replace(self, roll=self.roll[start:end], struck=self.struck[start:end])

    def transposed(self, semitones: int) -> "Piece":
        """The piece so many semitones higher; DataError if a note would leave the piano."""
        keys = [[key + semitones for key in keys] for keys in self.steps()]
        return Piece(keys, self.form, self.name, np.roll(self.struck, semitones, axis=1))

    def save(self, path: str | Path, soundfont: str | Path | None = None) -> Path:
        """Write it: `piece.save("new.mid")`, or sound, `piece.save("new.wav")`, or a picture, `piece.save("new.png")`.

        soundfont: the instruments for sound, an .sf2 file; default the system's. Returns the path.
        ConfigError for another ending, and where FluidSynth or a soundfont is missing.
        """
        path = check_file(path, soundfont)
        ending = path.suffix.lower()
        if ending in MIDI:
            midi_file.write_midi(self, path)
        elif ending == SOUND:
            sound.write_wav(self, path, soundfont)
        else:
            picture.draw(self, path)
        return path

    def draw(self, path: str | Path) -> Path:
        """Draw its piano roll: `piece.draw("new.png")`. Several in one picture: `recurra.tasks.music.draw`."""
        return picture.draw(self, path)


def _before(roll: np.ndarray) -> np.ndarray:
    """What sounded in the step before each."""
    return np.pad(roll, ((1, 0), (0, 0)))[: len(roll)]


def check_file(path: str | Path, soundfont: str | Path | None = None) -> Path:
    """Where a piece is to be written, before there is one. ConfigError for another ending, or without a player."""
    path = Path(path)
    known = (*MIDI, SOUND, *pictures.ENDINGS)
    if path.suffix.lower() not in known:
        raise ConfigError(f"{path} ends in {path.suffix or 'nothing'!r}; expected one of {', '.join(known)}")
    if path.suffix.lower() == SOUND:
        sound.player(soundfont)
    return path
