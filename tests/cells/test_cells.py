"""Every cell against its formula written out once more in numpy, and the rules that a cell must keep."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from helpers.support import assert_close, randomise

from recurra import cells
from recurra.cells import Cell
from recurra.errors import CellError
from recurra.expr import exp, sigmoid, tanh
from recurra.nn import Recurrent


def σ(v):
    return 1 / (1 + np.exp(-v))


def normal(v, gain, shift):
    mean, variance = v.mean(-1, keepdims=True), v.var(-1, keepdims=True)
    return gain * (v - mean) / np.sqrt(variance + 1e-5) + shift


def elman(x, U, b, h, w):
    h = np.tanh(x["n"] + h[0] @ U["n"].T + b["n"])
    return (h,)


def lstm(x, U, b, s, w):
    h, c = s
    a = {k: x[k] + h @ U[k].T + b[k] for k in "ifgo"}
    c = σ(a["f"]) * c + σ(a["i"]) * np.tanh(a["g"])
    return σ(a["o"]) * np.tanh(c), c


def gru(x, U, b, s, w):
    (h,) = s
    r, z = (σ(x[k] + h @ U[k].T + b[k]) for k in "rz")
    n = np.tanh(x["n"] + r * (h @ U["n"].T + b["n"]))
    return ((1 - z) * n + z * h,)


def gru_original(x, U, b, s, w):
    (h,) = s
    r, z = (σ(x[k] + h @ U[k].T + b[k]) for k in "rz")
    n = np.tanh(x["n"] + (r * h) @ U["n"].T + b["n"])
    return ((1 - z) * n + z * h,)


def peephole(x, U, b, s, w):
    h, c = s
    a = {k: x[k] + h @ U[k].T + b[k] for k in "ifgo"}
    i, f = σ(a["i"] + w["peephole_i"] * c), σ(a["f"] + w["peephole_f"] * c)
    c = f * c + i * np.tanh(a["g"])
    return σ(a["o"] + w["peephole_o"] * c) * np.tanh(c), c


def layernorm(x, U, b, s, w):
    h, c = s
    a = {k: normal(x[k] + h @ U[k].T + b[k], w[f"gain_{k}"], w[f"shift_{k}"]) for k in "ifgo"}
    c = σ(a["f"]) * c + σ(a["i"]) * np.tanh(a["g"])
    return σ(a["o"]) * np.tanh(normal(c, w["gain_c"], w["shift_c"])), c


def mingru(x, U, b, s, w):
    z = σ(x["z"])
    return ((1 - z) * s[0] + z * x["n"],)


def minlstm(x, U, b, s, w):
    f, i = σ(x["f"]), σ(x["i"])
    return (f / (f + i) * s[0] + i / (f + i) * x["n"],)


def coupled(x, U, b, s, w):
    h, c = s
    a = {k: x[k] + h @ U[k].T + b[k] for k in "fgo"}
    c = σ(a["f"]) * c + σ(-a["f"]) * np.tanh(a["g"])
    return σ(a["o"]) * np.tanh(c), c


def janet(x, U, b, s, w):
    a, n = (x[k] + s[0] @ U[k].T + b[k] for k in "fn")
    return (σ(a) * s[0] + σ(1 - a) * np.tanh(n),)


def mgu(x, U, b, s, w):
    (h,) = s
    f = σ(x["f"] + h @ U["f"].T + b["f"])
    return (h + f * (np.tanh(x["n"] + (f * h) @ U["n"].T + b["n"]) - h),)


def sru(x, U, b, s, w):
    f, r = (σ(x[k] + w[f"peephole_{k}"] * s[1]) for k in "fr")
    c = f * s[1] + (1 - f) * x["n"]
    return r * c + (1 - r) * x["k"], c


def slstm(x, U, b, s, w):
    """Without the stabiliser, but for the division by it that its states have."""
    h, c, n, m = s
    a = {k: x[k] + h @ U[k].T + b[k] for k in "ifzo"}
    largest = np.maximum(np.log(σ(a["f"])) + m, a["i"]) if n.any() else a["i"]
    c = σ(a["f"]) * c * np.exp(m) + np.exp(a["i"]) * np.tanh(a["z"])
    n = σ(a["f"]) * n * np.exp(m) + np.exp(a["i"])
    return σ(a["o"]) * c / n, c / np.exp(largest), n / np.exp(largest), largest


def rg_lru(x, U, b, s, w):
    a = σ(w["decay"]) ** (8 * σ(x["r"]))
    return (a * s[0] + np.sqrt(1 - a**2) * σ(x["i"]) * x["n"],)


def hgrn(x, U, b, s, w):
    low = σ(w["bound"])
    f = low + (1 - low) * σ(x["f"])
    c = f * s[1] + (1 - f) * x["n"] * σ(x["n"])
    return σ(x["o"]) * c, c


def lem(x, U, b, s, w):
    h, z = s
    k_a, k_b, n = (x[k] + h @ U[k].T + b[k] for k in "abn")
    z = z + σ(k_a) * (np.tanh(n) - z)
    return h + σ(k_b) * (np.tanh(x["m"] + z @ U["m"].T + b["m"]) - h), z


def cornn(x, U, b, s, w):
    h, z = s
    force = np.tanh(x["n"] + h @ U["n"].T + b["n"] + z @ U["m"].T + b["m"]) - 0.2 * h - 6.4 * z
    return h + 0.1 * (z + 0.1 * force), z + 0.1 * force


def cfc(x, U, b, s, w):
    a = {k: x[k] + s[0] @ U[k].T + b[k] for k in "fgab"}
    t = σ(a["a"] * w["dt"] + a["b"])
    return (np.tanh(a["f"]) + t * (np.tanh(a["g"]) - np.tanh(a["f"])),)


def gru_d(x, U, b, s, w):
    h = np.minimum(np.exp(-w["rate"] * w["dt"] - w["shift"]), 1) * s[0]
    r, z = (σ(x[k] + h @ U[k].T + b[k]) for k in "rz")
    return (h + z * (np.tanh(x["n"] + (r * h) @ U["n"].T + b["n"]) - h),)


FORMULAS = {
    "rnn": elman,
    "rnn-relu": lambda x, U, b, s, w: (np.maximum(x["n"] + s[0] @ U["n"].T + b["n"], 0),),
    "lstm": lstm,
    "gru": gru,
    "gru-original": gru_original,
    "peephole-lstm": peephole,
    "layernorm-lstm": layernorm,
    "mingru": mingru,
    "minlstm": minlstm,
    "coupled-lstm": coupled,
    "janet": janet,
    "mgu": mgu,
    "indrnn": lambda x, U, b, s, w: (np.maximum(x["n"] + w["u"] * s[0], 0),),
    "sru": sru,
    "slstm": slstm,
    "rg-lru": rg_lru,
    "hgrn": hgrn,
    "lem": lem,
    "cornn": cornn,
    "cfc": cfc,
    "gru-d": gru_d,
}


def test_every_cell_has_a_formula_here():
    assert set(FORMULAS) == set(cells.names())


WIDTHS = [(name, width) for name in FORMULAS for width in ((5, 1) if cells.get(name).call_names else (5,))]
"""Each cell, and how many numbers a row brings to a step: one for each unit, or a single one."""


@pytest.mark.parametrize(("name", "width"), WIDTHS)
def test_cell_is_its_formula(name, width):
    layer = randomise(Recurrent(name, 3, 5, dtype=torch.float64))
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    given = {word: torch.rand(6, 2, width, dtype=torch.float64) for word in layer.cell.call_names}
    known, states = cells.facts(layer.cell), len(layer.cell.state_names)
    weights = {k: v.detach().numpy() for k, v in layer.named_parameters()}

    def rows(weight, gates):
        return dict(zip(gates, np.split(weight, len(gates)), strict=True))

    W, b_x = (rows(weights[f"{part}_ih_l0"], known.x_gates) for part in ("weight", "bias"))
    U = rows(weights["weight_hh_l0"], known.h_gates) if layer.cell.recurrent else None
    b_h = rows(weights["bias_hh_l0"], known.h_gates) if layer.cell.recurrent else None
    w = {k: weights[f"{k}_l0"] for k in layer.cell.vectors}
    s, ys = tuple(np.zeros((2, 5)) for _ in range(states)), []
    for t, x_t in enumerate(x.numpy()):
        numbers = w | {word: value[t].numpy() for word, value in given.items()}
        s = FORMULAS[name]({k: x_t @ W[k].T + b_x[k] for k in W}, U, b_h, s, numbers)
        ys.append(s[0])
    y, state = layer(x, **{word: value[..., 0] if width == 1 else value for word, value in given.items()})
    assert_close(y, torch.tensor(np.stack(ys)), 1e-12)
    state = (state,) if states == 1 else state
    assert_close(list(state), [torch.tensor(part)[None] for part in s], 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", cells.names())
def test_first_and_second_derivatives(name):
    # relu has no derivative at 0; these weights keep its sums away from there.
    layer = randomise(Recurrent(name, 2, 2, dtype=torch.float64, backend="equations"))
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    given = [torch.rand(3, 2, 2, dtype=torch.float64, requires_grad=True) for _ in layer.cell.call_names]

    def function(x, *values):
        numbers, weights = values[: len(given)], values[len(given) :]
        call = dict(zip(layer.cell.call_names, numbers, strict=True))
        named = dict(zip(dict(layer.named_parameters()), weights, strict=True))
        y, state = torch.func.functional_call(layer, named, x, call)
        return y, *(state if isinstance(state, tuple) else (state,))

    weights = tuple(p.detach().clone().requires_grad_() for p in layer.parameters())
    assert torch.autograd.gradcheck(function, (x, *given, *weights))
    assert torch.autograd.gradgradcheck(function, (x, *given, *weights))


def cell(body, **names):
    """A cell class with this step."""
    return type("Mine", (Cell,), {"gates": "f n", "step": body, **names})


@pytest.mark.parametrize("backend", ["cpu", "equations"])
@pytest.mark.parametrize("cell", cells.names())
def test_large_inputs_saturate(cell, backend):
    """What a gate is pressed to far beyond its range is no NaN, forward or backward."""
    layer = Recurrent(cell, 3, 8, backend=backend)
    for size in (1e2, 1e4, 1e10):
        x = (size * torch.randn(5, 4, 3)).requires_grad_()
        given = {word: size * torch.rand(5, 4) for word in layer.cell.call_names}
        y, _ = layer(x, **given)
        found = [y, *torch.autograd.grad(y.sum(), [x, *layer.parameters()])]
        assert all(part.isfinite().all() for part in found), size


def test_closed_gates_of_a_minimal_lstm_share_as_open_ones():
    layer = Recurrent("minlstm", 1, 1)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor([[1.0], [1.0], [0.0]]))  # f, i, n
        layer.bias_ih_l0.copy_(torch.tensor([1.0, 0.0, 5.0]))
        y, _ = layer(torch.full((1, 1, 1), -300.0), torch.ones(1, 1, 1))
    assert y.item() == pytest.approx((np.e + 5) / (np.e + 1), rel=1e-5)


BROKEN = {
    "unknown gate": (cell(lambda self, x, h, s: s.next(h=x.q)), r"Mine\.step: `\.q` is not there; known here: f, n"),
    "unknown state": (cell(lambda self, x, h, s: s.next(h=s.c)), r"`\.c` is not there; known here: h"),
    "no next": (cell(lambda self, x, h, s: x.f), r"returned Tensor; expected s\.next\(h=\.\.\.\)"),
    "state left out": (cell(lambda self, x, h, s: s.next(f=x.f)), r"s\.next\(\.\.\.\) lacks h"),
    "unknown name": (cell(lambda self, x, h, s: s.next(h=x.f, k=x.f)), r"got k; it takes states \(h\) and gates"),
    "shape": (cell(lambda self, x, h, s: s.next(h=x.f.sum(-1))), r"`h` came out as \(2,\)"),
    "no matrix": (
        cell(lambda self, x, h, s: s.next(h=x.f + h.f), recurrent=False),
        r"`\.f` is not there; known here: nothing \(`recurrent = False`",
    ),
    "arguments": (cell(lambda self, x: x), r"expected step\(self, x, h, s\)"),
    "a width of its own": (
        cell(lambda self, x, h, s: s.next(h=x.f * torch.ones(7))),
        r"could not run for 2 rows and 3 units; it must for any number of both: test_cells\.py:\d+: `.*ones\(7\).*`: The size "
        r"of tensor .*\. Declare it in the cell's `vectors`, and take it from w",
    ),
    "a matrix of its own": (
        cell(lambda self, x, h, s: s.next(h=s.h @ torch.ones(8, 8))),
        r"`.*ones\(8, 8\).*`: mat1 .*\. W_x and W_h multiply before the step; h\.of\(v\) multiplies v by W_h",
    ),
    "outer product": (
        cell(lambda self, x, h, s: s.next(h=s.h + x.f[:, :, None] * x.n[:, None, :])),
        r"`.*None.*`: The size of tensor .*\. A step works on all hidden units alike; give each part a gate or",
    ),
    "a slip": (
        cell(lambda self, x, h, s: s.next(h={}["gone"])),
        r"could not run: test_cells\.py:\d+: `.*`: KeyError: 'gone'",
    ),
    "true or false": (
        cell(lambda self, x, h, s: s.next(h=(x.f + h.f) > 0)),
        r"`h` came out as true or false, .*write where\(condition, 1\.0, 0\.0\)",
    ),
    "a vector in a list": (
        cell(lambda self, x, h, s: 0, vectors=["p"]),
        r"vectors is \['p'\]; expected a name and the number",
    ),
    "a word as a start": (
        cell(lambda self, x, h, s: 0, vectors={"p": "x"}),
        r"vectors has 'p': 'x'; expected a name and the nu",
    ),
    "a tensor as a start": (cell(lambda self, x, h, s: 0, vectors={"p": torch.ones(3)}), r"vectors has 'p': tensor"),
    "gates that are no names": (cell(lambda self, x, h, s: 0, gates=3), r"gates is 3; expected names in one text"),
    "the states themselves": (cell(lambda self, x, h, s: s), r"returned State; expected s\.next\(h=\.\.\.\)"),
    "writing": (
        cell(lambda self, x, h, s: s.next(h=s.h.mul_(x.f))),
        r"step writes into `s\.h`; make a new value of it",
    ),
    "no step": (type("Bare", (Cell,), {"gates": "f"}), r"Bare has no `step`"),
    "no gates": (cell(lambda self, x, h, s: 0, gates=""), r"gates is empty"),
    "twice": (cell(lambda self, x, h, s: 0, gates="h n"), r"'h' is named twice"),
    "a weight's name": (
        cell(lambda self, x, h, s, w: s.next(h=x.f), vectors={"bias_hh": 1.0}),
        r"the vector 'bias_hh' would take the name of a layer's own weight",
    ),
    "a start's name": (
        cell(lambda self, x, h, s, w: s.next(h=x.f), vectors={"initial_h": 1.0}),
        r"neither weight_ih, .* nor one that starts with `initial_`",
    ),
    "a letter that Python changes": (
        cell(lambda self, x, h, s: 0, gates=property(lambda self: "µ")),
        r"'µ' is read as 'μ' by Python; write that",
    ),
    "reserved": (cell(lambda self, x, h, s: 0, gates="next"), r"'next' cannot be a name"),
    "forget": (cell(lambda self, x, h, s: 0, forget="q"), r"forget is 'q'; expected a gate"),
    "keeps": (cell(lambda self, x, h, s: 0, keeps={"q": 1}), r"keeps has 'q': 1; expected gates of the cell"),
    "keeps twice": (cell(lambda self, x, h, s: 0, keeps={"f": 2}), r"keeps has 'f': 2; .* each with 1 or -1"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_cells_say_what_is_wrong(case):
    broken, words = BROKEN[case]
    with pytest.raises(CellError, match=words):
        Recurrent(broken, 2, 3)
    with torch.inference_mode(), torch.device("meta"), pytest.raises(CellError, match=words):
        Recurrent(broken, 2, 3)


def test_get_takes_names_classes_and_cells():
    assert cells.get("lstm") == cells.get(cells.LSTM) == cells.get(cells.LSTM()) == cells.LSTM()
    assert cells.Elman("relu") != cells.Elman("tanh")
    with pytest.raises(CellError, match="no cell is called 'ltsm'; did you mean `lstm`"):
        cells.get("ltsm")
    with pytest.raises(CellError, match="expected a name"):
        cells.get(3)


class Leaky(Cell):
    """A user's cell, as in the guide."""

    gates = "f n"

    def step(self, x, h, s):
        f = sigmoid(x.f + h.f)
        return s.next(h=f * s.h + (1 - f) * tanh(x.n + h.n), f=f)


@pytest.fixture
def own_names():
    with cells.registered():
        yield


class Fading(Cell):
    """The state fades with the time since the step before."""

    gates = "n"
    given = "dt"

    def step(self, x, h, s, given):
        return s.next(h=s.h * exp(-given.dt) + tanh(x.n + h.n))


def test_cells_that_are_given_numbers_are_left_out_for_models(own_names):
    cells.register("fading", Fading)
    cells.register("leaky", Leaky)
    assert set(cells.names()) - set(cells.names(given=False)) == {"cfc", "gru-d", "fading"}
    assert set(cells.built_in()) - set(cells.built_in(given=False)) == {"cfc", "gru-d"}
    for name in ("lstm", "leaky", "of-someone-else"):
        cells.require_inputs_alone(name)
    with pytest.raises(
        CellError, match=r"`cell` is 'fading', which reads dt at each step; .*Recurrent\('fading', .*dt=dt\)"
    ):
        cells.require_inputs_alone("fading")


def test_names_are_registered_for_a_while():
    assert set(cells.built_in()) <= set(cells.names())
    with cells.registered({"leaky": Leaky}):
        assert cells.get("leaky") == Leaky()
        cells.register("another", Leaky)
    assert not {"leaky", "another"} & {*cells.names(), *cells.built_in()}
    with pytest.raises(ZeroDivisionError), cells.registered({"leaky": Leaky}):
        raise ZeroDivisionError
    assert "leaky" not in cells.names()


def test_a_cell_without_a_name_gets_that_of_its_class(own_names):
    assert cells.name_of(cells.LSTM) == cells.name_of(cells.LSTM()) == "lstm"
    assert cells.name_of(cells.Elman("relu")) == "rnn-relu"
    assert cells.name_of(Leaky) == cells.name_of(Leaky()) == "Leaky"
    assert cells.get("Leaky") == Leaky()
    cells.register("another", type("Another", (Leaky,), {}))
    assert cells.name_of(cells.get("another")) == "another"
    assert (cells.name_of(3), cells.name_of("lstm")) == (3, "lstm")
    with pytest.raises(CellError, match=r"'leaky'; .*recurra --cell-file FILE"):
        cells.get("leaky")


def test_what_holds_for_one_class_alone_is_not_inherited():
    class Swapped(cells.LSTM):
        gates = "f i g o"

    assert (cells.LSTM().pytorch, Swapped().pytorch, Swapped().lesson) == ("lstm", "", None)
    assert Swapped().keeps == cells.LSTM().keeps


@pytest.mark.parametrize("name", cells.built_in())
def test_every_cell_has_a_lesson_with_all_its_gates(name):
    lesson = cells.get(name).lesson
    assert tuple(lesson.gates) == cells.get(name).gate_names
    assert lesson.summary.endswith(".")
    assert lesson.pick.endswith(".")


@pytest.mark.parametrize("name", [name for name, cell in cells.built_in().items() if cell.pytorch])
def test_pytorchs_kernel_is_the_same_cell(name):
    layer = randomise(Recurrent(name, 3, 5, dtype=torch.float64, backend="torch"))
    equations = Recurrent(name, 3, 5, dtype=torch.float64, backend="equations")
    equations.load_state_dict(layer.state_dict())
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    assert_close(layer(x)[0], equations(x)[0], 1e-12)


def test_register_gives_a_name(own_names):
    cells.register("leaky", Leaky)
    cells.register("leaky", type("Leaky", (Leaky,), {}))  # the last one counts: a notebook's cell may be run again
    assert cells.get("leaky") != Leaky()
    cells.register("leaky", Leaky)
    assert cells.get("leaky") == Leaky()
    y, state = Recurrent("leaky", 2, 3)(torch.randn(4, 1, 2))
    assert y.shape == (4, 1, 3)
    assert state.shape == (1, 1, 3)
    with pytest.raises(CellError, match="the name 'lstm' is taken by LSTM"):
        cells.register("lstm", Leaky)


def test_activation_by_name_and_function():
    x = torch.randn(3, 1, 2)
    torch.manual_seed(1)
    named = Recurrent(cells.Elman("sigmoid"), 2, 3)
    torch.manual_seed(1)
    given = Recurrent(cells.Elman(torch.sigmoid), 2, 3)
    assert torch.equal(named(x)[0], given(x)[0])
    with pytest.raises(CellError, match="activation is 'tahn'; did you mean `tanh`"):
        cells.Elman("tahn")


def test_gates_in_a_list_and_letters_that_python_changes():
    class Listed(Cell):
        gates = ["f", "µ"]  # MICRO SIGN: Python reads x.µ as x.μ, the Greek letter
        states = ("ϕ", "self")
        vectors = {"ϵ": 0.5}

        def step(self, x, h, s, w):
            return s.next(ϕ=tanh(x.f + h.f) + w.ϵ, self=x.µ + h.µ + s.ϕ)

    assert (Listed.gates, Listed.states, [*Listed.vectors]) == ("f μ", "φ self", ["ε"])
    y, _ = Recurrent(Listed, 2, 3)(torch.randn(4, 1, 2))
    assert y.shape == (4, 1, 3)


def test_a_class_that_needs_arguments():
    class Scaled(Cell):
        gates = "n"

        def __init__(self, scale):
            self.scale = scale

        def step(self, x, h, s):
            return s.next(h=self.scale * tanh(x.n + h.n))

    with pytest.raises(
        CellError, match=r"Scaled could not be made without arguments: .*'scale'\. Give a cell in place of"
    ):
        Recurrent(Scaled, 2, 3)
    assert repr(Scaled(0.5)) == "Scaled(scale=0.5)"


def test_a_dataclass_is_a_cell():
    @dataclass
    class Sharp(Cell):
        slope: float = 2.0
        gates = "n"

        def step(self, x, h, s):
            return s.next(h=tanh(self.slope * (x.n + h.n)))

    layer, x = Recurrent(Sharp(3.0), 2, 3), torch.randn(4, 1, 2)
    compiled = layer(x)[0]
    assert str(layer.explain(x)) == "cpu"
    layer.backend = "equations"
    assert_close(compiled, layer(x)[0], 1e-5)
