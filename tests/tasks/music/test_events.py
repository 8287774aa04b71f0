"""The reader of MIDI files: the events that mido finds too, and none that makes a file unreadable."""

import mido
import numpy as np
import pytest
from helpers.soak import chance, count

from recurra.tasks import music
from recurra.tasks.music import events

C4_D4 = "00903C408360803C4000903E408360803E4000FF2F00"


@pytest.mark.parametrize(
    "event",
    [
        "00FF59020B00",  # a key signature of 11 sharps
        "00FF5902FEFF",  # of a mode that there is none of
        "00FF590101",  # without its second byte
        "00FF580100",  # a metre without its second number
        "00FF580404FF1808",  # a metre of 4 and 2 to the 255th
        "00FF510101",  # a tempo of one byte
        "00FF5103000000",  # no time a beat
        "00FF5405FFFFFFFFFF",  # an hour that no clock has
        "00FF2001FF",  # a channel beyond 16
        "00FF0101FF",  # a text in no encoding
        "00FF7F00",  # a maker's own, empty
        "00FF6003FFFFFF",  # a kind of event that nobody knows
        "00F003FFFFF7",  # a maker's bytes beyond 127
        "00F1FF",  # what belongs to a cable, not to a file
        "00B0FFFF",  # a controller beyond 127
    ],
)
def test_an_event_that_is_not_read_never_makes_a_file_unreadable(tmp_path, event):
    body = bytes.fromhex(event + C4_D4)
    path = tmp_path / "a.mid"
    path.write_bytes(b"MThd" + bytes.fromhex("000000060000000101E0") + b"MTrk" + len(body).to_bytes(4) + body)
    piece = music.read_midi(path)
    assert piece.chords() == "C4 | C4 | C4 | C4 | D4 | D4 | D4 | D4"
    assert (piece.form.tempo, piece.form.metre) == (120, (4, 4))
    inside = path.read_bytes()
    path.write_bytes(
        b"RIFF" + (len(inside) + 12).to_bytes(4, "little") + b"RMIDdata" + len(inside).to_bytes(4, "little") + inside
    )
    assert music.read_midi(path).notes() == piece.notes()


@pytest.mark.sampled
def test_the_reader_of_events_agrees_with_mido(tmp_path):
    random = np.random.default_rng(chance().getrandbits(64))
    for _ in range(count(20, 2_000)):
        file = mido.MidiFile(ticks_per_beat=int(random.integers(1, 2000)))
        for _ in range(random.integers(1, 4)):
            track = mido.MidiTrack()
            for _ in range(random.integers(0, 60)):
                time, channel = int(random.integers(0, 300)), int(random.integers(16))
                value, other = (int(v) for v in random.integers(0, 128, 2))
                track.append(
                    [
                        mido.Message("note_on", note=value, velocity=other, channel=channel, time=time),
                        mido.Message("note_off", note=value, velocity=other, channel=channel, time=time),
                        mido.Message("program_change", program=value, channel=channel, time=time),
                        mido.Message("control_change", control=value, value=other, channel=channel, time=time),
                        mido.Message("pitchwheel", pitch=value, channel=channel, time=time),
                        mido.Message("sysex", data=(value, other), time=time),
                        mido.MetaMessage("text", text="x" * value, time=time),
                        mido.MetaMessage("set_tempo", tempo=400_000 + value, time=time),
                    ][random.integers(8)]
                )
            file.tracks.append(track)
        file.save(tmp_path / "a.mid")
        want, kinds = [], {"program_change": "programme", "set_tempo": "tempo"}
        for number, track in enumerate(mido.MidiFile(tmp_path / "a.mid").tracks):
            tick = 0
            for one in track:
                tick += one.time
                if one.type in ("note_on", "note_off"):
                    kind = "on" if one.type == "note_on" and one.velocity else "off"
                    want.append((tick, number, kind, one.note, one.channel))
                elif one.type in kinds:
                    value = one.program if one.type == "program_change" else round(6e7 / one.tempo, 3)
                    want.append((tick, number, kinds[one.type], value, getattr(one, "channel", 0)))
        found = events.parse((tmp_path / "a.mid").read_bytes(), "a.mid")
        assert found.ticks_per_beat == file.ticks_per_beat
        assert [event for event in found.events if event.kind != "end"] == sorted(want, key=lambda one: one[0])
