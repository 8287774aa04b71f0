"""The generated C++ for one time step, compiled and run: every cell against torch's autograd in float64.

All arrays start as NaN with guards around them; sizes lie around the vector widths.
"""

import ctypes

import pytest
import torch
from helpers import compiled_step
from helpers.cells_for_compiling import EVERY
from helpers.compiled_step import COMPILER, by_autograd, by_cpp, compiled, instruction_sets, random_case
from helpers.support import assert_close

from recurra import cells
from recurra.expr.compile import generate

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler here")

SETS = instruction_sets()
BEST, OTHERS = SETS[-1], SETS[:-1]
SIZES = [(1, 1), (3, 7), (2, 16), (5, 33)]


def tolerance(cell, kind: str) -> float:
    """Row operations divide by what may be small, and so lose more."""
    rows = generate(cell).meta.fields["keep_row"] > 0
    return {"f64": 1e-8 if rows else 1e-11, "f32": 1e-2 if rows else 5e-6}[kind]


def check(cell, kind: str, march: str) -> None:
    for rows, units in SIZES:
        case = random_case(cell, rows, units, seed=rows + units)
        want, got = by_autograd(cell, case), by_cpp(cell, case, kind, march)
        # What is 0 but for rounding is compared with what it is made of, not with itself.
        floor = {name: part.double() + 1.0 for name, part in got.items()}
        assert_close(floor, {name: part + 1.0 for name, part in want.items()}, tolerance(cell, kind))
        inference = by_cpp(cell, case, kind, march, keep=False)
        assert_close(inference, {name: got[name] for name in inference}, 1e-6 if kind == "f32" else 1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["f64", "f32"])
@pytest.mark.parametrize("name", EVERY)
def test_step_and_gradient(name, kind):
    check(EVERY[name], kind, BEST)


def elsewhere() -> list:
    """Each cell on each other instruction set in both kinds; `make test` takes one of these for each cell, in turn."""
    pairs = [(march, kind) for march in OTHERS for kind in ("f64", "f32")]
    return [
        pytest.param(name, march, kind, marks=[] if (number + turn) % len(pairs) == 0 else pytest.mark.soak)
        for number, name in enumerate(EVERY)
        for turn, (march, kind) in enumerate(pairs)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "march", "kind"), elsewhere())
def test_step_and_gradient_on_other_instruction_sets(name, march, kind):
    check(EVERY[name], kind, march)


def test_an_error_of_one_percent_is_seen(monkeypatch):
    cell = cells.get("lstm")
    case = random_case(cell, 3, 7)
    want = by_autograd(cell, case)
    generated = generate(cell)
    wrong = generated.source.replace("(T(1) - i)", "(T(1.01) - i)")
    assert wrong != generated.source
    library = compiled(wrong, BEST)
    monkeypatch.setattr(compiled_step, "compiled", lambda *_: library)
    with pytest.raises(AssertionError, match="dx: off by"):
        assert_close(by_cpp(cell, case, "f64", BEST), want, 1e-4)


def test_many_rows_and_wide_layers():
    for name in ("lstm", "layernorm-lstm"):
        for rows, units in ((300, 5), (2, 515)):
            cell = cells.get(name)
            case = random_case(cell, rows, units)
            assert_close(by_cpp(cell, case, "f64", BEST), by_autograd(cell, case), 1e-10)


def test_nan_and_infinity_stay():
    cell = cells.get("lstm")
    case = random_case(cell, 2, 20)
    case["x"][0, 1, 3] = float("nan")
    case["x"][1, 0, 17] = float("inf")
    case["x"][1, 3, 18] = float("-inf")
    got = by_cpp(cell, case, "f32", BEST, keep=False)
    want = by_autograd(cell, case)
    for name in ("next.h", "next.c"):
        assert torch.equal(got[name].isnan(), want[name].isnan())
        assert torch.allclose(got[name].double(), want[name], atol=1e-6, equal_nan=True)


def test_no_rows_is_no_work():
    for name in ("gru", "layernorm-lstm"):
        cell = cells.get(name)
        by_cpp(cell, random_case(cell, 0, 5), "f32", BEST)


def test_the_code_can_be_read():
    source = generate(cells.get("lstm")).source
    assert source.startswith("// LSTM(): one time step and its gradient")
    assert "//     c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g)" in source
    assert "const V c_new = f * c + i * g;" in source
    assert "const V dx_i = d_i * i * (T(1) - i);" in source
    assert max(map(len, source.splitlines())) < 200


def test_names_of_the_functions():
    library = compiled(generate(cells.get("gru-original")).source, BEST)
    for name in ("forward_0", "forward_1", "backward_0", "backward_1"):
        for kind in ("f32", "f64"):
            assert isinstance(getattr(library, f"recurra_{name}_{kind}"), ctypes._CFuncPtr)
