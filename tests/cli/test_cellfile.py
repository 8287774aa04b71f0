"""A cell of one's own on the command line: trained, loaded again, and clear words where it is missing or broken."""

import pytest

from recurra import cells
from recurra.cli.frame import run

LEAKY = """
import recurra
from recurra.expr import sigmoid, tanh

class Leaky(recurra.cells.Cell):
    gates = "f n"

    def step(self, x, h, s):
        f = sigmoid(x.f + h.f)
        return s.next(h=f * s.h + (1 - f) * tanh(x.n + h.n), f=f)

recurra.cells.register("leaky", Leaky)
"""


@pytest.fixture(autouse=True)
def own_names(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leaky.py").write_text(LEAKY)
    (tmp_path / "text.txt").write_text("abracadabra " * 50)
    with cells.registered():
        yield


def test_train_and_generate_with_a_cell_of_ones_own(capsys):
    train = ["train", "text.txt", "--preset", "tiny", "--cell", "leaky", "--epochs", "1", "-q", "-o", "run"]
    with cells.registered():
        assert run(["--cell-file", "leaky.py", *train]) == 0
    capsys.readouterr()
    assert run(["generate", "run"]) == 2
    told = capsys.readouterr().err
    assert "no cell is called 'leaky'" in told
    assert "recurra --cell-file FILE" in told
    assert run(["--cell-file", "leaky.py", "generate", "run", "--length", "20"]) == 0
    assert len(capsys.readouterr().out.strip("\n")) >= 10


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("x = 1\n", "broken.py registered no new cell; end it with recurra.cells.register"),
        ("x = 1\ny = z\n", "broken.py, line 2: NameError: name 'z' is not defined"),
        ("def f(:\n", "broken.py, line 1: SyntaxError"),
        (LEAKY.replace("x.n", "x.q"), "broken.py: Leaky.step: `.q` is not there; known here: f, n"),
    ],
)
def test_a_broken_file_is_told_in_one_line(tmp_path, capsys, content, words):
    (tmp_path / "broken.py").write_text(content)
    assert run(["--cell-file", "broken.py", "card", "lstm"]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert len(told.splitlines()) == 1


def test_a_missing_file(capsys):
    assert run(["--cell-file", "nowhere.py", "card", "lstm"]) == 2
    assert "'nowhere.py' does not exist" in capsys.readouterr().err
