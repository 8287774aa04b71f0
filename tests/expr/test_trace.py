"""A step that cannot be compiled says where, why and what to write instead; and still runs on tensors."""

import cProfile
import itertools
import math
import random
import sys

import numpy as np
import pytest
import torch

from recurra import RecurraError, cells, expr
from recurra.cells import Cell
from recurra.errors import CellError, CompileWarning, TraceError
from recurra.expr.compile import generate
from recurra.expr.trace import trace
from recurra.nn import Recurrent

HERE = r"test_trace\.py:\d+: `.*`: "


def cell(step, **names):
    return type("Mine", (Cell,), {"gates": "a b", "step": step, **names})()


def branching(self, x, h, s):
    if (x.a > 0).all():
        return s.next(h=x.a)
    return s.next(h=h.a)


REFUSED = {
    "if": (
        lambda self, x, h, s: s.next(h=x.a if x.a > 0 else h.a),
        r"a Python condition.*write where\(condition, a, b\)",
    ),
    "and": (lambda self, x, h, s: s.next(h=expr.where((x.a > 0) and (h.a > 0), x.a, 0)), "&, |, ~ for `and`"),
    "between": (lambda self, x, h, s: s.next(h=expr.where(0 < x.a < 1, x.a, 0)), "a Python condition"),
    "math": (
        lambda self, x, h, s: s.next(h=x.a * math.exp(s.h)),
        "made into a Python number; use the functions of rec",
    ),
    "item": (lambda self, x, h, s: s.next(h=x.a * s.h.item()), "made into a Python number"),
    "index": (lambda self, x, h, s: s.next(h=x.a[:, 0]), "indexing; a step works on all hidden units alike"),
    "loop": (lambda self, x, h, s: s.next(h=sum(v for v in x.a)), "a loop over a value"),
    "numpy": (lambda self, x, h, s: s.next(h=np.exp(x.a)), "numpy on a value; use the functions of recurra.expr"),
    "array": (lambda self, x, h, s: s.next(h=x.a * np.ones(3)), "ndarray in arithmetic"),
    "torch": (lambda self, x, h, s: s.next(h=torch.sinh(x.a)), "torch's `sinh` is not known to the compiler"),
    "in place": (
        lambda self, x, h, s: s.next(h=torch.nn.functional.relu(x.a, inplace=True)),
        r"`relu` that writes into a value; leave inplace and out away",
    ),
    "method": (lambda self, x, h, s: s.next(h=x.a.cumprod(-1)), r"`\.cumprod` is not known to the compiler"),
    "tensor": (
        lambda self, x, h, s: s.next(h=torch.ones(3) * x.a),
        "a tensor inside the step; declare it in the cell's",
    ),
    "mean": (lambda self, x, h, s: s.next(h=x.a - x.a.mean()), r"write v\.mean\(-1, keepdim=True\)"),
    "product": (lambda self, x, h, s: s.next(h=x.a @ x.b), r"a matrix product.*h\.of\(v\) multiplies v by W_h"),
    "whole quotient": (lambda self, x, h, s: s.next(h=x.a // x.b), r"`//`.*write floor\(a / b\)"),
    "remainder": (lambda self, x, h, s: s.next(h=2 % x.b), r"a number % a value.*write remainder\(number, v\)"),
    "power": (lambda self, x, h, s: s.next(h=x.a**0.3), r"a power of 0\.3.*exp\(p \* log\(v\)\)"),
    "condition": (lambda self, x, h, s: s.next(h=expr.where(x.a, x.b, 0)), r"a number where a condition is expected"),
    "clamp": (lambda self, x, h, s: s.next(h=expr.clamp(x.a, x.b)), r"minimum\(maximum\(v, low\), high\)"),
    "format": (lambda self, x, h, s: s.next(h=x.a, a=f"{x.a:.3f}"), "made into a Python number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_line_and_the_way_out(case):
    step, words = REFUSED[case]
    with pytest.raises(TraceError, match=rf"Mine\.step cannot be compiled: {HERE}.*{words}"):
        generate(cell(step))


def test_the_line_is_the_one_at_fault():
    with pytest.raises(TraceError, match=r":\d+: `if \(x\.a > 0\)\.all\(\):`: `\.all` is not known"):
        trace(cell(branching))


def test_the_line_in_a_function_the_step_calls():
    def helper(v):
        return v if v > 0 else -v

    with pytest.raises(TraceError, match=r"`return v if v > 0 else -v`: a Python condition"):
        trace(cell(lambda self, x, h, s: s.next(h=helper(x.a))))


def test_products_that_share_a_gate():
    with pytest.raises(TraceError, match=r"reads gate `a` both from h and from h\.of"):
        trace(cell(lambda self, x, h, s: s.next(h=h.of(x.a).a + h.a)))
    with pytest.raises(TraceError, match=r"gate `b` is read from two h\.of products"):
        trace(cell(lambda self, x, h, s: s.next(h=h.of(x.a).b + h.of(2 * x.a).b)))
    four = cell(lambda self, x, h, s: s.next(h=h.of(x.a).a + h.of(x.b).b + h.of(x.c).c + h.of(x.d).d), gates="a b c d")
    with pytest.raises(TraceError, match=r"h\.of is used for 4 vectors; at most 3"):
        trace(four)


def test_faults_of_the_cell_are_cell_errors():
    for step, words in (
        (lambda self, x, h, s: x.a, r"returned Symbol; expected s\.next"),
        (lambda self, x, h, s: s.next(a=x.a), r"s\.next\(\.\.\.\) lacks h"),
        (lambda self, x, h, s: s.next(h=x.q), r"`\.q` is not there; known here: a, b"),
        (lambda self, x, h, s: s.next(h=None), r"`h` came out as NoneType"),
        (lambda self, x, h, s: s.next(h=expr.row_mean(x.a)), r"`h` came out as a row value"),
        (lambda self, x, h, s: s.next(h=x.a > 0), r"`h` came out as a unit value|expected one number"),
    ):
        with pytest.raises(CellError, match=words) as caught:
            trace(cell(step))
        assert not isinstance(caught.value, TraceError)


def test_whatever_else_goes_wrong_is_a_trace_error():
    with pytest.raises(TraceError, match=rf"Mine\.step cannot be compiled: {HERE}KeyError: 'missing'"):
        trace(cell(lambda self, x, h, s: s.next(h=x.a * {}["missing"])))
    assert issubclass(TraceError, RecurraError)


def test_a_layers_refusal_is_told_each_time_and_found_once():
    runs = []

    def step(self, x, h, s):
        runs.append(1)
        return s.next(h=x.a if not isinstance(x.a, torch.Tensor) and x.a > 0 else x.b)

    mine = cells.get(cell(step))
    messages, before = set(), len(runs)
    for _ in range(3):
        with pytest.raises(TraceError) as caught:
            trace(mine)
        messages.add(str(caught.value))
    assert len(messages) == 1
    assert len(runs) == before


@pytest.mark.parametrize("number", [random.random, lambda: torch.randn(()), itertools.count().__next__])
def test_what_two_runs_see_differently_is_no_equation(number):
    noisy = cell(lambda self, x, h, s: s.next(h=torch.tanh(x.a + h.a + number())))
    with pytest.raises(TraceError, match=r"two runs of it gave different equations.*, as a random number"):
        trace(noisy)
    layer = Recurrent(noisy, 3, 4)
    with pytest.warns(CompileWarning, match="cannot be compiled and runs by its equations"):
        assert "two runs of it gave different equations" in str(layer.explain())


def test_names_of_variables_are_looked_up_where_equations_are_shown():
    def step(self, x, h, s):
        mine = torch.exp(x.a)
        return s.next(h=mine * mine + h.a)

    plain, shown = trace(cell(step)), trace(cell(step), names=True)
    assert "mine" not in plain.names.values()
    assert "mine" in shown.names.values()


def negated(self, x, h, s, w):
    decay = -expr.exp(w.w)
    return s.next(h=expr.exp(s.h + decay) + x.a)


def unused(self, x, h, s, w):
    unused = 2 * x.a  # noqa: F841 (what becomes of it is tested)
    debug = x.a.detach()  # noqa: F841
    return s.next(h=x.a + w.w)


def halves(self, x, h, s, w):
    half, total = 0.5 * x.a, x.a + 1
    return s.next(h=2 * half + total - s.h)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("step", [negated, unused, halves])
def test_a_variable_that_simplification_leaves_out(step, recurrent):
    mine = cell(step, vectors={"w": 0.3}, recurrent=recurrent)
    for names in (False, True):
        assert trace(mine, names).states
    assert generate(mine).source


def test_at_most_64_gates_where_a_product_waits():
    many = " ".join(f"g{k}" for k in range(65))
    with pytest.raises(TraceError, match=r"it has 65 gates; with h\.of at most 64 can be compiled"):
        trace(cell(lambda self, x, h, s: s.next(h=x.g0 + h.of(x.g1).g64), gates=many))
    assert trace(cell(lambda self, x, h, s: s.next(h=x.g0 + h.of(x.g1).g63), gates=many.rpartition(" ")[0]))
    assert trace(cell(lambda self, x, h, s: s.next(h=x.g0 + h.g64), gates=many))


SUMS = {
    "two gates": lambda x, h: x.a + h.a + x.b + h.b,
    "products last": lambda x, h: x.a + x.b + h.a + h.b,
    "again": lambda x, h: x.a + h.a + x.a,
    "and the difference": lambda x, h: (x.a + h.a) + (x.a - h.a),
    "turned": lambda x, h: h.b + (x.a + (h.a + x.b)),
    "with others": lambda x, h: x.a + 1 + (x.b - 2) + (h.a * 3 + h.b) + h.a,
}


@pytest.mark.parametrize("name", SUMS)
def test_sums_of_several_gates(name):
    mine = cell(lambda self, x, h, s: s.next(h=expr.tanh(SUMS[name](x, h))))
    assert trace(mine).merged == (name in ("two gates", "products last", "turned"))


def test_conditions_are_no_numbers():
    way_out = r"a condition in place of a number; write where\(condition, 1\.0, 0\.0\)"
    for wrong in (
        lambda x: (x.a > 0) + (x.b > 0),
        lambda x: (x.a > 0) * 0.1 + x.b,
        lambda x: expr.exp(x.a > 0),
        lambda x: -(x.a > 0) * x.b,
        lambda x: expr.where(x.a > 0, x.b > 0, 0.5) * x.a,
        lambda x: expr.row_sum(x.a > 0) * x.b,
    ):
        with pytest.raises(TraceError, match=way_out):
            trace(cell(lambda self, x, h, s, wrong=wrong: s.next(h=wrong(x))))
    assert trace(cell(lambda self, x, h, s: s.next(h=(x.a > 0) * x.b + ((x.a > 0) == (x.b > 0)) * s.h)))
    for step, words in (
        (lambda self, x, h, s: s.next(h=x.a > 0), "`h` came out as true or false"),
        (lambda self, x, h, s: s.next(h=h.of(x.a > 0).a), r"h\.of\(\.\.\.\) got true or false"),
    ):
        with pytest.raises(CellError, match=words):
            Recurrent(cell(step), 2, 3)


def test_words_of_pytorch_that_a_step_may_use():
    def step(self, x, h, s):
        a, b = x.a.clone(), torch.max(x.b, h.b)
        c = torch.special.expit(a) + torch.softmax(b, 1) + torch.softmax(b, dim=-1) + a.sum(1, keepdim=True)
        return s.next(h=c + torch.clamp_min(a, 0.1) + b.clamp_max(2) + torch.min(a, b) + a.max(b))

    assert generate(cell(step)).source
    with pytest.raises(TraceError, match=r"`\.float`, which changes the type; leave it out"):
        trace(cell(lambda self, x, h, s: s.next(h=x.a.float())))
    with pytest.raises(
        TraceError, match=r"1 arguments for `maximum`; it takes 2; over the hidden units write row_max\(v\)"
    ):
        trace(cell(lambda self, x, h, s: s.next(h=x.a - x.a.max())))


def test_a_cell_that_cannot_be_compiled_runs():
    class Wavy(Cell):
        gates = "a"

        def step(self, x, h, s):
            return s.next(h=torch.sinh(x.a + h.a))

    with pytest.raises(TraceError, match="torch's `sinh`"):
        trace(Wavy())
    y, _ = Recurrent(Wavy, 3, 4, backend="equations")(torch.randn(5, 2, 3))
    assert y.shape == (5, 2, 4)


def test_built_in_cells_are_all_compiled():
    for name in cells.names():
        assert "recurra::Step" in generate(cells.get(name)).source


def test_tracing_goes_on_beside_a_profiler():
    from recurra.cells import LSTM

    wanted, calls = trace(LSTM(), names=True), []
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        assert trace(LSTM(), names=True) == wanted
        sorted([3, 1, 2])
    finally:
        profiler.disable()
    assert any("sorted" in str(entry.code) for entry in profiler.getstats()), "the profiler went on"
    sys.setprofile(lambda *_: calls.append(1))
    try:
        assert trace(LSTM(), names=True) == wanted
        calls.clear()
        sorted([3, 1, 2])
    finally:
        sys.setprofile(None)
    assert calls, "so did a function's"
