"""A piece of music as the model sees it: which of a piano's 88 keys sound at each step."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from recurra.errors import ConfigError
from recurra.fitting import pictures
from recurra.tasks.music import midi_file, picture, sound
from recurra.tasks.music.form import LOWEST, MIDI, SOUND, Form, as_roll, key_name


@dataclass(frozen=True, eq=False)
class Piece:
    """A piano roll with its form: `Piece([[60, 64, 67], [60, 65, 69]])` is two chords.

    roll: (steps, 88) bool, or for each step the MIDI numbers (21 to 108) of the keys that sound. A key that sounds in
    two steps in a row is one long note. ShapeError and DataError for anything else.
    """

    roll: np.ndarray
    form: Form = field(default_factory=Form)
    name: str = "piece"

    def __post_init__(self):
        object.__setattr__(self, "roll", as_roll(self.roll, self.name))

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
        edges = np.diff(np.pad(self.roll.astype(np.int8), ((1, 1), (0, 0))), axis=0)
        # Column by column, starts and ends of a key come in turns.
        keys, starts = np.nonzero(edges.T == 1)
        ends = np.nonzero(edges.T == -1)[1]
        notes = zip(starts.tolist(), ends.tolist(), (LOWEST + keys).tolist(), strict=True)
        return sorted(notes, key=lambda note: (note[0], note[2]))

    def chords(self) -> str:
        """The keys by name, low to high, a step after the other: "C4+E4+G4 | C4+F4+A4"; · is silence."""
        return " | ".join("+".join(map(key_name, keys)) or "·" for keys in self.steps())

    def cut(self, steps: int) -> "Piece":
        """Its first steps."""
        return replace(self, roll=self.roll[:steps])

    def transposed(self, semitones: int) -> "Piece":
        """The piece so many semitones higher; DataError where a note would leave the piano."""
        return Piece([[key + semitones for key in keys] for keys in self.steps()], self.form, self.name)

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


def check_file(path: str | Path, soundfont: str | Path | None = None) -> Path:
    """Where a piece is to be written, before there is one. ConfigError for another ending, or without a player."""
    path = Path(path)
    known = (*MIDI, SOUND, *pictures.ENDINGS)
    if path.suffix.lower() not in known:
        raise ConfigError(f"{path} ends in {path.suffix or 'nothing'!r}; expected one of {', '.join(known)}")
    if path.suffix.lower() == SOUND:
        sound.player(soundfont)
    return path
