"""Music in and out: pieces, MIDI, JSON, folders, pictures, sound."""

import json

import mido
import numpy as np
import pytest
from matplotlib.figure import Figure

from recurra.errors import ConfigError, DataError, RunError, ShapeError
from recurra.tasks import music
from recurra.tasks.music import picture, read_midi, sound
from recurra.tasks.music.piece import Form, Piece

CADENCE = [[60, 64, 67], [60, 65, 69], [59, 62, 67], [60, 64, 67]]
TINY = {"hidden_size": 16, "head": "nade", "chord_size": 8, "batch_size": 2, "quiet": True}


def test_a_roll_and_its_keys_are_two_forms_of_one_piece():
    piece = Piece([*CADENCE, []])
    assert piece.roll.shape == (5, 88)
    assert piece.roll[0, 60 - 21]
    assert piece.roll.sum() == 12
    assert piece.steps() == [*CADENCE, []]
    assert np.array_equal(Piece(piece.roll).roll, piece.roll)
    assert piece.chords() == "C4+E4+G4 | C4+F4+A4 | B3+D4+G4 | C4+E4+G4 | ·"
    assert Piece([[21], [108]]).chords() == "A0 | C8", "the ends of a piano"


def test_held_keys_are_one_note():
    notes = Piece([[60, 64], [60, 65], [60], [], [60]]).notes()
    assert notes == [(0, 3, 60), (0, 1, 64), (1, 2, 65), (4, 5, 60)]


def test_lengths_follow_the_metre():
    assert Form(4, metre=(4, 4)).steps(2, "bars") == 32
    assert Form(4, metre=(6, 8)).steps(1, "bars") == Form(4, metre=(3, 4)).steps(1, "bars") == 12
    assert Form(2).steps(3, "beats") == 6
    assert Form(2).steps(3, "steps") == 3


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"steps_per_beat": 481}, "`steps_per_beat` is 481; expected a whole number from 1 to 480"),
        ({"tempo": 0}, "`tempo` is 0; expected beats a minute, from 4 to 1000"),
        ({"tempo": float("nan")}, "`tempo` is nan"),
        (
            {"metre": (3, 5)},
            r"`metre` is \(3, 5\); expected two whole numbers, such as \(3, 4\), the second a power of 2",
        ),
        ({"metre": (0, 4)}, r"`metre` is \(0, 4\)"),
        ({"metre": "3/4"}, "`metre` is '3/4'"),
        ({"programme": 128}, "`programme` is 128; expected a whole number from 0 to 127"),
    ],
    ids=str,
)
def test_a_form_is_one_that_a_midi_file_can_hold(form, words):
    with pytest.raises(ConfigError, match=words):
        Form(**form)


def test_a_length_is_counted_in_units_that_there_are():
    with pytest.raises(ConfigError, match="`unit` is 'bar'; did you mean `bars`"):
        Form().steps(2, "bar")


@pytest.mark.parametrize("steps_per_beat", [1, 7, 96, 480])
def test_no_step_is_lost_on_the_finest_grid(tmp_path, steps_per_beat):
    path = Piece([[60], [62], [60], [64]], Form(steps_per_beat)).save(tmp_path / "a.mid")
    assert read_midi(path, steps_per_beat).steps() == [[60], [62], [60], [64]]


def test_a_dict_is_read_as_its_json_is(tmp_path):
    content = {"train": [[[60], [62]], [[64], [65]]], "test": [[[60], [60]]]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    want, found = music.read(tmp_path / "a.json"), music.read(content)
    assert found.split
    for part, pieces in want.parts.items():
        assert [piece.steps() for piece in pieces] == [piece.steps() for piece in found.parts[part]]
    with pytest.raises(
        DataError, match=r"the dict given holds \['tran'\]; expected pieces under train, valid and test"
    ):
        music.read({"tran": []})


@pytest.mark.parametrize(
    ("music", "error", "words"),
    [
        ([[60], [109]], DataError, "109 is no key of a piano; expected MIDI numbers from 21 to 108"),
        ([[60.5]], DataError, "60.5 is not a MIDI number"),
        ([["C4"]], DataError, "'C4' is not a MIDI number"),
        ([60, 64], DataError, "expected a list of steps"),
        ([], DataError, "has no steps"),
        (np.zeros((4, 128)), ShapeError, r"a roll of shape \(4, 128\); expected \(steps, 88\)"),
        (np.zeros((0, 88)), ShapeError, r"shape \(0, 88\)"),
        (np.full((2, 88), np.nan), DataError, "nan at step 0, key 21; expected numbers, 0 where a key does not sound"),
        (np.where(np.arange(176).reshape(2, 88) == 90, -np.inf, 0), DataError, "-inf at step 1, key 23"),
        (np.full((2, 88), "x"), DataError, "a roll of <U1; expected numbers"),
        ([[60], [float("nan")]], DataError, "piece: expected a list of steps.*nan is not a MIDI number"),
        ([[float("inf")]], DataError, "inf is not a MIDI number"),
        ([[[60]]], DataError, r"\[60\] is not a MIDI number"),
    ],
)
def test_what_is_no_piece_is_told(music, error, words):
    with pytest.raises(error, match=words):
        Piece(music)


# MIDI files


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


@pytest.mark.parametrize("steps_per_beat", [1, 2, 3, 4, 24])
def test_what_is_written_is_read_again(tmp_path, steps_per_beat):
    random = np.random.default_rng(steps_per_beat)
    form = Form(steps_per_beat, tempo=96.0, metre=(3, 4), programme=19)
    roll = random.random((40, 88)) < 0.1
    roll[0, 3] = roll[-1, 80] = True  # no silence at its ends, which reading leaves out
    piece = Piece(roll, form, "Prélude № 1")
    again = music.read_midi(piece.save(tmp_path / "a.mid"), steps_per_beat)
    assert np.array_equal(again.roll, roll)
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


def test_overlaps_and_open_notes_are_one_and_end_with_the_file(tmp_path):
    on = dict(note=60, time=0)
    again = [("note_on", on), ("note_on", dict(note=60, time=480)), ("note_on", dict(note=60, time=480, velocity=0))]
    path = midi_file(
        tmp_path / "a.mid", [*again, ("note_on", dict(note=64, time=0)), ("note_off", dict(note=60, time=480))]
    )
    assert music.read_midi(path, 1).steps() == [[60], [60], [60, 64]]


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
        ("data.mid", whole[:14] + b"XXXX" + whole[18:], "data.mid is a damaged MIDI file"),
        ("film.mid", whole[:12] + b"\xe8\x28" + whole[14:], "film.mid counts time in film frames"),
        ("two.mid", whole[:9] + b"\x02" + whole[10:], "MIDI's type 2"),
    ]:
        path = tmp_path / name
        midi_file(path, []) if content is None else path.write_bytes(content)
        with pytest.raises(DataError, match=words) as caught:
            music.read_midi(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"none\.mid cannot be read: No such file"):
        music.read_midi(tmp_path / "none.mid")
    long = midi_file(tmp_path / "long.mid", [*note(60, 0, 1), *note(60, 2**28 - 1, 1)], ticks=24)
    with pytest.raises(DataError, match=r"long\.mid is 44,739,\d+ steps long; expected at most 1,000,000"):
        music.read_midi(long)


def test_damaged_files_are_read_or_told_and_never_anything_else(tmp_path):
    random, told = np.random.default_rng(0), 0
    whole = Piece(random.random((30, 88)) < 0.05).save(tmp_path / "whole.mid").read_bytes()
    path = tmp_path / "broken.mid"
    for _ in range(300):
        content = bytearray(whole)
        for place in random.integers(len(whole), size=random.integers(1, 6)):
            content[place] = random.integers(256)
        path.write_bytes(content[: random.choice([random.integers(len(content)), len(content)])])
        try:
            music.read_midi(path)
        except DataError:
            told += 1
    assert 100 < told < 300


# Sources


def test_json_keeps_its_split(tmp_path):
    path = tmp_path / "chorales.json"
    path.write_text(json.dumps({"train": [CADENCE, CADENCE[:2]], "valid": [CADENCE[::-1]], "test": [CADENCE]}))
    found = music.read(path)
    assert (found.split, found.form.steps_per_beat) == (True, 1)
    assert [len(found.parts[part]) for part in ("train", "valid", "test")] == [2, 1, 1]
    assert found.parts["valid"][0].steps() == CADENCE[::-1]
    path.write_text(json.dumps([CADENCE, CADENCE, CADENCE]))
    found = music.read(path, validation=0.1)
    assert (found.split, len(found.parts["train"]), len(found.parts["valid"])) == (False, 2, 1)


def test_folders_are_read_to_the_bottom_and_say_what_they_leave_out(tmp_path):
    (tmp_path / "deep/er").mkdir(parents=True)
    for k in range(9):
        Piece([[60 + k], [62 + k]]).save(tmp_path / "deep" / f"{k}.mid")
    Piece([[30], [31]]).save(tmp_path / "deep/er/z.MID")
    (tmp_path / "deep/bad.mid").write_bytes(b"no")
    (tmp_path / "deep/readme.txt").write_bytes(b"no")
    found = music.read(tmp_path, validation=0.2)
    assert [len(found.parts[part]) for part in ("train", "valid")] == [8, 2]
    assert "left out 1 of 11 files" in found.notes[0]
    assert "bad.mid" in found.notes[0]


def test_a_file_of_one_step_is_left_out_of_its_folder_and_told_alone(tmp_path):
    for k in range(6):
        Piece([[60 + k], [62 + k]], Form(4)).save(tmp_path / f"{k}.mid")
    short = midi_file(tmp_path / "short.mid", note(60, 0, 20))
    found = music.read(tmp_path)
    assert len(found.parts["train"]) == 6
    assert found.notes == [
        f"left out 1 of 7 files in {tmp_path}, first: {short} is a single step long; expected 2 or more"
    ]
    with pytest.raises(DataError, match=r"/short\.mid is a single step long; expected 2 or more"):
        music.read(short)


@pytest.mark.parametrize("steps_per_beat", [0, -1, 2.5, True])
def test_a_grid_that_cannot_be_is_told(tmp_path, steps_per_beat):
    path = Piece(CADENCE).save(tmp_path / "a.mid")
    for reader, source in [(music.read, path), (music.read, tmp_path), (music.read, CADENCE), (music.read_midi, path)]:
        with pytest.raises(ConfigError, match=f"`steps_per_beat` is {steps_per_beat}; expected a whole number from 1"):
            reader(source, steps_per_beat)


def test_a_single_piece_is_validated_on_its_end():
    found = music.read(Piece([[60 + k] for k in range(20)]), validation=0.25)
    assert found.parts["train"][0].steps() == [[60 + k] for k in range(15)]
    assert found.parts["valid"][0].steps() == [[75 + k] for k in range(5)]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "{", "is not JSON"),
        ("a.json", "[]", "expected pieces under train, valid and test"),
        ("a.json", '{"training": []}', r"holds \['training'\]; expected pieces under train"),
        ("a.json", '{"train": 3}', "`train` is a int; expected a list of pieces"),
        ("a.json", "[[[60], [200]]]", "a.json, train 1: 200 is no key of a piano"),
        ("a.json", "[[[60],[NaN]]]", "a.json, train 1: .*nan is not a MIDI number"),
        ("a.json", '{"train": [[[60],[61]]], "test": [[[60],[1e999]]]}', "a.json, test 1: .*inf is not a MIDI number"),
        ("a.json", "[[[60]]]", "a.json, train 1 is a single step long; expected 2 or more"),
        ("a.mat", "x", "has no traindata, validdata and testdata"),
        ("a.xyz", "x", "a.xyz is not a MIDI file"),
    ],
)
def test_sources_that_cannot_be_read_are_one_line(tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=words):
        music.read(tmp_path / name)


def test_missing_sources_and_empty_folders_are_one_line(tmp_path):
    with pytest.raises(DataError, match="gone: no such file or folder"):
        music.read(tmp_path / "gone")
    with pytest.raises(DataError, match="has no MIDI file that can be read"):
        music.read(tmp_path)
    with pytest.raises(ConfigError, match="the sources differ in their steps a beat"):
        music.read([Piece(CADENCE, Form(1)), Piece(CADENCE, Form(4))])


def test_missing_packages_name_the_line_that_installs_them(tmp_path, monkeypatch):
    for package, path in {"mido": "a.mid", "scipy.io": "a.mat"}.items():
        (tmp_path / path).write_bytes(b"x")
        monkeypatch.setitem(__import__("sys").modules, package, None)
        with pytest.raises(ConfigError, match=r"pip install 'recurra\[music\]'"):
            music.read(tmp_path / path)


# The heads


def test_a_picture_takes_the_notes_of_a_key_together():
    axes = Figure().subplots()
    picture._roll(axes, Piece([[60, 64], [], [60, 65], [60]]), "four notes on three keys")
    bars = [path.vertices for collection in axes.collections for path in collection.get_paths()]
    assert len(axes.collections) == 3
    found = sorted((round(b[:, 0].min() * 16), round(b[:, 0].max() * 16), round(b[:, 1].mean())) for b in bars)
    assert found == [(0, 1, 60), (0, 1, 64), (2, 3, 65), (2, 4, 60)]


def test_pictures_show_every_note(tmp_path):
    from matplotlib.image import imread

    piece = Piece(CADENCE, Form(1))
    music.draw({"real": piece, "generated": Piece([[], []])}, tmp_path / "two.png")
    one, two = imread(piece.draw(tmp_path / "one.png")), imread(tmp_path / "two.png")
    blue = (np.abs(one[..., :3] - np.array([0x1F, 0x77, 0xB4]) / 255) < 0.02).all(-1)
    assert blue.mean() > 0.02
    assert two.shape[0] > one.shape[0]
    piece.save(tmp_path / "roll.svg")
    music.draw({"$\\frac{$": piece}, tmp_path / "dollars.png")  # no formula
    with pytest.raises(ConfigError, match=r"roll\.bmp ends in '\.bmp'"):
        piece.save(tmp_path / "roll.bmp")


FLUIDSYNTH = """#!/bin/sh
while [ "$1" != -F ]; do shift; done
for last; do :; done
[ -s "$last" ] || exit 1
printf 'RIFFsound' > "$2" || { echo "fluidsynth: error: cannot write" >&2; exit 0; }
"""


@pytest.fixture
def fluidsynth(tmp_path, monkeypatch):
    """A stand-in for the program, and instruments for it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/fluidsynth").write_text(FLUIDSYNTH)
    (tmp_path / "bin/fluidsynth").chmod(0o755)
    (tmp_path / "font.sf2").write_bytes(b"RIFF\0\0\0\0sfbk...")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("SOUNDFONT", raising=False)
    monkeypatch.setattr(sound, "_FOLDERS", (str(tmp_path / "none"),))
    return tmp_path


def test_sound_is_fluidsynths(fluidsynth, monkeypatch):
    piece = Piece(CADENCE)
    with pytest.raises(ConfigError, match=r"sound needs a soundfont.*apt install fluidsynth fluid-soundfont-gm"):
        piece.save(fluidsynth / "a.wav")
    with pytest.raises(ConfigError, match=r"`soundfont` is '.*fluidsynth', which is no soundfont"):
        piece.save(fluidsynth / "a.wav", soundfont=fluidsynth / "bin/fluidsynth")
    assert piece.save(fluidsynth / "a.wav", soundfont=fluidsynth / "font.sf2").read_bytes() == b"RIFFsound"
    monkeypatch.setenv("SOUNDFONT", str(fluidsynth / "font.sf2"))
    piece.save(fluidsynth / "b.wav")
    with pytest.raises(RunError, match=r"fluidsynth could not write .*cannot"):
        piece.save(fluidsynth / "none/c.wav")
    monkeypatch.setenv("PATH", str(fluidsynth / "none"))
    with pytest.raises(ConfigError, match=r"needs the program fluidsynth, which is missing.*apt install"):
        piece.save(fluidsynth / "d.wav")


# Real data


def test_the_chorales_are_read_alike_from_both_files(real_data):
    quarter = music.read(real_data("jsb_chorales/jsb-chorales-quarter.json"))
    assert [len(quarter.parts[part]) for part in ("train", "valid", "test")] == [229, 76, 77]
    assert sum(map(len, quarter.parts["test"])) == 4725
    rolls = music.read(real_data("jsb_chorales/JSB_Chorales.mat"))
    for part, pieces in quarter.parts.items():
        assert sorted(p.steps() for p in pieces) == sorted(p.steps() for p in rolls.parts[part])
    fine = music.read(real_data("jsb_chorales/jsb-chorales-16th.json"), steps_per_beat=4)
    assert (fine.form.steps_per_beat, sum(map(len, fine.parts["test"]))) == (4, 4 * 4725)
