"""Given numbers, outputs apart from the states, and starts, against loops written out by hand in float64."""

import math

import pytest
import torch
from helpers.support import assert_close, randomise

import recurra
from recurra.cells import Cell, facts
from recurra.errors import CellError, ConfigError, DataError, DtypeError, ShapeError
from recurra.expr import exp, sigmoid, tanh
from recurra.nn import ConvRecurrent, Recurrent


class Decayed(Cell):
    """The state decays with the time since the step before, as in GRU-D."""

    gates = "n"
    vectors = {"rate": 0.5}
    given = "dt"

    def step(self, x, h, s, w, given):
        return s.next(h=exp(-w.rate * given.dt) * s.h + tanh(x.n + h.n))


class Residual(Cell):
    """Mixes in what it reads."""

    gates = "f"
    given = "input"

    def step(self, x, h, s, given):
        f = sigmoid(x.f)
        return s.next(h=f * s.h + (1 - f) * given.input)


class Shown(Cell):
    """What comes out is no state."""

    gates = "n o"
    states = "c"
    output = "y"

    def step(self, x, h, s):
        c = 0.5 * s.c + tanh(x.n + h.n)
        return s.next(c=c, y=sigmoid(x.o) * c, n=c)


def by_hand(layer, x, step, steps=None, resets=None, backward=False, d=0):
    """One layer, one direction, as a loop: step(layer's weights, x_t, h, t) → (y, h)."""
    time, batch = x.shape[:2]
    h = x.new_zeros(batch, layer.hidden_size)
    ys = [None] * time
    order = range(time - 1, -1, -1) if backward else range(time)
    for t in order:
        edge = t + 1 if backward else t
        if resets is not None and edge < time:
            here = resets[edge] if steps is None else resets[edge] & (edge < steps)
            h = torch.where(here[:, None], torch.zeros_like(h), h)
        y, new = step(x[t], h, t)
        runs = (torch.ones(batch, dtype=torch.bool) if steps is None else t < steps)[:, None]
        h, ys[t] = torch.where(runs, new, h), torch.where(runs, y, torch.zeros_like(y))
    return torch.stack(ys), h


def weights(layer, suffix="l0"):
    return {name: getattr(layer, f"{name}_{suffix}", None) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}


def decayed(layer, dt, suffix="l0"):
    w, rate = weights(layer, suffix), getattr(layer, f"rate_{suffix}")

    def step(x, h, t):
        n = torch.tanh(x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])
        gap = dt[t] if dt.dim() == 3 else dt[t][:, None]
        new = torch.exp(-rate * gap) * h + n
        return new, new

    return step


CALLS = {
    "plain": {},
    "lengths": {"lengths": torch.tensor([5, 2, 0])},
    "resets": {"resets": torch.arange(15).reshape(5, 3) % 4 == 0},
    "both": {"lengths": torch.tensor([3, 5, 1]), "resets": torch.arange(15).reshape(5, 3) % 3 == 0},
}


@pytest.mark.parametrize(
    "options",
    [{}, {"bidirectional": True}, {"checkpoint_every": 2, "bidirectional": True}, {"batch_first": True}],
    ids=str,
)
@pytest.mark.parametrize("per_unit", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_given_numbers(call, per_unit, options):
    layer = randomise(Recurrent(Decayed, 4, 6, dtype=torch.float64, **options))
    x = torch.randn(5, 3, 4, dtype=torch.float64, requires_grad=True)
    dt = torch.rand(5, 3, *([6] if per_unit else []), dtype=torch.float64, requires_grad=True)
    steps, resets = (CALLS[call].get(name) for name in ("lengths", "resets"))
    wanted = [by_hand(layer, x, decayed(layer, dt), steps, resets)]
    if layer.bidirectional:
        wanted.append(by_hand(layer, x, decayed(layer, dt, "l0_reverse"), steps, resets, backward=True))
    want = torch.cat([y for y, _ in wanted], -1), torch.stack([h for _, h in wanted])

    def laid(part):
        return part.transpose(0, 1) if layer.batch_first else part

    named = CALLS[call] | ({"resets": laid(resets)} if resets is not None else {})
    y, h = layer(laid(x), dt=laid(dt), **named)
    got, inputs = (laid(y), h), [x, dt, *layer.parameters()]
    assert_close(list(got), list(want), 1e-12)
    grads = [torch.autograd.grad(a.pow(2).sum() + b.sin().sum(), inputs, retain_graph=True) for a, b in (got, want)]
    assert_close(list(grads[0]), list(grads[1]), 1e-11)


@pytest.mark.parametrize(
    "options", [{}, {"checkpoint_every": 2}, {"backend": "equations"}, {"batch_first": True}], ids=str
)
@pytest.mark.parametrize("call", CALLS)
def test_given_numbers_of_each_direction(call, options):
    layer = randomise(Recurrent(Decayed, 4, 6, bidirectional=True, dtype=torch.float64, **options))
    x = torch.randn(5, 3, 4, dtype=torch.float64, requires_grad=True)
    dt = tuple(torch.rand(5, 3, *size, dtype=torch.float64, requires_grad=True) for size in ([], [6]))
    steps, resets = (CALLS[call].get(name) for name in ("lengths", "resets"))
    wanted = [by_hand(layer, x, decayed(layer, dt[0]), steps, resets)]
    wanted.append(by_hand(layer, x, decayed(layer, dt[1], "l0_reverse"), steps, resets, backward=True))
    want = torch.cat([y for y, _ in wanted], -1), torch.stack([h for _, h in wanted])

    def laid(part):
        return part.transpose(0, 1) if layer.batch_first else part

    named = CALLS[call] | ({"resets": laid(resets)} if resets is not None else {})
    y, h = layer(laid(x), dt=tuple(map(laid, dt)), **named)
    got, inputs = (laid(y), h), [x, *dt, *layer.parameters()]
    assert_close(list(got), list(want), 1e-12)
    grads = [torch.autograd.grad(a.pow(2).sum() + b.sin().sum(), inputs, retain_graph=True) for a, b in (got, want)]
    assert_close(list(grads[0]), list(grads[1]), 1e-11)
    _, _, trace = layer(laid(x), dt=tuple(map(laid, dt)), return_states=True, **named)
    if call == "plain" and not layer.batch_first:
        assert_close(torch.cat([*trace.states["h"]], -1), want[0], 1e-12)
    assert layer.explain(laid(x), dt=tuple(map(laid, dt)), **named).name == (
        "equations" if "backend" in options else "cpu"
    )


def test_a_pair_of_given_numbers_is_for_two_directions():
    with pytest.raises(DtypeError, match=r"`dt` is tuple; expected a tensor \(time, batch\)"):
        Recurrent(Decayed, 4, 6)(X, dt=(X[..., 0], X[..., 0]))
    both = Recurrent(Decayed, 4, 6, bidirectional=True)
    with pytest.raises(DtypeError, match="`dt` is tuple"):
        both(X, dt=(X[..., 0],))
    with pytest.raises(ShapeError, match=r"`dt` is \(2, 3\); expected \(5, 3\)"):
        both(X, dt=(X[..., 0], X[:2, :, 0]))


def test_given_numbers_in_a_stack_and_for_one_sequence():
    layer = randomise(Recurrent(Decayed, 4, 6, num_layers=2, dtype=torch.float64))
    x, dt = torch.randn(5, 3, 4, dtype=torch.float64), torch.rand(5, 3, dtype=torch.float64)
    first, end = by_hand(layer, x, decayed(layer, dt))
    second, last = by_hand(layer, first, decayed(layer, dt, "l1"))
    y, h = layer(x, dt=dt)
    assert_close([y, h], [second, torch.stack([end, last])], 1e-12)
    alone, _ = layer(x[:, 1], dt=dt[:, 1])
    assert_close(alone, y[:, 1], 1e-12)


def test_what_stands_in_the_padding_does_not_matter():
    layer = Recurrent(Decayed, 4, 6)
    dt = torch.ones(5, 2)
    dt[2:, 1] = torch.nan
    y, _ = layer(torch.randn(5, 2, 4), lengths=[5, 2], dt=dt)
    assert y.isfinite().all()


def test_the_input_itself():
    layer = randomise(Recurrent(Residual, 6, 6, num_layers=2, dtype=torch.float64))
    x = torch.randn(5, 3, 6, dtype=torch.float64)

    def residual(suffix):
        w = weights(layer, suffix)

        def step(x, h, t):
            f = torch.sigmoid(x @ w["weight_ih"].T + w["bias_ih"])
            new = f * h + (1 - f) * x
            return new, new

        return step

    first, _ = by_hand(layer, x, residual("l0"))
    want, _ = by_hand(layer, first, residual("l1"))
    assert_close(layer(x)[0], want, 1e-12)
    assert {name for name, _ in layer.named_parameters()} == {
        f"{n}_l{k}" for n in ("weight_ih", "bias_ih") for k in (0, 1)
    }
    with pytest.raises(
        ConfigError, match=r"reads given.input, so each layer must read as many features as it has units"
    ):
        Recurrent(Residual, 4, 6)


@pytest.mark.parametrize("call", CALLS)
def test_an_output_apart_from_the_states(call):
    layer = randomise(Recurrent(Shown, 4, 6, dtype=torch.float64))
    x = torch.randn(5, 3, 4, dtype=torch.float64, requires_grad=True)
    w = weights(layer)

    def step(x, h, t):
        n, o = (x @ w["weight_ih"].T + w["bias_ih"]).chunk(2, -1)
        c = 0.5 * h + torch.tanh(n + h @ w["weight_hh"].T + w["bias_hh"])
        return torch.sigmoid(o) * c, c

    steps, resets = (CALLS[call].get(name) for name in ("lengths", "resets"))
    want, got = by_hand(layer, x, step, steps, resets), layer(x, **CALLS[call])
    assert_close([got[0], got[1][0]], list(want), 1e-12)
    grads = [torch.autograd.grad(y.sin().sum(), [x, *layer.parameters()], retain_graph=True) for y in (got[0], want[0])]
    assert_close(list(grads[0]), list(grads[1]), 1e-11)
    trace = layer(x, return_gates=True, return_states=True)[2]
    assert set(trace.gates) == {"n"}
    assert not facts(layer.cell).projects


def test_the_kernel_runs_them_and_the_card_counts_them():
    for cell, numbers in ((Decayed, {"dt": torch.ones(5, 3)}), (Shown, {})):
        layer = Recurrent(cell, 4, 6)
        assert layer.explain(torch.zeros(5, 3, 4), **numbers).name == "cpu"
        layer(torch.zeros(5, 3, 4), **numbers)
        assert recurra.card(layer).parameters == sum(p.numel() for p in layer.parameters())


X = torch.zeros(5, 3, 4)
WRONG = {
    "missing": (
        {},
        DataError,
        r"`dt` is missing, which Decayed\(\) reads at each step. Pass dt=, \(time, batch\), one",
    ),
    "unknown": ({"dt": X[..., 0], "gap": X}, TypeError, r"the call got 'gap', .*; its cell is given dt"),
    "list": ({"dt": [1.0]}, DtypeError, r"`dt` is list; expected a tensor \(time, batch\)"),
    "type": ({"dt": X[..., 0].double()}, DtypeError, r"`dt` is float64 on cpu, `x` is float32 on cpu. Convert it"),
    "shape": (
        {"dt": X[:4, :, 0]},
        ShapeError,
        r"`dt` is \(4, 3\); expected \(5, 3\) = \(time, batch\), or one more dimension",
    ),
    "units": ({"dt": X}, ShapeError, r"`dt` has 4 numbers for each step; layer 0 has 6 units"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_given_numbers_that_do_not_fit(kind):
    numbers, error, words = WRONG[kind]
    with pytest.raises(error, match=words):
        Recurrent(Decayed, 4, 6)(X, **numbers)


def test_other_refusals():
    packed = torch.nn.utils.rnn.pack_sequence([torch.zeros(3, 4)])
    with pytest.raises(ShapeError, match=r"`dt` cannot go with a PackedSequence"):
        Recurrent(Decayed, 4, 6)(packed, dt=torch.ones(3, 1))
    with pytest.raises(TypeError, match=r"the call got 'dt', .*; LSTM\(\) is given nothing"):
        Recurrent("lstm", 4, 6)(X, dt=X)
    with pytest.raises(ConfigError, match=r"takes given numbers \(dt\), which frames cannot bring yet"):
        ConvRecurrent(Decayed, 1, 2)
    with pytest.raises(ConfigError, match=r"has an output that is no state, so its output cannot be projected"):
        Recurrent(Shown, 4, 6, proj_size=2)


def cell(body=None, **names):
    return type("Mine", (Cell,), {"gates": "f n", "step": body or (lambda self, x, h, s: s.next(h=x.f)), **names})


BROKEN = {
    "a call's name": ({"given": "lengths"}, r"`given` cannot be called 'lengths', which a layer's call takes already"),
    "twice": ({"given": "f"}, r"'f' is named twice"),
    "outputs": ({"output": "y z"}, r"output is 'y z'; expected one name"),
    "left out": ({"output": "y"}, r"s.next\(...\) lacks y, the cell's `output`"),
    "no gate": ({"starts": {"q": 1.0}}, r"starts has 'q'; expected gates of the cell: f n"),
    "no rule": (
        {"starts": {"f": ("chrono",)}},
        r"starts has 'f': \('chrono',\); expected .* or a rule: \('uniform', low",
    ),
    "no start": ({"starts": {"f": "1"}}, r"starts has 'f': '1'"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_declarations_that_are_wrong(kind):
    names, words = BROKEN[kind]
    with pytest.raises(CellError, match=words):
        Recurrent(cell(**names), 4, 6)


def test_starts():
    class Started(Cell):
        gates = "f i n"
        forget = "f"
        vectors = {
            "a": 0.25,
            "b": lambda units: torch.arange(units),
            "c": ("uniform", 2.0, 3.0),
            "d": ("power", -6, -1, 2),
        }
        starts = {"f": ("chrono", 100), "i": lambda units: [0.5] * units}

        def step(self, x, h, s, w):
            f, i = sigmoid(x.f + h.f), sigmoid(x.i)
            return s.next(h=f * s.h + i * tanh(x.n + h.n) + w.a + w.b * w.c * w.d)

    layer = Recurrent(Started, 3, 5, bidirectional=True, init="recommended")
    for end in ("l0", "l0_reverse"):
        vectors = [getattr(layer, f"{name}_{end}").detach() for name in "abcd"]
        assert torch.equal(vectors[0], torch.full((5,), 0.25))
        assert torch.equal(vectors[1], torch.arange(5.0))
        assert ((vectors[2] >= 2) & (vectors[2] <= 3)).all()
        assert len(set(vectors[2].tolist())) == 5
        assert_close(vectors[3], torch.tensor([-6 + 5 * (k / 4) ** 2 for k in range(5)]), 1e-6)
        f, i, n = getattr(layer, f"bias_ih_{end}").detach().chunk(3)
        assert ((f >= 0) & (f <= math.log(99))).all()
        assert f.std() > 0
        assert torch.equal(i, torch.full((5,), 0.5))
        assert not n.any()
        assert not getattr(layer, f"bias_hh_{end}").any()
    asked = Recurrent(Started, 3, 5, forget_bias=2.0)
    assert torch.equal(asked.bias_ih_l0[:5].detach(), torch.full((5,), 2.0))
    wrong = cell(lambda self, x, h, s, w: s.next(h=x.f * w.v), vectors={"v": lambda units: [1.0, 2.0]})
    with pytest.raises(ConfigError, match=r"the start of `v` gave \(2,\) for 6 units; expected \(6,\)"):
        Recurrent(wrong, 4, 6)
