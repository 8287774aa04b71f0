"""`recurra show`: equations, gradient, C++ and LaTeX of any cell, a user's own too."""

import pytest

from recurra import cells
from recurra.cli.frame import run
from recurra.expr.compile import generate

OWN = """
import recurra
from recurra.expr import sigmoid, tanh

class Leaky(recurra.cells.Cell):
    gates = "f n"

    def step(self, x, h, s):
        keep = sigmoid(x.f + h.f)
        return s.next(h=keep * s.h + (1 - keep) * tanh(x.n + h.n))

recurra.cells.register("leaky", Leaky)
"""


@pytest.fixture
def show(tmp_path, capsys):
    """show("gru", "--cpp") → exit code, what is printed, what is told of errors."""
    (tmp_path / "own.py").write_text(OWN)

    def command(*arguments, file=None):
        code = run([*(["--cell-file", str(tmp_path / file)] if file else []), "show", *arguments])
        return code, *capsys.readouterr()

    with cells.registered():
        yield command


def test_equations_are_the_default(show):
    code, out, _ = show("lstm")
    assert code == 0
    assert "c' = f ⊙ c + i ⊙ g\n" in out
    assert out == show("lstm", "--equations")[1]


def test_gradient_and_what_is_kept(show):
    code, out, _ = show("lstm", "--gradient")
    assert code == 0
    assert "δ(x.i + h.i) = δi ⊙ i ⊙ (1 - i)\n" in out
    assert "Kept for the gradient, 5 numbers a unit and step:\n  i\n  f\n  o\n  g\n  tanh(c')\n" in out
    assert "  mean(x.i + h.i)  (one number a row)\n" in show("layernorm-lstm", "--gradient")[1]


def test_cpp_is_what_is_compiled(show):
    assert show("gru", "--cpp") == (0, generate(cells.get("gru")).source, "")


def test_latex_of_both(show):
    assert r"h' &= (1 - z) \odot n + z \odot h" in show("gru", "--latex")[1]
    assert r"\delta z &= \partial h' \odot h - \partial h' \odot n" in show("gru", "--gradient", "--latex")[1]


def test_a_cell_of_ones_own(show):
    code, out, _ = show("leaky", file="own.py")
    assert (code, out) == (0, "keep = σ(x.f + h.f)\nh'   = keep ⊙ h + (1 - keep) ⊙ tanh(x.n + h.n)\n")


def test_errors_are_one_line(show, tmp_path):
    code, out, told = show("lsmt")
    assert (code, out) == (2, "")
    assert "did you mean `lstm`" in told
    assert show("lstm", "--cpp", "--latex")[0] == 2
    sine = OWN.replace("tanh(x.n + h.n)", "torch.sinh(x.n)").replace("import recurra\n", "import recurra, torch\n")
    (tmp_path / "sine.py").write_text(sine)
    code, out, told = show("leaky", file="sine.py")
    assert (code, out, len(told.splitlines())) == (2, "", 1)
    assert (
        "sine.py:10: `return s.next(h=keep * s.h + (1 - keep) * torch.sinh(x.n))`: torch's `sinh` is not known" in told
    )
