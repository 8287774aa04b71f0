"""Nothing that is shown is lost, and a reader that is gone ends no work."""

import io
import json
import os
import subprocess
import sys

import pytest
from helpers.processes import started

from recurra import terminal
from recurra.terminal import Steady, lossless

TEXT = "The quick brown fox jumps over the lazy dog. " * 40


def test_a_closed_pipe_falls_silent():
    reading, writing = os.pipe()
    with open(writing, "w") as stream:
        steady = Steady(stream)
        assert steady.fileno() == writing
        print("read", file=steady, flush=True)
        assert os.read(reading, 10) == b"read\n"
        os.close(reading)
        for _ in range(3):
            print("unread", file=steady, flush=True)


def test_a_terminal_has_a_width_and_parts_no_word(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    pipe, shown = io.StringIO(), Terminal(io.BytesIO())
    assert (terminal.width(shown), terminal.width(pipe)) == (20, 20)
    text = "nats 1.630, bits/char 2.351\n/a/very/long/path-of/a/file.txt is there"
    assert terminal.wrapped(text, shown).split("\n") == [
        "nats 1.630,",
        "bits/char 2.351",
        "/a/very/long/path-of/a/file.txt",
        "is there",
    ]
    assert terminal.wrapped(text, pipe) == text
    monkeypatch.delenv("COLUMNS")
    assert terminal.width(pipe) is None


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="pipes as a shell makes them")
def test_a_training_whose_output_nobody_reads_is_whole(tmp_path):
    """`recurra train text.txt 2>&1 | head -1`."""
    (tmp_path / "t.txt").write_text(TEXT)
    command = [sys.executable, "-m", "recurra", "train", "t.txt", "-o", "run", "--preset", "tiny", "--epochs", "2"]
    with started(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout.readline().startswith(b"reading t.txt")
        process.stdout.close()
        assert process.wait() == 141  # the name of the folder could not be printed
    assert '"reason": "finished"' in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1]


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii", "utf-8"])
def test_a_pipe_gets_utf8_and_a_terminal_its_own_encoding(encoding):
    text, name = "é→\U0001f600", os.fsdecode(b"caf\xe9.txt")
    pipe = io.TextIOWrapper(io.BytesIO(), encoding)
    lossless(pipe)
    pipe.write(text + name)
    pipe.flush()
    assert pipe.buffer.getvalue() == text.encode() + b"caf\xe9.txt"
    screen = Terminal(io.BytesIO(), encoding)
    lossless(screen)
    screen.write(text)
    screen.flush()
    shown = screen.buffer.getvalue().decode(encoding)
    assert shown == text.encode(encoding, "backslashreplace").decode(encoding)
    assert "?" not in shown


def test_half_a_character_is_shown_as_an_escape():
    pipe = io.TextIOWrapper(io.BytesIO(), "latin-1")
    lossless(pipe)
    pipe.write("a\ud800b")
    pipe.flush()
    assert pipe.buffer.getvalue() == rb"a\ud800b"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_json_of_a_command_is_utf8_whatever_the_locale(tmp_path, encoding):
    (tmp_path / "café→.txt").write_text(TEXT)
    command = [
        sys.executable,
        "-m",
        "recurra",
        "train",
        "café→.txt",
        "-o",
        "é→",
        "--preset",
        "tiny",
        "--epochs",
        "1",
        "--json",
    ]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, env=environment)
    assert json.loads(done.stdout.decode("utf-8"))["run"] == "é→"


def test_control_characters_are_shown_and_line_ends_left():
    assert terminal.visible("a\x1b]0;t\x07\x9bb\x7f\tc\r\nd\re") == "a␛]0;t␇\ufffdb␡\tc\nd␍e"
    shown = terminal.Shown()
    pieces = [shown.push(piece) for piece in ("a\r", "\nb", "\r", "c\x1b", "d\r")]
    assert "".join(pieces) + shown.flush() == "a\nb␍c␛d␍"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-12.3456, "-12.35"),
        (0.00009675, "0.00009675"),
        (0.01230, "0.0123"),
        (0.99999, "1"),
        (9999.4, "9999"),
        (14804.6, "14,805"),
        (-1234567.0, "-1,234,567"),
        (1e-6, "0.000001"),
        (1.2346e-12, "1.235e-12"),
        (2e20, "2e+20"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_are_shown_as_people_write_them(value, shown):
    assert terminal.number(value) == shown
