"""Every operation of the table against PyTorch: values and derivatives, compiled and folded, at the ends too."""

import math
import re
from pathlib import Path

import pytest
import torch
from helpers.compiled_step import COMPILER, by_cpp, instruction_sets, joined, random_case
from torch.testing import assert_close

from recurra import expr
from recurra.cells import Cell
from recurra.errors import TraceError
from recurra.expr.elementwise import ELEMENTWISE
from recurra.expr.ops import OPS, torch_function
from recurra.expr.trace import trace
from recurra.page import document

FOLDER = Path(expr.__file__).parent
ENDS = [
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    0.5,
    1.0,
    -1.0,
    2.0,
    -2.0,
    3.5,
    -3.5,
    19.5,
    20.0,
    20.5,
    -20.5,
    30.0,
    -30.0,
]
ENDS += [
    100.0,
    -100.0,
    800.0,
    -800.0,
    1e-20,
    -1e-20,
    1e-4,
    -1e-4,
    1e5,
    -1e5,
    2.0**20,
    1e7,
    -1e7,
    1e10,
    -1e10,
    3e38,
    -3e38,
]
ENDS += [math.pi / 2, -math.pi, 355.0, 2.0**23 - 0.5, 2.0**23 + 1]
PARTNERS = [1.0, -1.0, 0.3, -0.7, math.inf, -math.inf, math.nan, 3.5, 1e-3, 1e10, 2.0]
FAR = {"f32": dict(rtol=3e-6, atol=1e-37), "f64": dict(rtol=1e-12, atol=1e-300)}
SLOPES_FAR = {"f32": dict(rtol=3e-6, atol=2e-7), "f64": dict(rtol=1e-12, atol=1e-15)}  # 1 - y² near y = 1
DTYPES = {"f32": torch.float32, "f64": torch.float64}


def one_of(name: str) -> Cell:
    """A cell without W_h whose new state is the operation of its gates."""
    function, arity = getattr(expr, name), OPS[name].arity

    def step(self, x, h, s):
        return s.next(h=function(*(x.a, x.b)[:arity]))

    return type(name.capitalize(), (Cell,), {"gates": "a b", "recurrent": False, "step": step})()


*OTHERS, BEST = instruction_sets()
CELLS = {name: one_of(name) for name in ELEMENTWISE}


def values(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    a = torch.tensor(ENDS, dtype=torch.float64)
    if OPS[name].arity == 1:
        b = torch.ones_like(a)
    else:
        a, b = (
            part.flatten() for part in torch.meshgrid(a, torch.tensor(PARTNERS, dtype=torch.float64), indexing="ij")
        )
    return a.float().double(), b.float().double()


def by_torch(name: str, dtype: torch.dtype) -> list[torch.Tensor]:
    """Value and derivatives times 0.5, in float64; then in the type asked for."""
    a, b = (part.requires_grad_() for part in values(name))
    y = torch_function(OPS[name])(*(a, b)[: OPS[name].arity])
    gradients = torch.autograd.grad(y, (a, b), torch.full_like(y, 0.5), allow_unused=True)
    return [part.to(dtype) for part in (y.detach(), *(torch.zeros_like(a) if g is None else g for g in gradients))]


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler here")
@pytest.mark.parametrize("march", [*(pytest.param(other, marks=pytest.mark.slow) for other in OTHERS), BEST])
@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_compiled_as_torch_has_it(name, kind, march):
    cell, (a, b) = CELLS[name], values(name)
    case = random_case(cell, 1, len(a))
    case["x"], case["dnext"] = torch.stack([a, b])[None], [torch.full((1, len(a)), 0.5, dtype=torch.float64)]
    got = by_cpp(cell, case, kind, march, made=joined(tuple(CELLS.values()), march)[cell])
    y, da, db = by_torch(name, DTYPES[kind])
    assert_close(got["next.h"][0], y, equal_nan=True, **FAR[kind])
    assert_close(got["dx"][0, 0], da, equal_nan=True, **SLOPES_FAR[kind])
    finite = b.isfinite() & ((a / b).abs() < 1e37)  # the remainder by infinity has no slope that means anything
    assert_close(got["dx"][0, 1][finite], db[finite], equal_nan=True, **SLOPES_FAR[kind])


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_numbers_fold_to_what_torch_gives(name):
    a, b = values(name)
    function, arity = getattr(expr, name), OPS[name].arity
    want = torch_function(OPS[name])(*(a, b)[:arity])
    got = [function(*pair[:arity]) for pair in zip(a.tolist(), b.tolist(), strict=True)]
    assert_close(torch.tensor(got, dtype=torch.float64), want, equal_nan=True, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_word_that_torch_has_for_it(name):
    row = OPS[name]
    words = [(torch, row.name), (torch.special, row.name), (torch.nn.functional, row.name)]
    words += [(place, word) for word in row.names.split() for place in (torch, torch.special, torch.nn.functional)]
    used = {f"{place.__name__}.{word}": getattr(place, word) for place, word in words if hasattr(place, word)}
    methods = [word for word in (row.name, *row.names.split()) if hasattr(torch.Tensor, word)]
    used |= {f"v.{word}": lambda v, *other, word=word: getattr(v, word)(*other) for word in methods}
    assert used
    want = trace(CELLS[name])
    for word, function in used.items():

        def step(self, x, h, s, function=function):
            return s.next(h=function(*(x.a, x.b)[: row.arity]))

        cell = type("Words", (Cell,), {"gates": "a b", "recurrent": False, "step": step})()
        assert repr(trace(cell).states) == repr(want.states), word


OPERATORS = {
    "%": (lambda a, b: a % b, torch.remainder),
    "% a number": (lambda a, b: a % 2, lambda a, b: expr.remainder(a, 2)),
    "% of a function": (lambda a, b: torch.remainder(a, b), expr.remainder),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_of_python(name):
    written = []
    for function in OPERATORS[name]:

        def step(self, x, h, s, function=function):
            return s.next(h=function(x.a, x.b))

        written.append(repr(trace(type("Mine", (Cell,), {"gates": "a b", "recurrent": False, "step": step})()).states))
    assert written[0] == written[1]


def test_a_cumulative_sum_is_over_the_units():
    for step, words in (
        (lambda self, x, h, s: s.next(h=x.a.cumsum(0)), r"cumsum over other than the hidden units; write cumsum\(v\)"),
        (lambda self, x, h, s: s.next(h=x.a + torch.ones_like(x.a).cumsum(-1)), "a cumsum of a number"),
    ):
        with pytest.raises(TraceError, match=words):
            trace(type("Mine", (Cell,), {"gates": "a", "step": step})())
    v = torch.randn(3, 5)
    assert torch.equal(expr.cumsum(v), torch.cumsum(v, -1))


def test_an_operation_stands_in_one_place():
    """Its name is written in its row and nowhere else, nor in the page's JavaScript; but for Python's % and gelu's option."""
    allowed = {"remainder": {"symbols.py"}, "tanh": {"functions.py", "formulas.py"}}
    allowed["reciprocal"] = {"graph.py"}  # what 1 / v is simplified to
    for name in ELEMENTWISE:
        quoted = re.compile(rf"""["']{name}["']""")
        homes = {file.name for file in FOLDER.glob("*.py") if quoted.search(file.read_text(encoding="utf-8"))}
        assert homes - {"ops.py", "elementwise.py"} <= allowed.get(name, set()), f"{name} is spelt out in {homes}"
    script = (document.STATIC / "graph.js").read_text(encoding="utf-8")
    assert not {name for name in ELEMENTWISE if re.search(rf"(?<![.\w]){name}\b", script)}
