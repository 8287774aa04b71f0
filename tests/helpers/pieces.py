"""Pieces of music and MIDI files, written out."""

import mido

from recurra.tasks.music.form import Form
from recurra.tasks.music.piece import Piece

CADENCE = [[60, 64, 67], [60, 65, 69], [59, 62, 67], [60, 64, 67]]


def scale(steps=24, start=60):
    """Two voices up and down a scale: easy to learn."""
    return Piece([[start + (k % 8), start + 12 + (-k % 8)] for k in range(steps)], Form(1))


def midi_file(path, messages, ticks=480, kind=1):
    """A file of one track from (type, values) pairs."""
    file, track = mido.MidiFile(type=kind, ticks_per_beat=ticks), mido.MidiTrack()
    for name, values in messages:
        make = mido.MetaMessage if name in ("set_tempo", "time_signature") else mido.Message
        track.append(make(name, **values))
    file.tracks.append(track)
    file.save(path)
    return path


def note(key, start, end, channel=0):
    return [
        ("note_on", dict(note=key, channel=channel, time=start)),
        ("note_off", dict(note=key, channel=channel, time=end)),
    ]
