"""Sources of pieces: JSON, folders, arrays, and what is left out of them."""

import json

import pytest
from helpers.pieces import CADENCE, midi_file, note

from recurra.errors import ConfigError, DataError
from recurra.tasks import music
from recurra.tasks.music.form import Form
from recurra.tasks.music.piece import Piece


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
    with pytest.warns(UserWarning, match=r": left out 1 of kind \.txt$"):
        found = music.read(tmp_path, validation=0.2)
    assert [len(found.parts[part]) for part in ("train", "valid")] == [8, 2]
    assert found.notes[0] == "20 notes on 4 steps a beat"
    assert "left out 1 of 11 files" in found.notes[1]
    assert "bad.mid" in found.notes[1]


def test_a_file_of_one_step_is_left_out_of_its_folder_and_told_alone(tmp_path):
    for k in range(6):
        Piece([[60 + k], [62 + k]], Form(4)).save(tmp_path / f"{k}.mid")
    short = midi_file(tmp_path / "short.mid", note(60, 0, 20))
    found = music.read(tmp_path)
    assert len(found.parts["train"]) == 6
    assert found.notes == [
        "12 notes on 4 steps a beat",
        f"left out 1 of 7 files in {tmp_path}, first: {short} is a single step long; expected 2 or more",
    ]
    with pytest.raises(DataError, match=r"/short\.mid is a single step long; expected 2 or more"):
        music.read(short)


def test_what_became_of_the_notes_is_said_with_its_count(tmp_path):
    four = [*note(60, 0, 480), *note(62, 0, 480), *note(62, 0, 480), *note(62, 0, 480)]
    drums = [*note(36, 0, 240, channel=9)] * 3
    midi_file(
        tmp_path / "a.mid", [("set_tempo", dict(tempo=400_000)), *four, ("set_tempo", dict(tempo=600_000)), *drums]
    )
    # A trill on one key, faster than any step, a key that no piano has, and two instruments on one key at once.
    fast = [one for _ in range(2) for one in note(60, 0, 20)]
    both = [("note_on", dict(note=64, channel=channel)) for channel in (0, 1)]
    midi_file(tmp_path / "b.mid", [*fast, *note(62, 440, 480), *note(12, 0, 480), *both, *note(65, 480, 480)])
    found = music.read(tmp_path, 4)
    assert found.notes == [
        "10 notes on 4 steps a beat; 1 of them played by two instruments at once became one;"
        " 1 (11.1%) struck twice in a step became one; left out: 3 drum notes, 1 notes beyond a piano's keys"
    ]
    assert found.strikes


def test_the_files_of_a_folder_share_the_grid_that_suits_them_together(tmp_path):
    for name, length in (("even", 240), ("triplets", 160)):
        midi_file(tmp_path / f"{name}.mid", [one for k in range(12) for one in note(60 + k, 0, length)])
    found = music.read(tmp_path)
    assert found.form.steps_per_beat == 6
    assert found.notes == ["24 notes on 6 steps a beat"]
    assert not found.strikes
    assert music.read(tmp_path / "even.mid").form.steps_per_beat == 4


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
        ("a.json", "{", "is damaged, or no JSON file"),
        ("a.json", "[]", "expected pieces under train, valid and test"),
        ("a.json", '{"training": []}', r"holds \['training'\]; expected pieces under train"),
        ("a.json", '{"train": 3}', "`train` is a int; expected a list of pieces"),
        ("a.json", "[[[60], [200]]]", "a.json, train 1: 200 is no key of a piano"),
        ("a.json", "[[[60],[NaN]]]", "a.json, train 1: .*nan is not a MIDI number"),
        ("a.json", '{"train": [[[60],[61]]], "test": [[[60],[1e999]]]}', "a.json, test 1: .*inf is not a MIDI number"),
        ("a.json", "[[[60]]]", "a.json, train 1 is a single step long; expected 2 or more"),
        ("a.mat", "x", "is damaged, or no file of MATLAB's with traindata, validdata, testdata"),
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


def test_the_chorales_are_read_alike_from_both_files(real_data):
    quarter = music.read(real_data("jsb_chorales/jsb-chorales-quarter.json"))
    assert [len(quarter.parts[part]) for part in ("train", "valid", "test")] == [229, 76, 77]
    assert sum(map(len, quarter.parts["test"])) == 4725
    rolls = music.read(real_data("jsb_chorales/JSB_Chorales.mat"))
    for part, pieces in quarter.parts.items():
        assert sorted(p.steps() for p in pieces) == sorted(p.steps() for p in rolls.parts[part])
    fine = music.read(real_data("jsb_chorales/jsb-chorales-16th.json"), steps_per_beat=4)
    assert (fine.form.steps_per_beat, sum(map(len, fine.parts["test"]))) == (4, 4 * 4725)
