"""Damaged and hostile files, of every kind that a command reads: read, or refused in one line that names them.

`helpers/reader_fuzz.py` has the table of kinds, and what may not happen. It runs in a process of its own, since decoders in C
can end theirs; a file that did is a fault, and the next one begins a new process.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from helpers import reader_fuzz
from helpers.soak import SOAK, chance, count

from recurra.cli import frame
from recurra.tasks import language

TESTS = Path(__file__).parents[1]


@functools.cache
def cases(kinds: str) -> list[dict]:
    """A row for each damaged file of these kinds."""
    found, first, seed = [], 0, chance().randrange(2**32)
    with tempfile.TemporaryDirectory() as folder:
        while True:
            command = [sys.executable, "-m", "helpers.reader_fuzz", folder, kinds, count(6, 10_000), seed, first]
            done = subprocess.run(
                list(map(str, command)),
                cwd=TESTS,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
            )
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            found += [row for row in rows if "fault" in row]
            if done.returncode == 0:
                return found
            assert "at" in (rows or [{}])[-1], done.stderr[-3000:]
            fault = f"exit code {done.returncode}"  # negative: a signal; 1 after some minutes: it hung
            found.append(rows[-1] | {"fault": fault, "out": done.stderr[-1500:]})
            first = rows[-1]["at"]


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.skipif(sys.platform != "linux", reason="measures memory by /proc")
@pytest.mark.parametrize("kind", reader_fuzz.KINDS)
def test_a_damaged_file_is_read_or_refused_in_one_line(kind):
    for package in ("av", "soundfile", "mido", "pyarrow", "scipy"):
        pytest.importorskip(package)
    rows = [row for row in cases(kind if SOAK else "all") if row["kind"] == kind]
    assert len(rows) == count(6, 10_000)
    assert [row for row in rows if row["fault"]] == []


@pytest.mark.parametrize(
    ("code", "out", "seconds", "grown", "words"),
    [
        (0, "text\n", 0.1, 0, ""),
        (1, "recurra: error: a.wav is damaged\n", 0.1, 0, ""),
        (1, "recurra: error: a file is damaged\n", 0.1, 0, "the file is not named"),
        (1, "recurra: error: a fault in Recurra (KeyError: 1)\n", 0.1, 0, "a bare exception"),
        (0, "a.py:1: UserWarning: a.wav\n", 0.1, 0, "words of a library"),
        (1, "[mp3 @ 0x1] Header missing\nrecurra: error: a.wav\n", 0.1, 0, "words of a library"),
        (1, "", 0.1, 0, "exit code 1, 0 lines"),
        (-11, "", 0.1, 0, "exit code -11, 0 lines"),
        (0, "text\n", 6.0, 0, "6.0 s"),
        (0, "text\n", 0.1, 300 << 20, "300 MB"),
    ],
)
def test_what_may_not_happen(code, out, seconds, grown, words):
    assert reader_fuzz.fault(code, out, reader_fuzz.KINDS["wav"], seconds, grown) == words


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "run"
    language.train(text="the cat sat on the mat. " * 30, out=folder, preset="tiny", epochs=1, quiet=True)
    return folder


def settings(**changed):
    def change(path):
        content = json.loads(path.read_text())
        content["settings"]["model"] |= changed
        path.write_text(json.dumps(content))

    return change


def replaced(make):
    def change(path):
        path.unlink()
        make(path)

    return change


DEEP = "[" * 100_000 + "]" * 100_000
LARGER = "model.safetensors has 7 tensors, and the settings beside it describe a larger model"
HOSTILE = {
    "100,000 layers": ("config.json", settings(num_layers=100_000), LARGER),
    "2**63 units": (
        "config.json",
        settings(hidden_size=2**63),
        "hidden_size is 9223372036854775808; expected at most 2**53 - 1",
    ),
    "2**52 numbers a token": (
        "config.json",
        settings(embedding_size=2**52),
        "settings beside it describe no model that can be",
    ),
    "many units": ("config.json", settings(hidden_size=20_000), LARGER),
    "deep settings": ("config.json", lambda path: path.write_text(DEEP), "its JSON is nested too deeply"),
    "a deep vocabulary": ("vocabulary.json", lambda path: path.write_text(DEEP), "its JSON is nested too deeply"),
    "a number of 5,000 digits": ("config.json", lambda path: path.write_text("9" * 5000), "config.json is damaged"),
    "a pipe": ("vocabulary.json", replaced(os.mkfifo), "vocabulary.json is no plain file"),
    "a link to a device": (
        "vocabulary.json",
        replaced(lambda path: path.symlink_to("/dev/zero")),
        "vocabulary.json is a link",
    ),
    "a sparse file": (
        "vocabulary.json",
        lambda path: os.truncate(path, 1 << 40),
        "has 1,099,511,627,776 bytes, and at most",
    ),
    "sparse weights": ("model.safetensors", lambda path: os.truncate(path, 1 << 40), "model.safetensors is damaged"),
}


@pytest.mark.skipif(os.name != "posix", reason="needs links and pipes")
@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("command", ["generate", "look"])  # by the engine, and by PyTorch
def test_a_hostile_run_is_one_line(run, command, case, capfd):
    file, change, words = HOSTILE[case]
    was = (run / file).read_bytes()
    change(run / file)
    try:
        text = run.parent / "text.txt"
        text.write_text("the cat")
        code = frame.run([command, str(run), *(["--length", "1"] if command == "generate" else ["--text", str(text)])])
    finally:
        (run / file).unlink()
        (run / file).write_bytes(was)
    said = capfd.readouterr().err
    assert code == 1, said
    shapes = (
        {"is missing; the file is from a model of another kind", "; this model has "}
        if command == "generate"
        else set()
    )
    assert any(one in said.replace("`", "").replace("--hidden-size", "hidden_size") for one in {words, *shapes})
    assert said.count("\n") == 1


CELL = """
from recurra import cells
from recurra.cells import Cell

class Mine(Cell):
    gates, states = "n", "h"

    def step(self, x, h, s):
        return s.next(h={})

cells.register("mine", Mine)
"""


@pytest.mark.parametrize("number", ["1e400", "10**400", "float('nan')", "-1e400", "2**63", "True"])
def test_numbers_of_a_cell_file_are_never_a_fault(tmp_path, number, capfd):
    (tmp_path / "mine.py").write_text(CELL.format(f"(x.n + h.n) * {number}"))
    code = frame.run(["--cell-file", str(tmp_path / "mine.py"), "card", "mine"])
    said = capfd.readouterr().err
    assert code in (0, 1, 2)
    assert "a fault in Recurra" not in said
