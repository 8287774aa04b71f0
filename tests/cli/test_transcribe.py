"""`recurra transcribe`: from a table of recordings to a run, and from a run to text."""

import csv
import json
import re

import numpy as np
import pytest
from helpers.commands import without_reading
from helpers.speech_tones import RATE, SETTINGS, sentence, words

from recurra.cli import frame
from recurra.tasks import speech

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("kaldi_native_fbank")

SAID = "low high high mid low"
FLAGS = [part for name, value in SETTINGS.items() for part in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a table of words, two sentences, and a run."""
    home = tmp_path_factory.mktemp("home")
    (home / "sounds").mkdir()
    with open(home / "words.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "text"])
        for number, (sound, text) in enumerate(words(60, seed=0)):
            soundfile.write(home / f"sounds/{number}.wav", sound, RATE)
            table.writerow([f"sounds/{number}.wav", text])
    (home / "new").mkdir()
    soundfile.write(home / "new/a.wav", sentence(SAID, seed=1), RATE)
    soundfile.write(home / "new/b.flac", sentence("mid mid", seed=2, rate=16000), 16000)
    (home / "test.tsv").write_text(f"path\ttext\nnew/a.wav\t{SAID}\nnew/b.flac\tmid low\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr(frame, "COMMANDS", tuple(dict.fromkeys([*frame.COMMANDS, "transcribe"])))
        assert frame.run(["transcribe", "words.csv", *FLAGS, "-q"]) == 0
    return home


@pytest.fixture
def transcribe(home, capsys, monkeypatch):
    """transcribe("a.wav", "--model", run) beside that run → what it prints; `.err` has the rest."""
    monkeypatch.chdir(home)
    monkeypatch.setattr(frame, "COMMANDS", tuple(dict.fromkeys([*frame.COMMANDS, "transcribe"])))
    monkeypatch.delenv("RECURRA_DEBUG", raising=False)

    def run(*arguments, fails=0):
        code = frame.run(["transcribe", *map(str, arguments)])
        out, run.err = capsys.readouterr()
        assert code == fails, run.err
        return out

    return run


@pytest.mark.slow
def test_learning_prints_the_folder_and_says_what_to_do_next(transcribe, home):
    out = transcribe("words.csv", *FLAGS, "--epochs", 1, "--out", "here")
    assert out == "here\n"
    assert "recordings/s" in transcribe.err
    assert "54 recordings and 6 for validation" in transcribe.err
    assert "validation (used to choose the weights): WER " in transcribe.err
    assert re.search(r"^(right|wrong): [\d.]+ s → '.*'", transcribe.err, re.M), "what is heard in a recording held out"
    told = re.search(r"^Use it:  recurra transcribe (\S+) --model here$", transcribe.err, re.M)[1]
    assert (home / told).is_file(), "a file that is there"
    assert transcribe("--resume", "here", "-q") == "here\n"


def test_one_recording_is_its_text_and_several_are_lines(transcribe):
    assert transcribe("new/a.wav", "--model", "words-1") == SAID + "\n"
    want = f"new/a.wav\t{SAID}\nnew/b.flac\tmid mid\n"
    assert transcribe("new/a.wav", "new/b.flac", "--model", "runs/words-1") == want
    assert transcribe("new", "--model", "words-1", "--beam", 4) == want, "a folder is the recordings in it"
    assert transcribe("new", "--model", "words-1", "--to", "texts.tsv") == ""
    assert transcribe.err == "wrote texts.tsv\n"
    with open("texts.tsv") as file:
        assert file.read() == want


def test_one_broken_recording_does_not_lose_the_others(transcribe, home):
    (home / "mixed").mkdir()
    for name in ("a.wav", "z.wav"):
        (home / f"mixed/{name}").write_bytes((home / "new/a.wav").read_bytes())
    (home / "mixed/empty.wav").write_bytes(b"")
    found = json.loads(transcribe("mixed", "--model", "words-1", "--json", fails=1))
    assert [row["text"] for row in found["recordings"]] == [SAID, SAID]
    assert "1 of 3: mixed/empty.wav is empty: it has no bytes" in transcribe.err


def test_a_place_that_cannot_be_written_is_said_before_the_work(transcribe):
    transcribe("new/a.wav", "--model", "words-1", "--to", "none/here.txt", fails=2)
    assert "none/here.txt cannot be written: there is no folder none" in transcribe.err


def test_the_ending_of_the_output_says_its_form_and_others_are_refused(transcribe):
    transcribe("new/a.wav", "--model", "words-1", "--to", "a.srt", fails=2)
    assert "a.srt ends in '.srt'; texts are written as .txt, .tsv, .json" in transcribe.err
    assert transcribe("new/a.wav", "--model", "words-1", "--to", "a.json") == ""
    with open("a.json") as file:
        assert json.load(file)["recordings"][0]["text"] == SAID


def test_a_table_is_measured(transcribe):
    transcribe("test.tsv", "--model", "words-1")
    assert transcribe.err == "word error rate 14.29%, character error rate 10.71%\n"
    found = json.loads(transcribe("test.tsv", "--model", "words-1", "--json"))
    assert found["wer"] == pytest.approx(1 / 7)
    assert [row["said"] for row in found["recordings"]] == [SAID, "mid low"]


def test_json_has_words_and_spikes_with_times(transcribe, home):
    found = json.loads(transcribe("new/a.wav", "--model", "words-1", "--json"))
    want = speech.Transcriber.load("runs/words-1").transcript(home / "new/a.wav")
    row = found["recordings"][0]
    assert (row["path"], row["text"], row["seconds"]) == ("new/a.wav", SAID, want.seconds)
    assert [word["text"] for word in row["words"]] == SAID.split()
    assert [spike["time"] for spike in row["spikes"]] == [spike.time for spike in want.spikes]
    assert "said" not in row
    assert "wer" not in found


def test_streamed_words_are_the_same_words(transcribe):
    assert transcribe("new/a.wav", "--model", "words-1", "--stream") == SAID + "\n"


def test_several_streamed_files_have_their_names_and_error_rates(transcribe, home):
    want = f"new/a.wav\t{SAID}\nnew/b.flac\tmid mid\n"
    assert transcribe("test.tsv", "--model", "words-1", "--stream") == want
    assert transcribe.err == "word error rate 14.29%, character error rate 10.71%\n"
    (home / "empty.wav").write_bytes(b"")
    assert transcribe("empty.wav", "new", "--model", "words-1", "--stream", fails=1) == want
    assert "1 of 3: empty.wav is empty" in transcribe.err


def test_ctrl_c_ends_files_that_are_streamed(transcribe, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("recurra.tasks.speech.stream.Stream.feed", interrupted)
    assert SAID not in transcribe("new", "--model", "words-1", "--stream", fails=130)


@pytest.mark.parametrize("sound", ["new/a.wav", "new", "test.tsv"])
def test_what_is_read_is_not_written_over(transcribe, home, sound):
    before = (home / "new/a.wav").read_bytes()
    transcribe(sound, "--model", "words-1", "--to", home / "new/../new/a.wav", fails=2)
    assert "is a file that is read, and would be lost; name another" in transcribe.err
    assert (home / "new/a.wav").read_bytes() == before


def test_the_microphone_is_heard_until_ctrl_c(transcribe, monkeypatch):
    def listen(rate):
        sound = sentence(SAID, seed=1, rate=rate)
        yield from np.array_split(sound, 40)
        raise KeyboardInterrupt

    monkeypatch.setattr("recurra.tasks.speech.microphone.microphone", listen)
    assert transcribe("--microphone", "--model", "words-1") == SAID + "\n"


def test_a_missing_microphone_is_one_line(transcribe, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    transcribe("--microphone", "--model", "words-1", fails=2)
    assert (
        "the microphone needs sounddevice, which is missing. Install it: pip install 'recurra[microphone]'"
        in transcribe.err
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "SOUND is missing: name a table to learn from, or recordings and a --model"),
        (["--model", "words-1"], 2, "SOUND is missing"),
        (["new/a.wav"], 2, "to transcribe new/a.wav, name a fitted run: --model RUN"),
        (["words.csv", "--beam", "3"], 2, "without --model, SOUND is learned from; drop --beam"),
        (["new/a.wav", "--model", "words-1", "--epochs", "3"], 2, "--model uses a run as it was fitted; drop --epochs"),
        (["words.csv", "--resume", "words-1"], 2, "--resume continues the run as it is; drop SOUND"),
        (["--resume", "words-1", "--lr", "0.1"], 2, "--resume continues the run as it is; drop --lr"),
        (
            ["new/a.wav", "--model", "words-1", "--stream", "--json"],
            2,
            "--stream prints words as they come; drop --json",
        ),
        (["a.wav", "--microphone", "--model", "words-1"], 2, "--microphone is the sound"),
        (["words.csv", "--hidden-size", "0"], 2, "--hidden-size is 0; expected 1 or more"),
        (["words.csv", "--noise", "99"], 2, "--noise is 99.0; expected -20 to 40 dB"),
        (["new/c.wav", "--model", "words-1"], 1, "there is no file new/c.wav"),
        (["words.csv", "--model", "word-1"], 1, "there is no run 'word-1'; did you mean words-1?"),
        (["none.csv"], 1, "there is no file none.csv"),
        (["sounds"], 1, "the text of sounds/0.wav is expected beside it: there is no file sounds/0.txt"),
        (["runs", "--model", "words-1"], 1, "the folder runs has no sound files"),
    ],
)
def test_wrong_use_is_one_clear_line(transcribe, arguments, code, message):
    assert transcribe(*arguments, fails=code) == ""
    assert message in transcribe.err.replace("`", "")
    assert without_reading(transcribe.err).count("\n") == 1


def test_help_shows_every_setting(transcribe):
    out = transcribe("--help")
    for flag in ("--lookahead", "--join", "--time-masks", "--patience", "--microphone"):
        assert flag in out
    assert "recurra transcribe a.wav b.flac --model runs/train-1" in out
