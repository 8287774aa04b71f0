"""A step that cannot be compiled says where, why and what to write instead; and still runs on tensors."""

import cProfile
import math
import sys

import numpy as np
import pytest
import torch

from recurra import RecurraError, cells, expr
from recurra.cells import Cell
from recurra.errors import CellError, TraceError
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
    with pytest.raises(TraceError, match=r"h\.of is asked for 4 vectors; at most 3"):
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
    with pytest.raises(TraceError, match=r"Mine\.step cannot be compiled: KeyError: 'missing'"):
        trace(cell(lambda self, x, h, s: s.next(h=x.a * {}["missing"])))
    assert issubclass(TraceError, RecurraError)


def test_a_refusal_is_told_each_time_and_found_once():
    runs = []
    mine = cell(lambda self, x, h, s: s.next(h=x.a if runs.append(1) or x.a > 0 else x.b))
    messages = set()
    for _ in range(3):
        with pytest.raises(TraceError) as caught:
            trace(mine)
        messages.add(str(caught.value))
    assert len(messages) == 1
    assert len(runs) == 1


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
    from recurra.expr.compile import generate

    wanted, calls = generate(LSTM()).source, []
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        assert generate(LSTM()).source == wanted
        sorted([3, 1, 2])
    finally:
        profiler.disable()
    assert any("sorted" in str(entry.code) for entry in profiler.getstats()), "the profiler went on"
    sys.setprofile(lambda *_: calls.append(1))
    try:
        assert generate(LSTM()).source == wanted
        calls.clear()
        sorted([3, 1, 2])
    finally:
        sys.setprofile(None)
    assert calls, "so did a function's"
