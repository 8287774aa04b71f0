"""`recurra show`: equations, gradient, C++ and LaTeX of any cell, a user's own too."""

import re
from dataclasses import replace

import pytest
from helpers.cells_for_compiling import EVERY

from recurra import cells, expr
from recurra.cli.frame import run
from recurra.expr.compile import generate
from recurra.expr.differentiate import differentiate
from recurra.expr.text import LATEX, UNICODE, equations, gradient_equations, latex
from recurra.expr.trace import trace

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
    assert "Kept for the gradient, 5 numbers per unit and step:\n  i\n  f\n  o\n  g\n  tanh(c')\n" in out
    assert "  mean(x.i + h.i)  (one number per row)\n" in show("layernorm-lstm", "--gradient")[1]


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


class Odd(cells.Cell):
    """Names that LaTeX has commands for, or none; small numbers; a value that is two states."""

    gates = "φ λ_2 Δé ж"
    states = "h m"

    def step(self, x, h, s):
        b = s.m + expr.sigmoid(x.φ + h.φ)
        small = expr.maximum(expr.softplus(x.λ_2 + h.λ_2), 1e-5) + expr.rms_norm(x.Δé + h.Δé, None, 1.5e-6)
        return s.next(h=expr.tanh(b) + small + expr.clamp(x.ж + h.ж, low=0.0), m=b)


class Two(cells.Cell):
    gates = "n"
    states = "h c"

    def step(self, x, h, s):
        n = expr.tanh(x.n + h.n)
        return s.next(h=n, c=s.c * n + n, n=n)


def marked(style):
    return replace(style, name=lambda word: f"⟦{word}⟧", primed=lambda word: f"⟦{word}'⟧")


@pytest.mark.parametrize("cell", [*EVERY.values(), Odd(), Two()], ids=repr)
def test_every_name_is_defined(cell):
    graph = trace(cell, names=True)
    steps = {f"⟦{name}⟧" for name in (*cell.state_names, *cell.vectors, *cell.given_names)}
    style = marked(UNICODE)
    for lines in (equations(graph, style), gradient_equations(differentiate(graph), style)):
        forward = {left for left, _ in equations(graph, style)}
        given = (
            steps
            | {f"∂⟦{name}'⟧" for name in cell.state_names}
            | {f"∂⟦{cell.output}⟧"}
            | forward
            | {left for left, _ in lines}
        )
        for _, right in lines:
            for name in re.findall(r"(?<!\.)[δ∂]?⟦[^⟧]*⟧", right):
                assert name in given, f"{name} is used in {right} and defined nowhere"


@pytest.mark.parametrize("cell", [*EVERY.values(), Odd(), Two()], ids=repr)
def test_latex_is_ascii_and_whole(cell):
    graph = trace(cell, names=True)
    text = latex([*equations(graph, LATEX), *gradient_equations(differentiate(graph), LATEX)])
    assert text.isascii()
    assert text.count("{") == text.count("}")
    assert not re.search(r"\de[-+]\d", text), "a number as a program writes it"
    assert r"\mathrm{maximum}" not in text
    commands = set(re.findall(r"\\([a-zA-Z]+)", text))
    known = (
        "begin end frac sqrt mathrm text left right odot partial delta sigma tanh exp ln max min lvert rvert land lor"
    )
    known += " lnot le ge cdot infty phi lambda Delta sin cos lfloor rfloor"
    assert commands <= set(known.split()), commands


def test_equations_of_odd_names():
    lines = dict(equations(trace(Odd()), LATEX))
    assert r"\max(\mathrm{softplus}(x_{\lambda_{2}} + h_{\lambda_{2}}), 10^{-5})" in lines["h'"]
    assert r"1.5 \cdot 10^{-6}" in lines["h'"]
    assert r"x_{\mathrm{Deltae}}" in lines["h'"]
    gradient = dict(gradient_equations(differentiate(trace(Odd()))))
    assert gradient["δ(x.φ + h.φ)"].startswith("δm' ⊙ ")
    assert gradient["δm"] == "δm'"
    assert "> 20" in gradient["δ(x.λ_2 + h.λ_2)"]
    assert equations(trace(Two())) == [("n", "tanh(x.n + h.n)"), ("c'", "c ⊙ n + n"), ("h'", "n")]
