"""What the tests of commands share."""

import pytest
from helpers.commands import LINES, TEXT

from recurra.cli import frame


@pytest.fixture
def recurra(capsys, tmp_path, monkeypatch):
    """recurra("card", "rnn") in an empty folder → exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECURRA_DEBUG", raising=False)
    (tmp_path / "book.txt").write_text(TEXT, "utf-8")

    def run(*arguments):
        code = frame.run([str(a) for a in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a book and a run of it."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "book.txt").write_text(LINES, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert frame.run(["train", "book.txt", "--preset", "tiny", "--epochs", "4", "--quiet"]) == 0
    return folder


def _commands(capsys):
    """run("card", "rnn") → what the command prints; `run.err` has the rest. An exit code other than `fails` fails the test."""

    def run(*arguments, fails=0):
        code = frame.run([str(a) for a in arguments])
        out, run.err = capsys.readouterr()
        assert code == fails, run.err
        return out

    return run


@pytest.fixture
def beside(home, capsys, monkeypatch):
    """beside("card", "rnn") in that folder → what it prints; `.err` has the rest. Any failure fails the test."""
    monkeypatch.chdir(home)
    monkeypatch.delenv("RECURRA_DEBUG", raising=False)
    return _commands(capsys)


@pytest.fixture
def alone(capsys, tmp_path, monkeypatch):
    """alone("classify", ...) in an empty folder → what it prints; `.err` has the rest. Any failure fails the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECURRA_DEBUG", raising=False)
    return _commands(capsys)
