"""Pieces: rolls and keys, lengths, forms, and what is no piece."""

import numpy as np
import pytest
from helpers.pieces import CADENCE

from recurra.errors import ConfigError, DataError, ShapeError
from recurra.tasks import music
from recurra.tasks.music.form import Form
from recurra.tasks.music.piece import Piece

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


def test_a_key_is_struck_again_only_where_it_sounded():
    struck = np.ones((4, 88), bool)
    piece = Piece([[60, 64], [60], [], [60]], Form(4), struck=struck)
    assert [(step, key + 21) for step, key in np.argwhere(piece.struck)] == [(1, 60)]
    assert piece.notes() == [(0, 1, 60), (0, 1, 64), (1, 2, 60), (3, 4, 60)]
    assert piece.chords() == "C4+E4 | C4* | · | C4"
    assert piece.transposed(2).notes() == [(a, b, key + 2) for a, b, key in piece.notes()]
    assert piece.part(1).notes() == [(0, 1, 60), (2, 3, 60)], "its first step has nothing before it"
    assert not piece.part(1).struck.any()
    again = Piece.from_rows(piece.rows(strikes=True), piece.form)
    assert again.notes() == piece.notes()
    assert piece.rows(strikes=False) is piece.roll
    with pytest.raises(ShapeError, match=r"piece: `struck` is \(3, 88\); expected \(4, 88\), as the roll"):
        Piece(piece.roll, struck=struck[:3])


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


def test_missing_packages_name_the_line_that_installs_them(tmp_path, monkeypatch):
    (tmp_path / "a.mat").write_bytes(b"x")
    for package in ("mido", "scipy.io"):
        monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ConfigError, match=r"pip install 'recurra\[music\]'"):
        music.read(tmp_path / "a.mat")
    with pytest.raises(ConfigError, match=r"pip install 'recurra\[music\]'"):
        Piece(CADENCE).save(tmp_path / "a.mid")
