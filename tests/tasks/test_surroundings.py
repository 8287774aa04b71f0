"""Every task in surroundings of any kind: names that are not UTF-8, folders with links in them, a default dtype of float64."""

import io
import os
import sys

import pytest
import torch
from helpers import fault_driver, pieces, sounds

from recurra.cli import frame
from recurra.data import read_documents
from recurra.tasks.classification.files import read_files
from recurra.tasks.music import sources
from recurra.tasks.speech import sound
from recurra.tasks.speech.manifest import read_manifest
from recurra.terminal import lossless

ODD = os.fsdecode(b"caf\xe9")

# Names

DAYS = "".join(f"a,{day},{day % 7}\n" for day in range(60))
FILES = {  # command → what its file is called and holds, what else it takes to learn, and to use what was learned
    "train": (".txt", "the cat sat on the mat, and the dog sat.\n" * 60, ["--preset", "tiny"], None),
    "forecast": (
        ".csv",
        "unique_id,ds,y\n" + DAYS,
        ["--preset", "tiny", "--horizon", "3"],
        ".csv",
    ),
    "classify": (".csv", "text,label\n" + "ab,x\nba,y\n" * 20, [], ".txt"),
    "regress": (".csv", "text,target\n" + "ab,1\nba,2\n" * 20, [], ".txt"),
    "tag": (".conll", "Ada B-PER\nsaw O\n\n" * 20, [], ".conll"),
    "translate": (".tsv", "ab\tba\ncd\tdc\n" * 20, [], ".tsv"),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", FILES)
def test_a_file_and_a_run_may_have_names_of_any_bytes(command, tmp_path, monkeypatch):
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, "latin-1"))
    lossless(sys.stdout)
    ending, content, settings, to = FILES[command]
    monkeypatch.chdir(tmp_path)
    os.mkdir(ODD)
    data, run, out = (f"{ODD}/{name}" for name in (f"{ODD}{ending}", f"run-{ODD}", f"out-{ODD}{to}"))
    with open(data, "w", encoding="utf-8") as file:
        file.write(content)

    def done(*words):
        assert frame.run(list(words)) == 0

    done(command, data, "-o", run, "-q", "--epochs", "1", *settings)
    assert not os.path.exists("runs")
    assert printed.getvalue() == os.fsencode(run) + b"\n"
    done(command, "--resume", run, "-q")
    if to:
        done(command, data, "--model", run, "--to", out)
        assert os.path.getsize(out)
    else:
        done("generate", run, "--length", "5", "-o", f"{ODD}/out.txt")


def test_a_sound_may_have_a_name_of_any_bytes(tmp_path):
    plain = sounds.write(tmp_path / "a.wav")
    plain.rename(tmp_path / f"{ODD}.wav")
    assert sum(map(len, sound.read(tmp_path / f"{ODD}.wav")[1]))


# Folders


def put(kind, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "sounds":
        sounds.write(path.with_suffix(".wav"))
    if kind == "music":
        pieces.scale().save(path.with_suffix(".mid"))
    else:
        path.with_suffix(".txt").write_text("one")


FOLDERS = {
    "texts": lambda folder: [document.name for document in read_documents(folder)],
    "sounds": lambda folder: [path for path, _ in read_manifest(folder)],
    "music": lambda folder: sources.read(folder, 4).parts["train"] + sources.read(folder, 4).parts["valid"],
    "classes": lambda folder: read_files(folder)[0],
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders_are_read_alike_by_all(kind, tmp_path):
    """Linked folders are read, once, and hidden ones are not."""
    root = tmp_path / "root"
    for place in (
        root / "a" / "one",
        root / "a" / ".git" / "two",
        root / "a" / ".three",
        tmp_path / "outside" / "four",
    ):
        put(kind, place)
    for name, to in {"more": tmp_path / "outside", "again": tmp_path / "outside", "loop": root}.items():
        (root / "a" / name).symlink_to(to)
    assert len(FOLDERS[kind](root)) == 2


# The default dtype


@pytest.mark.parametrize("name", fault_driver.TASKS)
def test_a_default_dtype_of_float64_changes_nothing(name, tmp_path):
    uses, losses = fault_driver.TASKS[name](), []
    for dtype in (torch.float32, torch.float64):
        rows = []
        torch.set_default_dtype(dtype)
        try:
            fitted = uses.train(tmp_path / str(dtype), listeners=[rows.append])
            uses.save(fitted, tmp_path / f"saved-{dtype}")
            uses.load(tmp_path / f"saved-{dtype}")
        finally:
            torch.set_default_dtype(torch.float32)
        losses.append([row["loss"] for row in rows if row["event"] == "evaluate"])
    assert losses[0] == losses[1] != []
