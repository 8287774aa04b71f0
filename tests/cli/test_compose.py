"""`recurra compose`: training, composing, measuring, and what is refused."""

import json
import re

import click
import pytest
from helpers.commands import without_reading

from recurra.cli import frame
from recurra.cli.compose import command
from recurra.tasks import music
from recurra.tasks.music.form import Form
from recurra.tasks.music.piece import Piece

FAST = ["--hidden-size", 8, "--chord-size", 4, "--epochs", 2, "-q"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with songs and a run that learned them."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "songs").mkdir()
    for k in range(4):
        keys = [[60 + k + n % 5, 72 + k] for n in range(16)]
        Piece(keys, Form(4, tempo=90.0, programme=19)).save(folder / "songs" / f"{k}.mid")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        music.train("songs", hidden_size=8, chord_size=4, epochs=2, quiet=True)
    return folder


@pytest.fixture
def compose(home, capsys, monkeypatch):
    """compose("songs", "-q") beside that run → what it prints; `.err` has the rest. Any failure fails the test."""
    monkeypatch.chdir(home)

    def run(*arguments, fails=0):
        try:
            command.main([str(a) for a in arguments], prog_name="recurra compose", standalone_mode=False)
            code, message = 0, ""
        except (Exception, click.Abort) as error:
            code, message = frame.explain(error)
        out, err = capsys.readouterr()
        run.err = err + message
        assert code == fails, run.err
        return out

    return run


@pytest.mark.slow
def test_it_trains_and_prints_the_folder(compose, home):
    assert compose("songs", *FAST, "--out", "here") == "here\n"
    assert compose.err == ""
    assert json.loads(compose("songs/0.mid", "songs/1.mid", *FAST, "--out", "two", "--json"))["run"] == "two"
    compose("songs", *FAST[:-1], "--cell", "gru", "--head", "independent", "--out", "there", fails=2)
    assert "--chord-size has no effect with --head independent" in compose.err
    compose("--resume", "here")
    assert "validation (used to choose the weights): nats " in compose.err
    assert re.search(r"^(right|wrong): \S+, .* → ", compose.err, re.M), "of a piece that was held out"
    assert "Use it:  recurra compose --model here --to new.mid" in compose.err


def test_it_composes_files_and_names(compose, home):
    out = compose("--model", "songs-1", "--length", 6, "--seed", 3, "--to", "new.mid", "--to", "new.png")
    assert out == "new.mid\nnew.png\n"
    piece = music.load("runs/songs-1").compose(length=6, seed=3)
    assert music.read_midi("new.mid").form == piece.form == Form(4, tempo=90.0, programme=19)
    assert (home / "new.png").stat().st_size > 3000
    assert compose("-m", "songs-1", "--length", 6, "--seed", 3) == piece.chords() + "\n"
    found = json.loads(compose("-m", "songs-1", "--length", 6, "--seed", 3, "--json"))
    assert (found["keys"], found["tempo"], found["metre"]) == (piece.steps(), 90.0, [4, 4])
    assert [tuple(note) for note in found["notes"]] == piece.notes()


def test_it_goes_on_from_a_prompt(compose):
    found = json.loads(
        compose("songs/2.mid", "-m", "songs-1", "--prompt-length", 2, "--length", 1, "--voices", 3, "--json")
    )
    assert found["keys"][:8] == [[62 + n % 5, 74] for n in range(8)]
    assert len(found["keys"]) == 12
    assert all(len(keys) <= 3 for keys in found["keys"])


def test_it_says_what_became_of_a_prompts_notes(compose, home):
    Piece([[60], [60], [62], [62]], Form(8)).save(home / "fast.mid")
    compose("fast.mid", "-m", "songs-1", "--length", 1, "--to", "next.mid")
    assert compose.err == "fast.mid: 2 notes on 4 steps a beat\n"


def test_it_measures(compose):
    found = json.loads(compose("songs", "-m", "songs-1", "--measure", "--json"))
    want = music.evaluate(music.load("songs-1"), "songs")
    assert found == {"run": "runs/songs-1", **want}
    assert f"nats a step                {want['nats']:>12.4f}" in compose("songs", "-m", "songs-1", "--measure")


def test_slips_are_told_before_the_work(compose, home, monkeypatch):
    monkeypatch.setattr("recurra.tasks.music.compose.compose", None)
    monkeypatch.setattr("recurra.tasks.music.sound.shutil.which", lambda _: None)
    (home / "a.sf2").write_bytes(b"RIFF....sfbk")
    compose("-m", "songs-1", "--to", "a.mp3", fails=2)
    assert "a.mp3 ends in '.mp3'; expected one of .mid, .midi, .wav, .png" in compose.err
    compose("-m", "songs-1", "--to", "a.mid", "--to", "a.wav", "--soundfont", "a.sf2", fails=2)
    assert "sound needs the program fluidsynth, which is missing" in compose.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "DATA is missing: name a MIDI file, a folder of them, or a .json of piano rolls"),
        (["songs", "--to", "a.mid"], 2, "without --model, DATA is learned from; drop --to"),
        (["songs", "--voices", 4], 2, "without --model, DATA is learned from; drop --voices"),
        (["-m", "songs-1", "--lr", 1], 2, "--model uses a run as it was fitted; drop --lr"),
        (["-m", "songs-1", "--measure"], 2, "DATA is missing: --measure needs pieces to measure on"),
        (["songs", "-m", "songs-1", "--measure", "--length", 3], 2, "--measure composes nothing; drop --length"),
        (["a.mid", "b.mid", "-m", "songs-1"], 2, "2 pieces to continue; expected one, or none"),
        (["songs", "--resume", "songs-1"], 2, "--resume continues the run as it is; drop DATA"),
        (["-m", "songs-1", "--soundfont", "a.sf2"], 2, "--soundfont has no effect without --to new.wav"),
        (["-m", "songs-1", "--voices", 2, "--min-voices", 3], 2, "--min-voices is 3; expected at most --voices 2"),
        (["-m", "songs-2"], 1, "there is no run 'songs-2'; did you mean `songs-1`?"),
        (["-m", "songs-1", "--to", "a.mp3"], 2, "a.mp3 ends in '.mp3'; expected one of .mid, .midi, .wav, .png"),
        (["songs", "--steps-per-beat", 0], 2, "--steps-per-beat is 0; expected 1 to 96"),
        (["songs", "--voices", 0], 2, "without --model, DATA is learned from; drop --voices"),
        (["songs", "--no-keep-prompt"], 2, "without --model, DATA is learned from; drop --keep-prompt"),
        (["-m", "songs-1", "--dropout", 0], 2, "--model uses a run as it was fitted; drop --dropout"),
        (["songs", "-m", "songs-1", "--measure", "--seed", 0], 2, "--measure composes nothing; drop --seed"),
        (
            ["songs/0.mid", "-m", "songs-1", "--to", "songs/../songs/0.mid"],
            2,
            "0.mid is a file that is read, and would be",
        ),
        (["songs", "-m", "songs-1"], 1, "songs is a folder; expected one piece to continue"),
        (["gone.mid"], 1, "gone.mid: no such file or folder"),
        (["gone.mid", "-m", "songs-1"], 1, "gone.mid: no such file or folder"),
        (["songs", "--cell", "gruu"], 2, "gruu"),
    ],
)
def test_slips_are_one_line(compose, arguments, code, words):
    compose(*arguments, fails=code)
    assert words in compose.err
    assert "\n" not in without_reading(compose.err)
