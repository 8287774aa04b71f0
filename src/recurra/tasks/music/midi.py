"""Standard MIDI files: notes at ticks ↔ keys at steps.

A step's start is the nearest point of the grid, and no note is shorter than a step. Left out are drums (channel 10),
notes outside a piano's 88 keys, pedals and loudness. Two notes on one key that touch or overlap are one.
"""

from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import DataError
from recurra.tasks.music.form import KEYS, LOWEST, NOTES, Form
from recurra.tasks.music.midi_file import library
from recurra.tasks.music.piece import Piece

_DRUMS = 9  # channel 10, counted from 0
_LONGEST = 1_000_000  # steps; more is a damaged file, and would fill the memory


def read_midi(path: str | Path, steps_per_beat: int = 4) -> Piece:
    """A MIDI file as a piece: `read_midi("song.mid")`.

    steps_per_beat: the grid, in steps a quarter note. Silence before the first bar with a note is left out. The form has
    the file's first tempo, time signature and instrument. DataError, in one line, for a file that is no MIDI file, is
    cut off, or has no notes.
    """
    path = Path(path)
    file = _open(path)
    if file.type == 2:
        raise DataError(f"{path} is of MIDI's type 2, tracks that are not played together; save it as type 0 or 1")
    if file.ticks_per_beat <= 0:
        raise DataError(f"{path} counts time in film frames, not beats; save it with ticks a quarter note")
    messages = _timed(file)
    notes = [note for note in _notes(messages) if LOWEST <= note[2] < LOWEST + KEYS]
    if not notes:
        raise DataError(f"{path} has no notes on a piano's {KEYS} keys, apart from drums")
    form = Form(steps_per_beat, **_form(messages))
    return Piece(_roll(notes, file.ticks_per_beat, form, path), form, path.stem)


def _open(path: Path):
    mido = library()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if not content.startswith(b"MThd"):
        raise DataError(f"{path} is not a MIDI file")
    try:
        return mido.MidiFile(file=BytesIO(content), clip=True)
    except EOFError as error:
        raise DataError(f"{path} is cut off: it ends in the middle of a track") from error
    except (OSError, ValueError, LookupError, TypeError, mido.KeySignatureError) as error:
        raise DataError(f"{path} is a damaged MIDI file: {error}") from error


def _timed(file) -> list[tuple[int, int, Any]]:
    """All messages by time: tick from the start, number of the track, message."""
    timed = []
    for number, track in enumerate(file.tracks):
        tick = 0
        for message in track:
            tick += message.time
            timed.append((tick, number, message))
    return sorted(timed, key=lambda entry: entry[0])  # of one tick, in the order of the file


def _form(messages: list[tuple[int, int, Any]]) -> dict[str, Any]:
    """The first tempo, time signature and instrument that are said and can be."""
    found: dict[str, Any] = {}
    for _, _, message in messages:
        if message.type == "set_tempo" and message.tempo > 0 and 4 <= 6e7 / message.tempo <= 1000:
            found.setdefault("tempo", round(6e7 / message.tempo, 3))
        elif message.type == "time_signature" and message.numerator > 0 and message.denominator in NOTES:
            found.setdefault("metre", (message.numerator, message.denominator))
        elif message.type == "program_change" and message.channel != _DRUMS:
            found.setdefault("programme", message.program)
    return found


def _notes(messages: list[tuple[int, int, Any]]) -> list[tuple[int, int, int]]:
    """The notes as (start, end, key), in ticks."""
    sounding: dict[tuple[int, int, int], list[int]] = {}
    notes, tick = [], 0
    for tick, track, message in messages:
        if message.type not in ("note_on", "note_off") or message.channel == _DRUMS:
            continue
        starts = sounding.setdefault((track, message.channel, message.note), [])
        if message.type == "note_on" and message.velocity > 0:
            starts.append(tick)
        elif starts:
            notes.append((starts.pop(0), tick, message.note))
    # What nobody ends, the end of the file does.
    return notes + [(start, tick, key) for (*_, key), starts in sounding.items() for start in starts]


def _roll(notes: list[tuple[int, int, int]], ticks_per_beat: int, form: Form, path: Path) -> np.ndarray:
    scale = Fraction(form.steps_per_beat, ticks_per_beat)
    bar = form.steps(1, "bars")
    # Halves round up, so that equal distances stay as equal as they can.
    steps = [(_rounded(start * scale), _rounded(end * scale), key) for start, end, key in notes]
    first = min(start for start, _, _ in steps) // bar * bar
    length = max(max(end, start + 1) for start, end, _ in steps) - first
    if length > _LONGEST:
        raise DataError(f"{path} is {length:,} steps long; expected at most {_LONGEST:,}. Is it damaged?")
    roll = np.zeros((length, KEYS), bool)
    for start, end, key in steps:
        roll[start - first : max(end, start + 1) - first, key - LOWEST] = True
    return roll


def _rounded(value: Fraction) -> int:
    return int(value + Fraction(1, 2))
