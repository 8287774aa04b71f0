"""MIDI files: what is written is read again, and any file is read or refused in one line."""

import mido
import numpy as np
import pytest
from helpers.pieces import midi_file, note
from helpers.soak import chance, count

from recurra.errors import DataError
from recurra.tasks import music
from recurra.tasks.music import read_midi
from recurra.tasks.music.form import Form
from recurra.tasks.music.piece import Piece


@pytest.mark.parametrize("steps_per_beat", [1, 7, 96, 480])
def test_no_step_is_lost_on_the_finest_grid(tmp_path, steps_per_beat):
    path = Piece([[60], [62], [60], [64]], Form(steps_per_beat)).save(tmp_path / "a.mid")
    assert read_midi(path, steps_per_beat).steps() == [[60], [62], [60], [64]]


@pytest.mark.parametrize("steps_per_beat", [1, 2, 3, 4, 24])
def test_what_is_written_is_read_again(tmp_path, steps_per_beat):
    random = np.random.default_rng(steps_per_beat)
    form = Form(steps_per_beat, tempo=96.0, metre=(3, 4), programme=19)
    roll = random.random((40, 88)) < 0.1
    roll[0, 3] = roll[-1, 80] = True  # no silence at its ends, which reading leaves out
    piece = Piece(roll, form, "Prélude № 1", random.random((40, 88)) < 0.3)
    again = music.read_midi(piece.save(tmp_path / "a.mid"), steps_per_beat)
    assert np.array_equal(again.roll, roll)
    assert piece.struck.any()
    assert np.array_equal(again.struck, piece.struck)
    assert again.form == form


def test_files_that_we_write_play_held_keys_as_one_note(tmp_path):
    Piece([[60], [60], [62], [62]], Form(2, tempo=120.0, programme=7)).save(tmp_path / "a.mid")
    file = mido.MidiFile(tmp_path / "a.mid")
    played = [(m.type, m.note) for m in file if m.type.startswith("note")]
    assert played == [("note_on", 60), ("note_off", 60), ("note_on", 62), ("note_off", 62)]
    assert file.length == pytest.approx(1.0), "two beats at 120 a minute"
    assert [m.program for m in file.tracks[0] if m.type == "program_change"] == [7]


@pytest.mark.parametrize("ticks", [24, 96, 120, 480, 1000])
def test_any_resolution_falls_on_the_grid(tmp_path, ticks):
    quarter, sixteenth = ticks, round(ticks / 4)
    path = midi_file(tmp_path / "a.mid", [*note(60, 0, quarter), *note(64, sixteenth, sixteenth)], ticks)
    assert music.read_midi(path).steps() == [[60]] * 4 + [[], [64]]


def test_playing_off_the_grid_is_moved_to_it_and_short_notes_stay(tmp_path):
    path = midi_file(tmp_path / "a.mid", [*note(60, 10, 470), *note(62, 5, 3), *note(64, 230, 250)])
    assert music.read_midi(path, 2).steps() == [[60], [60], [62], [64]]


def test_a_note_struck_without_force_is_its_end(tmp_path):
    path = midi_file(
        tmp_path / "a.mid",
        [("note_on", dict(note=60)), ("note_on", dict(note=60, velocity=0, time=480)), *note(64, 480, 480)],
    )
    assert music.read_midi(path, 1).steps() == [[60], [], [64]]


def test_notes_that_overlap_are_struck_anew_and_open_ones_end_with_the_file(tmp_path):
    on = dict(note=60, time=0)
    again = [("note_on", on), ("note_on", dict(note=60, time=480)), ("note_on", dict(note=60, time=480, velocity=0))]
    path = midi_file(
        tmp_path / "a.mid", [*again, ("note_on", dict(note=64, time=0)), ("note_off", dict(note=60, time=480))]
    )
    piece = music.read_midi(path, 1)
    assert piece.steps() == [[60], [60], [60, 64]]
    assert piece.notes() == [(0, 1, 60), (1, 3, 60), (2, 3, 64)]


def test_the_form_is_the_files_and_leading_silence_goes_by_bars(tmp_path):
    head = [
        ("set_tempo", dict(tempo=500_000)),
        ("time_signature", dict(numerator=3, denominator=4)),
        ("program_change", dict(channel=0, program=40)),
    ]
    path = midi_file(tmp_path / "a.mid", [*head, *note(60, 480 * 4, 480)])
    piece = music.read_midi(path, 1)
    assert piece.form == Form(1, tempo=120.0, metre=(3, 4), programme=40)
    assert piece.steps() == [[], [60]], "the note is on the second beat of the second bar"


def test_drums_and_keys_beyond_a_piano_are_left_out(tmp_path):
    path = midi_file(tmp_path / "a.mid", [*note(36, 0, 480, channel=9), *note(12, 0, 480), *note(60, 0, 480)])
    assert music.read_midi(path, 1).steps() == [[], [], [60]]
    only = midi_file(tmp_path / "b.mid", [*note(36, 0, 480, channel=9), *note(12, 0, 480)])
    with pytest.raises(DataError, match=r"b.mid has no notes on a piano's 88 keys, apart from drums"):
        music.read_midi(only)


def test_files_that_are_no_music_are_one_line(tmp_path):
    whole = midi_file(tmp_path / "whole.mid", note(60, 0, 480)).read_bytes()
    for name, content, words in [
        ("empty.mid", b"", "empty.mid is not a MIDI file"),
        ("text.mid", b"Dear Sir or Madam, " * 20, "text.mid is not a MIDI file"),
        ("cut.mid", whole[:-9], "cut.mid is cut off: it ends in the middle of a track"),
        ("silent.mid", None, "silent.mid has no notes"),
        (
            "none.mid",
            whole[:12] + b"\0\0" + whole[14:],
            "none.mid is a damaged MIDI file: it has 0 ticks a quarter note",
        ),
        ("byte.mid", whole[:22] + b"\0\0" + whole[24:], "byte.mid is a damaged MIDI file: byte 23 is no event"),
        (
            "long.mid",
            whole[:22] + b"\xff" * 9 + whole[31:],
            r"long.mid is a damaged MIDI file: a number at byte \d+ is too long",
        ),
        ("data.mid", whole[:14] + b"XXXX" + whole[18:], "data.mid is a damaged MIDI file: it has no track"),
        ("film.mid", whole[:12] + b"\xe8\x28" + whole[14:], "film.mid counts time in film frames"),
        ("two.mid", whole[:9] + b"\x02" + whole[10:], "MIDI's type 2"),
    ]:
        path = tmp_path / name
        midi_file(path, []) if content is None else path.write_bytes(content)
        with pytest.raises(DataError, match=words) as caught:
            music.read_midi(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"there is no file .*gone\.mid"):
        music.read_midi(tmp_path / "gone.mid")
    long = midi_file(tmp_path / "long.mid", [*note(60, 0, 1), *note(60, 2**28 - 1, 1)], ticks=24)
    with pytest.raises(DataError, match=r"long\.mid is 67,108,865 steps long; expected at most 131,072"):
        music.read_midi(long)


def test_a_note_struck_again_without_a_gap_is_another_note(tmp_path):
    """As notation programs write it: "Twinkle, twinkle, little star" has 14 notes."""
    keys, beats = [60, 60, 67, 67, 69, 69, 67, 65, 65, 64, 64, 62, 62, 60], ([1] * 6 + [2]) * 2
    path = midi_file(tmp_path / "a.mid", [one for k, b in zip(keys, beats, strict=True) for one in note(k, 0, 480 * b)])
    piece = music.read_midi(path)
    assert [key for _, _, key in piece.notes()] == keys
    assert [end - start for start, end, _ in piece.notes()] == [4 * b for b in beats]
    again = music.read_midi(piece.save(tmp_path / "b.mid"))
    assert again.notes() == piece.notes()


def test_one_instrument_repeats_what_another_holds(tmp_path):
    """An accompaniment: a key held for a bar, and struck four times by somebody else."""
    file = mido.MidiFile(ticks_per_beat=480)
    for channel, times in ((0, 1), (1, 4)):
        track = mido.MidiTrack()
        for _ in range(times):
            track.append(mido.Message("note_on", note=60, channel=channel))
            track.append(mido.Message("note_off", note=60, channel=channel, time=1920 // times))
        file.tracks.append(track)
    file.save(tmp_path / "a.mid")
    assert music.read_midi(tmp_path / "a.mid", 1).notes() == [(k, k + 1, 60) for k in range(4)]


@pytest.mark.parametrize(
    ("changes", "tempo"),
    [
        ([], 120),  # what the format says of a file without one
        ([(0, 120), (1, 70)], 70),
        ([(0, 13.3), (2, 118), (6, 122)], 118),
        ([(0, 90), (7, 30)], 90),
        ([(4, 80)], 80),  # 120 until then, and a beat less of it
        ([(0, 100), (4, 60), (6, 101), (7, 60)], 100),  # 100 and 101 are one tempo, and hold for most beats
    ],
    ids=str,
)
def test_the_tempo_is_the_one_that_holds_for_most_beats(tmp_path, changes, tempo):
    file, track = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack()
    now = 0
    for beat, value in changes:
        track.append(mido.MetaMessage("set_tempo", tempo=round(6e7 / value), time=480 * (beat - now)))
        now = beat
    file.tracks += [
        track,
        mido.MidiTrack([mido.Message("note_on", note=60), mido.Message("note_off", note=60, time=480 * 9)]),
    ]
    file.save(tmp_path / "a.mid")
    assert music.read_midi(tmp_path / "a.mid").form.tempo == pytest.approx(tempo, abs=0.01)


def test_metre_and_instrument_are_those_of_most_of_the_piece(tmp_path):
    """A bar of another metre before it, and an instrument that plays a note."""
    head = [("time_signature", dict(numerator=1, denominator=4)), ("program_change", dict(channel=0, program=9))]
    rest = [("time_signature", dict(numerator=3, denominator=4)), ("program_change", dict(channel=0, program=40))]
    path = midi_file(tmp_path / "a.mid", [*head, *note(60, 0, 480), *rest, *note(62, 0, 480), *note(64, 0, 480)])
    form = music.read_midi(path).form
    assert (form.metre, form.programme) == ((3, 4), 40)


@pytest.mark.sampled
def test_damaged_files_are_read_or_told_and_never_anything_else(tmp_path):
    random, told = np.random.default_rng(chance().getrandbits(64)), 0
    whole = Piece(random.random((30, 88)) < 0.05).save(tmp_path / "whole.mid").read_bytes()
    path = tmp_path / "broken.mid"
    times = count(300, 20_000)
    for _ in range(times):
        content = bytearray(whole)
        for place in random.integers(len(whole), size=random.integers(1, 6)):
            content[place] = random.integers(256)
        path.write_bytes(content[: random.choice([random.integers(len(content)), len(content)])])
        try:
            music.read_midi(path)
        except DataError:
            told += 1
    assert times / 3 < told < times
