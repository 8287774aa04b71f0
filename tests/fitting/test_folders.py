"""A run's folder: set up whole or not at all, by one process."""

import contextlib
import os
import subprocess
import sys

import pytest
import torch
from helpers.processes import started

from recurra import files, locks, tensorfiles
from recurra.errors import ConfigError, RunError
from recurra.fitting import folders

SET_UP = """
import sys
from recurra.fitting import folders
with folders.setting_up(sys.argv[1] or None, "book") as (folder, place):
    (place / "first").write_text("half")
    print("ready", flush=True)
    input()
"""


def set_up(out, name="book"):
    with folders.setting_up(out, name) as (folder, place):
        files.write(place / "first", "1")
        files.write(place / folders.CONFIG, "{}")
        assert not (folder / "first").exists()
    return folder


@contextlib.contextmanager
def other(out, where):
    """A process in the middle of a set-up."""
    command = [sys.executable, "-c", SET_UP, str(out or "")]
    with started(command, cwd=where, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_a_set_up_leaves_its_files_alone(tmp_path):
    assert set_up(tmp_path / "deep" / "run") == tmp_path / "deep" / "run"
    assert sorted(os.listdir(tmp_path / "deep" / "run")) == [folders.CONFIG, "first"]


@pytest.mark.parametrize("there", [False, True], ids=["new", "empty"])
@pytest.mark.parametrize("error", [ConfigError, KeyboardInterrupt, OSError])
def test_one_that_fails_leaves_nothing(tmp_path, there, error):
    if there:
        (tmp_path / "deep" / "run").mkdir(parents=True)

    def failing():
        with folders.setting_up(tmp_path / "deep" / "run") as (_, place):
            files.write(place / "first", "1")
            raise error("no")

    with pytest.raises(error, match="no"):
        failing()
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == (["deep", "deep/run"] if there else [])
    set_up(tmp_path / "deep" / "run")


@pytest.mark.parametrize("out", ["runs/book-1", None])
def test_one_that_was_killed_is_taken_up_again(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    with other(out, tmp_path):
        pass
    assert os.listdir("runs/book-1")
    with pytest.raises(RunError, match="If its training never began, start it again"):
        folders.find("book-1")
    assert str(set_up(out)) == "runs/book-1"
    assert sorted(os.listdir("runs/book-1")) == [folders.CONFIG, "first"]


@pytest.mark.slow
def test_two_at_the_same_time_do_not_meet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with other(None, tmp_path) as process:
        with pytest.raises(locks.Busy, match=rf"process {process.pid} \(setting it up\)"):
            set_up("runs/book-1")
        assert str(set_up(None)) == "runs/book-2"
    assert str(set_up(None)) == "runs/book-1"
    assert str(set_up(None)) == "runs/book-3"


def test_a_folder_with_other_files_is_left_as_it_is(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"is in use .it has files in it.; choose a new one with `out`"):
        set_up(tmp_path)
    assert os.listdir(tmp_path) == ["notes.txt"]
    with pytest.raises(RunError, match=r"notes.txt.*cannot be (made|written): (File exists|Not a directory)"):
        set_up(tmp_path / "notes.txt")
    set_up(tmp_path / "run")
    with pytest.raises(RunError, match=r"is in use .continue it by resuming."):
        set_up(tmp_path / "run")


def test_killed_while_its_files_are_moved_it_is_there_at_the_next_look(tmp_path, monkeypatch):
    def killed(folder, last):
        if files.is_unfinished(folder):
            raise KeyboardInterrupt

    monkeypatch.setattr(files, "finish", killed)
    with pytest.raises(KeyboardInterrupt):
        set_up(tmp_path / "run")
    monkeypatch.undo()
    with pytest.raises(RunError, match="continue it by resuming"):
        set_up(tmp_path / "run")
    assert folders.find(tmp_path / "run") == tmp_path / "run"
    assert sorted(os.listdir(tmp_path / "run")) == [folders.CONFIG, "first"]


def test_a_saved_model_takes_the_place_of_an_older_one(tmp_path):
    for text in ("old", "new"):
        with folders.saving(tmp_path) as place:
            files.write(place / folders.CONFIG, text)
        assert (tmp_path / folders.CONFIG).read_text() == text
    assert os.listdir(tmp_path) == [folders.CONFIG]


def test_a_tilde_is_the_home_folder_and_no_folder_of_that_name_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert set_up("~/runs/a") == tmp_path / "home" / "runs" / "a"
    assert folders.find("~/runs/a") == tmp_path / "home" / "runs" / "a"
    with folders.saving("~/saved") as place:
        files.write(place / folders.CONFIG, "{}")
    assert folders.claim("~/empty") == tmp_path / "home" / "empty"
    assert os.listdir(tmp_path) == ["home"]


def test_a_run_may_have_a_name_of_any_bytes(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    with folders.setting_up(tmp_path / name) as (folder, place):
        folders.write_settings(place, "toy/1", {}, sources=[name])
        tensorfiles.write(place / "weights", {"a": torch.ones(2)}, {"schema": "a/1"})
    assert (folder / folders.CONFIG).read_bytes().decode("utf-8")
    assert folders.read_settings(folder, "toy/1", {}, need=())[1] == {"sources": [name]}
    assert tensorfiles.read(folder / "weights", "a/1")[0]["a"].tolist() == [1, 1]
    assert tensorfiles.header(folder / "weights")[0] == {"a": (2,)}


def test_a_new_model_is_of_float32_whatever_the_default_is():
    torch.set_default_dtype(torch.float64)
    try:
        assert folders.seeded(lambda: torch.nn.Linear(2, 2), 1).weight.dtype == torch.float32
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
