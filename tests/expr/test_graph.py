"""A step's graph: what is read from every cell, simplified, merged, differentiated and kept; no compiler needed."""

import math
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from helpers.cells_for_compiling import EVERY, OWN, OneProduct, Shared, ThreeProducts
from helpers.compiled_step import by_autograd, random_case
from helpers.support import assert_close

from recurra import cells, expr
from recurra.cells import Cell
from recurra.expr.compile import generate
from recurra.expr.differentiate import differentiate
from recurra.expr.evaluate import evaluate
from recurra.expr.graph import Table, order
from recurra.expr.keep import keep
from recurra.expr.ops import OPS
from recurra.expr.text import LATEX, aligned, equations, gradient_equations, latex
from recurra.expr.trace import trace


def by_graph(cell, case) -> dict:
    """New states, gates and gradients by the graph's own nodes, as tests/compiled_step.py has them."""
    graph = trace(cell)
    gradient = differentiate(graph)
    rows, gates, units = case["x"].shape
    ofs: dict = {}
    dofs: dict = {}

    def leaf(node):
        match node.op:
            case "x" | "h":
                return case[node.op][:, node.value]
            case "a":
                return (case["x"] + case["h"] if cell.recurrent else case["x"])[:, node.value]
            case "doutput":
                return case["doutput"]
            case "state" | "vector" | "given" | "dnext":
                return case[node.op][node.value]
            case "of":
                k, gate = node.value
                if k not in ofs:
                    ofs[k] = evaluate([graph.ofs[k]], leaf, units)[0]
                return ofs[k] @ case["w"][gate].T + case["b"][gate]
            case "dof":
                k = node.value
                if k not in dofs:
                    dofs[k] = sum(value(gradient.dh[gate]) @ case["w"][gate] for gate in graph.of_gates[k])
                return dofs[k]

    def value(node):
        if node is None:
            return torch.zeros(rows, units, dtype=torch.float64)
        return evaluate([node], leaf, units)[0] + torch.zeros(rows, units, dtype=torch.float64)

    result = {f"next.{n}": value(node) for n, node in zip(cell.state_names, graph.states, strict=True)}
    result |= {f"gate.{n}": value(node) for n, node in graph.gates.items()}
    result |= {f"output.{n}": value(graph.output) for n in cell.output.split()}
    result |= {f"dgiven.{n}": value(node) for n, node in zip(cell.given_names, gradient.dgiven, strict=True)}
    result["dx"] = torch.stack([value(node) for node in gradient.dx], 1)
    if cell.recurrent:
        result["dh"] = result["dx"] if graph.merged else torch.stack([value(node) for node in gradient.dh], 1)
    result |= {f"dstate.{n}": value(node) for n, node in zip(cell.state_names, gradient.dstates, strict=True)}
    return result | {
        f"dvector.{n}": value(node).sum(0) for n, node in zip(cell.vectors, gradient.dvectors, strict=True)
    }


@pytest.mark.parametrize("name", EVERY)
def test_graph_and_gradient_equal_autograd(name):
    cell = EVERY[name]
    for size in ((3, 7), (2, 4)):
        case = random_case(cell, *size, seed=sum(size))
        assert_close(by_graph(cell, case), by_autograd(cell, case), 1e-10)


def test_a_wrong_derivative_is_seen(monkeypatch):
    right = OPS["sigmoid"]
    wrong = replace(right, derivative=lambda t, y, g, v: right.derivative(t, y, t.mul(t.const(1.01), g), v))
    graph = trace(cells.get("gru"))
    monkeypatch.setitem(OPS, "sigmoid", wrong)
    differentiate.cache_clear()
    try:
        case = random_case(graph.cell, 3, 7)
        with pytest.raises(AssertionError, match="off by"):
            assert_close(by_graph(graph.cell, case), by_autograd(graph.cell, case), 1e-3)
    finally:
        monkeypatch.undo()
        differentiate.cache_clear()


KEPT = {
    "rnn": ["h'"],
    "rnn-relu": ["x.n + h.n"],
    "lstm": ["i", "f", "o", "g", "tanh(c')"],
    "gru": ["h.n", "r", "z", "n"],
    "gru-original": ["r", "z", "n"],
    "peephole-lstm": ["i", "f", "g", "o", "tanh(c')"],
    "mingru": ["x.n", "z"],
    "minlstm": ["x.f", "x.i", "x.n", "f"],
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept(name):
    assert [one.name for one in generate(cells.get(name)).keep] == KEPT[name]


def test_layer_norm_keeps_its_row_numbers():
    kept = generate(cells.get("layernorm-lstm")).keep
    rows = [one.name for one in kept if not one.per_unit]
    assert len(kept) - len(rows) == 9
    assert rows[:2] == ["mean(x.i + h.i)", "1 / √(mean((x.i + h.i - mean(x.i + h.i))²) + 1e-05)"]
    assert len(rows) == 10


def test_state_is_kept_only_where_the_gradient_reads_it():
    assert generate(cells.get("lstm")).meta.fields["keeps_state"] == 0b10  # c, not h
    assert generate(cells.get("gru")).meta.fields["keeps_state"] == 0b1
    assert generate(cells.get("rnn")).meta.fields["keeps_state"] == 0


def takes_sums_only(cell) -> bool:
    """Whether a step is the same where a part of W_x x moves to W_h h, so that the sum of both is all that it reads."""
    if not cell.recurrent or not cells.facts(cell).whole:
        return not cell.recurrent
    random = torch.Generator().manual_seed(0)

    def values(names, *shape):
        return {name: torch.randn(shape or (2, 3), dtype=torch.float64, generator=random) for name in names}

    x, h, moved, states, given = map(values, (*[cell.gate_names] * 3, cell.state_names, cell.given_names))
    vectors = values(cell.vectors, 3)

    def step(sign):
        products = tuple(h[name] - sign * moved[name] for name in cell.gate_names)
        inputs = {name: x[name] + sign * moved[name] for name in cell.gate_names}
        arguments = cell.arguments(inputs, lambda v, gate: products, states, vectors, given=given)
        return torch.stack(cell.step(*arguments).states)

    return torch.allclose(step(0), step(1), atol=1e-12)


def test_merged_and_apart():
    merged = {name for name in cells.names() if trace(cells.get(name)).merged}
    assert merged == {name for name in cells.names() if takes_sums_only(cells.get(name))}
    assert {"lstm", "mingru"} <= merged
    assert not {"gru", "gru-original"} & merged
    # However the sum is written, the halves of a gate find each other.
    assert trace(Shared()).merged


def test_meta_of_cells_with_products():
    meta = SimpleNamespace(**generate(OneProduct()).meta.fields)
    assert (meta.of, meta.forward_stages, meta.backward_stages, meta.whole_gates) == (1, 2, 2, 0b01)
    assert (meta.forward_of[1], meta.forward_gates[1], meta.backward_of[1], meta.backward_gates[1]) == (0, 2, 0, 2)
    meta = SimpleNamespace(**generate(ThreeProducts()).meta.fields)
    assert (meta.of, meta.forward_stages, meta.whole_gates) == (3, 4, 0b0001)
    assert meta.forward_of == (0, 0, 1, 2)
    assert meta.forward_gates == (0, 0b0010, 0b0100, 0b1000)
    assert meta.backward_of == (0, 2, 1, 0)
    assert meta.backward_gates == (0, 0b1000, 0b0100, 0b0010)


def test_nodes_are_shared_and_simplified():
    t = Table()
    x, w, row = t.leaf("x", 0), t.leaf("vector", 0, "vector"), t.mean(t.leaf("x", 1))
    zero, one = t.const(0), t.const(1)
    assert t.add(x, w) is t.add(w, x)
    assert t.mul(t.add(x, zero), one) is x
    assert t.neg(t.neg(x)) is x
    assert t.sub(x, t.neg(w)) is t.add(x, w)
    assert t.mul(t.const(2), t.mul(t.const(3), x)) is t.mul(t.const(6), x)
    assert t.apply("exp", t.const(1.0)).value == math.e
    assert t.mul(t.units, t.mul(row, t.per_unit)) is row
    assert t.mean(t.sub(x, t.mean(x))).value == 0
    assert t.mean(t.mul(row, x)) is t.mul(row, t.mean(x))
    assert t.const(0.0) is not t.const(-0.0)
    assert t.mul(x, zero).op == "mul"  # NaN times 0 is NaN: not ours to drop
    assert [n.kind for n in (x, w, row, one, t.add(w, row), t.add(w, one))] == [
        *("unit", "vector", "row", "const", "unit", "vector")
    ]


def test_numbers_are_not_regrouped():
    t = Table()
    x, row = t.leaf("x", 0), t.mean(t.leaf("x", 1))
    rounded = t.sub(t.add(x, t.const(12582912.0)), t.const(12582912.0))
    assert [node.op for node in order([rounded])] == ["x", "const", "add", "const", "add"]
    for value in (x, row):
        scaled = t.mul(t.const(1e-30), t.mul(t.const(1e30), value))
        assert scaled.args[0].value == 1e-30
        assert t.mul(t.const(0.5), t.mul(t.const(3), value)) is t.mul(t.const(1.5), value)
    assert t.div(x, t.const(3)).op == "div"
    assert t.div(x, t.const(4)) is t.mul(t.const(0.25), x)


def test_no_node_of_an_lstm_is_computed_twice():
    graph = trace(cells.get("lstm"))
    assert len([n for n in order(graph.outputs()) if n.op in ("sigmoid", "tanh")]) == 5


class Shares(Cell):
    """Two gates made to sum to one."""

    gates = "f i n"
    recurrent = False

    def step(self, x, h, s):
        f, i = expr.sigmoid(x.f), expr.sigmoid(x.i)
        total = f + i
        f, i = f / total, i / total
        return s.next(h=f * s.h + i * x.n, f=f, i=i, n=x.n)


def test_equations_as_text():
    assert aligned(equations(trace(cells.get("gru")))).splitlines() == [
        "r  = σ(x.r + h.r)",
        "z  = σ(x.z + h.z)",
        "n  = tanh(x.n + r ⊙ h.n)",
        "h' = (1 - z) ⊙ n + z ⊙ h",
    ]
    shares = dict(equations(trace(Shares(), names=True)))
    assert shares["f"] == "t1 / total"  # `total` is the author's own word
    assert dict(equations(trace(cells.get("layernorm-lstm"))))["h'"] == "o ⊙ tanh(layer_norm(c', gain_c, shift_c))"
    rnn = differentiate(trace(cells.get("rnn")))
    assert gradient_equations(rnn) == [("δ(x.n + h.n)", "∂h' ⊙ (1 - h'²)")]
    assert latex(equations(trace(Shares(), names=True), LATEX)) == (
        "\\begin{align}\n"
        "  t_{1} &= \\sigma(x_{f}) \\\\\n"
        "  t_{2} &= \\sigma(x_{i}) \\\\\n"
        "  \\mathrm{total} &= t_{1} + t_{2} \\\\\n"
        "  f &= \\frac{t_{1}}{\\mathrm{total}} \\\\\n"
        "  i &= \\frac{t_{2}}{\\mathrm{total}} \\\\\n"
        "  h' &= f \\odot h + i \\odot x_{n} \\\\\n"
        "  n &= x_{n}\n"
        "\\end{align}"
    )


@pytest.mark.parametrize("cell", [*OWN, *(type(cells.get(n)) for n in cells.names())], ids=lambda c: c.__name__)
def test_every_equation_can_be_written(cell):
    graph = trace(cell())
    for style in (LATEX, None):
        style = [style] if style else []
        lines = equations(graph, *style) + gradient_equations(differentiate(graph), *style)
        assert all(left and right for left, right in lines)
        lefts = [left for left, _ in equations(graph, *style)]
        assert len(lefts) == len(set(lefts)), "two lines of one name"


CHILD = """
import hashlib, sys
for name in ("torch", "numpy"):
    sys.modules[name] = None
from recurra import cells
from recurra.expr.compile import generate
sources = "".join(generate(cell).source for cell in cells.built_in().values())
print(hashlib.sha256(sources.encode()).hexdigest())
"""


def test_the_same_code_in_every_process_and_without_torch(monkeypatch):
    printed = set()
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        printed.add(subprocess.run([sys.executable, "-c", CHILD], check=True, capture_output=True, text=True).stdout)
    assert len(printed) == 1


def test_keep_counts_conditions_as_nothing():
    class Chosen(Cell):
        gates = "a b"

        def step(self, x, h, s):
            return s.next(h=expr.where(x.a + h.a > 0, s.h, 2 * (x.b + h.b)))

    kept = keep(differentiate(trace(Chosen())))
    assert [node.op for node in kept.units] == ["a"]
