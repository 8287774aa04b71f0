"""Numbers given at each step, and an output apart from the states, in the compiled kernels: as the equations in float64."""

import pytest
import torch
from helpers.cells_for_compiling import Given
from helpers.kernels import needs_compiler
from helpers.support import assert_close, random_state, randomise, run

from recurra import cells
from recurra.backends.cpu import abi
from recurra.cells import Cell
from recurra.expr import sigmoid, tanh
from recurra.nn import Recurrent

pytestmark = needs_compiler


class Skips(Cell):
    """Reads what the layer reads, and gives out something else than its state."""

    gates = "f n"
    states = "c"
    given = "input"
    output = "y"

    def step(self, x, h, s, given):
        f = sigmoid(x.f + h.f)
        c = f * s.c + (1 - f) * x.n
        return s.next(c=c, y=tanh(c) + f * given.input, f=f)


class Apart(Cell):
    """An output apart, without W_h."""

    gates = "f n"
    states = "c d"
    output = "y"
    recurrent = False

    def step(self, x, h, s):
        c = sigmoid(x.f) * s.c + x.n
        return s.next(c=c, d=0.5 * s.d + c, y=tanh(c - s.d))


CELLS = {"cfc": cells.CfC, "gru-d": cells.GRUD, "given": Given, "input": Skips, "output": Apart}
LIMIT = {torch.float64: 1e-11, torch.float32: 2e-5, torch.bfloat16: 0.06}
CELL = pytest.mark.parametrize("name", CELLS)
T, B, H = 7, 4, 6
LENGTHS = [3, 0, 7, 5]


def numbers(cell, wide, dtype=torch.float64):
    """What each call gives: one number a row, or one a unit."""
    size = (T, B, H) if wide else (T, B)
    return {name: torch.rand(size, dtype=torch.float64).to(dtype) for name in cell.given_names if name != "input"}


def compare(name, dtype=torch.float64, wide=False, call=None, limit=None, state=True, **options):
    """Both ways through a layer: outputs, states, and the gradients of x, states, given numbers and weights."""
    want = Recurrent(CELLS[name], H, H, dtype=torch.float64, backend="equations", **options)
    randomise(want, 0.4)
    with torch.no_grad():
        for parameter in want.parameters():
            parameter.copy_(parameter.to(dtype))
    got = Recurrent(CELLS[name], H, H, dtype=dtype, backend="cpu", **options)
    got.load_state_dict(want.state_dict())
    x, given = torch.randn(T, B, H, dtype=torch.float64).to(dtype), numbers(want.cell, wide, dtype)
    if options.get("batch_first"):
        x, given = x.transpose(0, 1), {name: part.transpose(0, 1) for name, part in given.items()}
    states = [random_state(want, B)] if state else []
    results = []
    for layer, kind in ((got, dtype), (want, torch.float64)):
        torch.manual_seed(11)  # the same masks
        args = [
            tuple(part.to(dtype).to(kind) for part in s) if isinstance(s, tuple) else s.to(dtype).to(kind)
            for s in states
        ]
        named = {word: part.to(kind) for word, part in given.items()}
        results.append(run(layer, x.to(kind), *args, **named, **(call or {})))
    assert len(results[0]["gradient"]) >= 3 + len(given)
    assert_close(*results, limit or LIMIT[dtype])


@pytest.mark.parametrize("wide", [False, True], ids=["a row", "a unit"])
@pytest.mark.parametrize("dtype", LIMIT, ids=str)
@CELL
def test_equal_the_equations(name, dtype, wide):
    compare(name, dtype, wide)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("what", ["lengths", "resets", "both"])
@CELL
def test_lengths_and_resets(name, what, bidirectional):
    call = {"lengths": LENGTHS} if what != "resets" else {}
    call |= {"resets": torch.rand(T, B) < 0.3} if what != "lengths" else {}
    for wide in (False, True):
        compare(name, wide=wide, call=call, bidirectional=bidirectional, learn_initial=True, state=False)


OPTIONS = {
    "layers": {"num_layers": 2},
    "layers both ways, batch first": {"num_layers": 2, "bidirectional": True, "batch_first": True},
    "zoneout": {"zoneout": 0.3},
    "recurrent dropout": {"recurrent_dropout": 0.3},
    "heads": {"heads": 2},
    "state clipping": {"state_clip": 0.2, "zoneout": 0.2},
    "checkpoints": {"checkpoint_every": 3},
    "checkpoints both ways": {"checkpoint_every": 2, "bidirectional": True},
    "no biases": {"bias": False},
}


@pytest.mark.parametrize("option", OPTIONS)
@CELL
def test_options(name, option):
    options = OPTIONS[option]
    if name == "output" and {"recurrent_dropout", "heads"} & set(options):
        pytest.skip("it has no recurrent matrix")
    if name == "input" and options.get("bidirectional") and options.get("num_layers"):
        pytest.skip("each layer must read as many features as it has units")
    compare(name, wide=True, **options)
    compare(name, torch.float32, **options)


@CELL
def test_every_state_and_gate(name):
    layer = randomise(Recurrent(CELLS[name], H, H, 1, bidirectional=True, dtype=torch.float64))
    x, given = torch.randn(T, B, H, dtype=torch.float64), numbers(layer.cell, False)
    results = []
    for backend in ("cpu", "equations"):
        layer.backend = backend
        with torch.no_grad():
            shown = {"return_gates": True} if layer.facts.shown else {}
            results.append(layer(x, **given, return_states=True, lengths=LENGTHS, **shown))
    assert_close(*results, 1e-11)


@CELL
def test_only_what_is_wanted_has_a_gradient(name):
    layer = randomise(Recurrent(CELLS[name], H, H, bidirectional=True, backend="cpu")).requires_grad_(False)
    given = numbers(layer.cell, True, torch.float32)
    x = torch.randn(T, B, H, requires_grad=not given)
    leaves = [part.requires_grad_() for part in given.values()] or [x]
    y = layer(x, **given)[0]
    found = torch.autograd.grad(y.sum(), leaves)
    layer.backend = "equations"
    assert_close(list(found), list(torch.autograd.grad(layer(x, **given)[0].sum(), leaves)), 1e-5)


@CELL
def test_as_an_operator_and_twice(name):
    """torch.export sees one node; a second derivative runs the equations."""
    layer = randomise(Recurrent(CELLS[name], H, H, dtype=torch.float64, backend="cpu"))
    x, given = torch.randn(T, B, H, dtype=torch.float64, requires_grad=True), numbers(layer.cell, False)
    leaves = [x, *(part.requires_grad_() for part in given.values())]
    results = []
    for backend in ("cpu", "equations"):
        layer.backend = backend
        y = layer(x, **given)[0]
        first = torch.autograd.grad(y.square().sum(), leaves, create_graph=True)
        results.append([*first, *torch.autograd.grad(sum(g.square().sum() for g in first), leaves)])
    assert_close(*results, 1e-9)
    layer.backend = "cpu"
    with torch.no_grad():
        program = torch.export.export(layer, (x,), given)
        assert_close(program.module()(x, **given), layer(x, **given), 1e-12)


@CELL
def test_a_plain_call_runs_compiled(name):
    layer = Recurrent(CELLS[name], H, H)
    assert str(layer.explain()) == "cpu"


def test_with_an_embedding():
    """Ids stand for rows that such a cell reads itself."""
    layer, table = randomise(Recurrent(Skips, H, H, dtype=torch.float64)), torch.randn(5, H, dtype=torch.float64)
    ids = torch.randint(0, 5, (T, B))
    assert_close(layer(ids, embedding=table), layer(table[ids]), 1e-12)


def test_more_given_numbers_than_the_kernels_take():
    names = [f"n{k}" for k in range(abi.MOST_GIVEN + 1)]

    class Many(Cell):
        gates = "a"
        given = names

        def step(self, x, h, s, given):
            return s.next(h=tanh(x.a + h.a) + sum(getattr(given, name) for name in names))

    assert "its kernels take at most 8 given numbers" in str(Recurrent(Many, 3, 4).explain())
