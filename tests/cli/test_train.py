"""The command that trains a language model."""

import json
import signal
import subprocess
import sys

import pytest
from helpers.processes import started

from recurra import tensorfiles
from recurra.cli import frame
from recurra.tasks import language
from recurra.training import runs


def test_train_prints_the_folder_and_says_what_to_do_next(beside, home):
    out = beside("train", "book.txt", "--preset", "tiny", "--out", home / "here")
    assert out == f"{home}/here\n"
    assert f"Use it:  recurra generate {home}/here" in beside.err
    assert "training for" in beside.err
    assert "finished" in beside.err


def test_epochs_on_the_command_line_win_over_a_files_and_a_presets_minutes(beside, home):
    (home / "long.json").write_text('{"minutes": 0.02}')
    flags = ["--hidden-size", 4, "--embedding-size", 4, "--epochs", 1, "-q", "--out"]
    beside("train", "book.txt", "--config", "long.json", *flags, "of-file")
    beside("train", "book.txt", "--preset", "demo", *flags, "of-preset")
    for run in ("of-file", "of-preset"):
        training = json.loads((home / run / "config.json").read_text("utf-8"))["settings"]["training"]
        assert (training["epochs"], training["minutes"]) == (1, None)


def test_train_resumes_and_starts_from_another(beside):
    assert beside("train", "--resume", "book-1", "-q") == "runs/book-1\n"
    out = beside("train", "book.txt", "--init-from", "book-1", "--epochs", 1, "--out", "more", "-q")
    assert out == "more\n"
    model = language.load("more")
    assert model.config.hidden_size == language.load("book-1").config.hidden_size == 32


@pytest.mark.slow
def test_a_closed_output_ends_no_training(home):
    command = [sys.executable, "-m", "recurra", "train", "book.txt", "--preset", "tiny", "--out", "unread"]
    with started(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        child.stdout.close()  # as `| head -1` does, once it has its line
        said = child.stderr.read()
    assert child.returncode == frame.CLOSED == 128 + signal.SIGPIPE
    assert "finished after" in said
    assert not {"Traceback", "Exception", "recurra: error"} & set(said.split())
    assert tensorfiles.header(home / "unread" / runs.STATE)[1]["progress"]["reason"] == "finished"
    assert language.load(home / "unread").generate("the", 5)


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on(home):
    flags = ["--preset", "tiny", "--epochs", "100000", "--out", "endless"]
    command = [sys.executable, "-m", "recurra", "train", "book.txt", *flags]
    lines = []
    with started(command, cwd=home, stderr=subprocess.PIPE, text=True) as child:
        for line in child.stderr:
            lines.append(line)
            if line.startswith("training for"):
                child.send_signal(signal.SIGINT)
    assert child.returncode == 130
    assert lines[-1].startswith("recurra: stopped at step ")
    assert "recurra train --resume endless" in lines[-1]
    assert (home / "endless/state.safetensors").exists()
