"""A piece as a MIDI file."""

from fractions import Fraction
from pathlib import Path
from typing import Any

from recurra import files
from recurra.errors import ConfigError
from recurra.tasks.music.form import TICKS

_LOUDNESS = 80  # of 127


def library():
    try:
        import mido
    except ImportError as error:
        raise ConfigError("MIDI files need mido, which is missing. Install it: pip install 'recurra[music]'") from error
    return mido


def write_midi(piece: Any, path: str | Path) -> None:
    """Write a piece as a MIDI file that any player plays: one track, one instrument, held keys as one note.

    RunError if the file is not writable.
    """
    mido = library()
    form, tick = piece.form, Fraction(TICKS, piece.form.steps_per_beat)
    events = [(int(start * tick), "note_on", key) for start, _, key in piece.notes()]
    events += [(int(end * tick), "note_off", key) for _, end, key in piece.notes()]
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=piece.name.encode("latin-1", "replace").decode("latin-1")))
    track.append(mido.MetaMessage("set_tempo", tempo=round(6e7 / form.tempo)))
    track.append(mido.MetaMessage("time_signature", numerator=form.metre[0], denominator=form.metre[1]))
    track.append(mido.Message("program_change", program=form.programme))
    now = 0
    # "note_off" sorts before "note_on": a key ends before it is struck again.
    for at, kind, key in sorted(events):
        track.append(mido.Message(kind, note=key, velocity=_LOUDNESS, time=at - now))
        now = at
    track.append(mido.MetaMessage("end_of_track", time=int(len(piece) * tick) - now))
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS)
    file.tracks.append(track)
    with files.replacing_output(path) as part:
        file.save(part)
