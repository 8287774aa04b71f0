"""Recurrent, for every cell: lengths, resets, states, gates, depth, dropout, starts, and that it learns."""

import pytest
import torch
from helpers import cells_by_blocks
from helpers.soak import count
from helpers.support import assert_close, random_state, randomise, run
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch._subclasses import FakeTensorMode

import recurra
from recurra import cells
from recurra.cells import Cell
from recurra.errors import ConfigError
from recurra.nn import GRU, LSTM, Recurrent, select_state

CELLS = cells.names()


BACKENDS = ["cpu", "equations"]


def make(cell, *sizes, **options):
    sizes = sizes or (3, 4)
    return randomise(Recurrent(cell, *sizes, dtype=torch.float64, **options))


def parts(state):
    return list(state) if isinstance(state, tuple) else [state]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", CELLS)
def test_two_halves_are_one_run(cell, backend):
    layer = make(cell, 3, 4, 2, backend=backend)
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    y, state = layer(x)
    first, middle = layer(x[:4])
    second, last = layer(x[4:], middle)
    assert_close([torch.cat([first, second]), parts(last)], [y, parts(state)], 1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_step_by_step_is_the_sequence(cell):
    layer = make(cell, 3, 4, 2)
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    y, state = layer(x)
    step, ys = None, []
    for t in range(7):
        y_t, step = layer(x[t : t + 1], step)
        ys.append(y_t)
    assert_close([torch.cat(ys), parts(step)], [y, parts(state)], 1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_lengths_are_each_row_alone(cell, bidirectional, backend):
    layer = make(cell, 3, 4, 2, bidirectional=bidirectional, backend=backend)
    lengths = [3, 0, 6, 1]
    x = torch.randn(6, 4, 3, dtype=torch.float64)
    state = random_state(layer, 4)
    y, ended = layer(x, state, lengths=lengths)
    for row, length in enumerate(lengths):
        one = select_state(state, torch.tensor([row]))
        if length:
            want, want_ended = layer(x[:length, row : row + 1], one)
            assert_close(y[:length, row : row + 1], want, 1e-12)
        else:
            want_ended = one
        assert not y[length:, row].any(), "past a row's end the output is zero"
        assert_close(parts(select_state(ended, torch.tensor([row]))), parts(want_ended), 1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", CELLS)
def test_padding_does_not_matter_not_even_nan(cell, backend):
    layer = make(cell, 3, 4, backend=backend, bidirectional=True)
    x = torch.randn(6, 3, 3, dtype=torch.float64)
    lengths = torch.tensor([3, 0, 6])
    dirty = x.clone()
    dirty[3:, 0], dirty[:, 1] = float("nan"), float("inf")
    clean, got = run(layer, x, lengths=lengths), run(layer, dirty, lengths=lengths)
    assert_close(got, clean, 1e-12)
    assert not got["gradient"]["x"][3:, 0].any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_resets_start_a_new_sequence(cell, bidirectional, backend):
    layer = make(cell, 3, 4, bidirectional=bidirectional, backend=backend, learn_initial=True)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    resets = torch.zeros(6, 2, dtype=torch.bool)
    resets[2, 0] = resets[4, 0] = resets[0, 1] = True
    state = random_state(layer, 2)
    y, _ = layer(x, state, resets=resets)
    # Row 0 is three documents. Forward, the first continues the state given; backward, the last does.
    pieces = [layer(x[a:b, :1]) for a, b in ((0, 2), (2, 4), (4, 6))]
    given = [layer(x[a:b, :1], select_state(state, torch.tensor([0]))) for a, b in ((0, 2), (4, 6))]
    forward = torch.cat([given[0][0], pieces[1][0], pieces[2][0]])[..., :4]
    assert_close(y[:, :1, :4], forward, 1e-12)
    if bidirectional:
        backward = torch.cat([pieces[0][0], pieces[1][0], given[1][0]])[..., 4:]
        assert_close(y[:, :1, 4:], backward, 1e-12)
    # Row 1 is one document: its reset at the first step drops the state given.
    assert_close(y[:, 1:, :4], layer(x[:, 1:])[0][..., :4], 1e-12)


@settings(max_examples=count(40, 800), deadline=None)
@given(
    st.sampled_from(["rnn", "gru", "lstm"]),
    st.integers(1, 9),
    st.lists(st.integers(0, 9), min_size=1, max_size=5),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_kernels_equal_equations_for_any_lengths_and_resets(cell, time, lengths, bidirectional, seed):
    torch.manual_seed(seed)
    layer = make(cell, 3, 4, bidirectional=bidirectional, learn_initial=True)
    lengths = [min(length, time) for length in lengths]
    x = torch.randn(time, len(lengths), 3, dtype=torch.float64)
    resets = torch.rand(time, len(lengths)) < 0.3
    state = random_state(layer, len(lengths))
    layer.backend = "torch"
    got = run(layer, x, state, lengths=lengths, resets=resets)
    layer.backend = "equations"
    assert_close(got, run(layer, x, state, lengths=lengths, resets=resets), 1e-10)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_every_state_at_every_step(cell, batch_first):
    layer = make(cell, 3, 4, 2, bidirectional=True, batch_first=batch_first)
    x = torch.randn(2, 5, 3, dtype=torch.float64) if batch_first else torch.randn(5, 2, 3, dtype=torch.float64)
    y, state, trace = layer(x, return_states=True)
    assert trace.gates == {}
    assert list(trace.states) == list(layer.cell.state_names)
    for kept, last in zip(trace.states.values(), parts(state), strict=True):
        assert kept.shape == ((4, 2, 5, 4) if batch_first else (4, 5, 2, 4))
        kept = kept.transpose(1, 2) if batch_first else kept
        for place in range(4):  # forward directions end at the last step, backward ones at the first
            assert_close(kept[place, -1 if place % 2 == 0 else 0], last[place], 1e-12)
    h = trace.states["h"]
    assert_close(torch.cat([h[2], h[3]], -1), y, 1e-12)


@pytest.mark.parametrize("cell", [name for name in CELLS if cells.facts(cells.get(name)).shown])
def test_every_gate_at_every_step(cell):
    layer = make(cell, 3, 4, 2)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    y, state, trace = layer(x, return_gates=True, return_states=True)
    assert_close([y, parts(state)], [layer(x)[0], parts(layer(x)[1])], 1e-12)
    assert list(trace.gates) == list(layer.cell.gate_names)
    assert all(gate.shape == (2, 5, 2, 4) for gate in trace.gates.values())


def test_gates_of_an_lstm_make_its_states():
    layer = make("lstm")
    _, _, trace = layer(torch.randn(5, 2, 3, dtype=torch.float64), return_gates=True, return_states=True)
    i, f, g, o = (trace.gates[k] for k in "ifgo")
    c, h = trace.states["c"], trace.states["h"]
    assert_close(c[:, 1:], f[:, 1:] * c[:, :-1] + i[:, 1:] * g[:, 1:], 1e-12)
    assert_close(h, o * c.tanh(), 1e-12)


def test_gates_of_a_cell_that_names_none():
    with pytest.raises(ConfigError, match=r"return_gates has no effect: Elman\('tanh'\) names no gate in s.next"):
        make("rnn")(torch.randn(5, 2, 3, dtype=torch.float64), return_gates=True)


def test_trace_of_one_sequence():
    layer = make("gru", 3, 4, 2)
    _, _, trace = layer(torch.randn(5, 3, dtype=torch.float64), return_states=True, return_gates=True)
    assert trace.states["h"].shape == trace.gates["z"].shape == (2, 5, 4)


def test_a_list_of_widths():
    layer = make("lstm", 3, [5, 4, 2], bidirectional=True)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    y, (h, c) = layer(x)
    assert y.shape == (6, 2, 4)
    assert [t.shape for t in h] == [t.shape for t in c] == [(2, 2, 5), (2, 2, 4), (2, 2, 2)]
    forward = make("lstm", 3, [5, 4])
    first, middle = forward(x[:2])
    assert_close(torch.cat([first, forward(x[2:], middle)[0]]), forward(x)[0], 1e-12)
    _, _, trace = layer(x, return_states=True, return_gates=True)
    assert [t.shape for t in trace.gates["f"]] == [(2, 6, 2, 5), (2, 6, 2, 4), (2, 6, 2, 2)]


def test_residuals_add_each_layers_input():
    plain, residual = make("gru", 4, 4, 2), make("gru", 4, 4, 2, residual=True)
    residual.load_state_dict(plain.state_dict())
    x = torch.randn(6, 2, 4, dtype=torch.float64)
    below = make("gru", 4, 4)
    below.load_state_dict({k: v for k, v in plain.state_dict().items() if k.endswith("l0")})
    assert_close(residual(x)[0], plain(x)[0] + below(x)[0], 1e-12)


@pytest.mark.parametrize("cell", [name for name in CELLS if cells.facts(cells.get(name)).projects])
def test_projection_is_a_matrix_behind_the_output(cell):
    layer = make(cell, 3, 5, proj_size=2)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    y, state = layer(x)
    assert y.shape == (6, 2, 2)
    assert parts(state)[0].shape == (1, 2, 2)
    first, middle = layer(x[:1])
    wide = Recurrent(cell, 3, 5, dtype=torch.float64)
    weights = {k: v for k, v in layer.state_dict().items() if "hr" not in k}
    weights |= {"weight_hh_l0": torch.zeros_like(wide.weight_hh_l0)} if layer.cell.recurrent else {}
    wide.load_state_dict(weights)
    # From a zero state the first step sees no W_h, so there the wide layer's output times W_hr must come out.
    assert_close(first, wide(x[:1])[0] @ layer.weight_hr_l0.T, 1e-12)
    assert_close(y[1:], layer(x[1:], middle)[0], 1e-12)


def test_learned_initial_states_are_where_it_starts_and_are_learned():
    layer = make("lstm", 3, 4, 2, bidirectional=True, learn_initial=True)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    given = tuple(
        torch.stack(
            [getattr(layer, f"initial_{s}_{k}").expand(2, -1) for k in ("l0", "l0_reverse", "l1", "l1_reverse")]
        )
        for s in "hc"
    )
    assert_close(layer(x)[0], layer(x, given)[0], 1e-12)
    layer(x)[0].sum().backward()
    assert all(p.grad.any() for p in layer.parameters())


class TestDropout:
    """Each kind in training has the right mean and is one mask where it must be; in evaluation it is gone."""

    x = torch.randn(6, 50, 8, dtype=torch.float64)

    @pytest.mark.parametrize("where", ["input_dropout", "output_dropout", "recurrent_dropout", "weight_dropout"])
    @pytest.mark.parametrize("cell", ["lstm", "gru-original"])
    def test_only_in_training(self, cell, where):
        layer = make(cell, 8, 8, **{where: 0.5})
        first, second = layer(self.x)[0], layer(self.x)[0]
        assert not torch.allclose(first, second)
        layer.eval()
        plain = make(cell, 8, 8)
        plain.load_state_dict(layer.state_dict())
        assert_close(layer(self.x)[0], plain(self.x)[0], 1e-12)

    def test_output_dropout_drops_and_scales(self):
        layer = make("gru", 8, 8, output_dropout=0.25)
        y = layer(self.x)[0]
        plain = layer.eval()(self.x)[0]
        dropped = y == 0
        assert 0.2 < dropped.double().mean() < 0.3
        assert_close(y[~dropped], (plain / 0.75)[~dropped], 1e-12)

    @pytest.mark.parametrize("variational", [False, True])
    def test_variational_is_one_mask_for_all_steps(self, variational):
        layer = make("gru", 8, 8, output_dropout=0.5, variational=variational)
        dropped = layer(self.x)[0] == 0
        same = (dropped == dropped[:1]).all()
        assert bool(same) == variational

    def test_recurrent_dropout_is_one_mask_per_sequence(self):
        # With W_x = 0 and W_h = 1, h of the plain cell with φ = identity is kept, or dropped for ever.
        layer = Recurrent(cells.Elman(lambda v: v), 8, 8, recurrent_dropout=0.5, bias=False, dtype=torch.float64)
        with torch.no_grad():
            layer.weight_ih_l0.zero_()
            layer.weight_hh_l0.copy_(torch.eye(8))
        y, _ = layer(self.x, torch.ones(1, 50, 8, dtype=torch.float64))
        kept = y[0] != 0
        assert 0.4 < kept.double().mean() < 0.6
        powers = 2.0 ** torch.arange(1, 7, dtype=torch.float64)[:, None, None]
        assert_close(y, powers * kept, 1e-12)

    @pytest.mark.parametrize("rates", [0.3, (0.3, 0.0), (0.0, 0.3)])
    def test_zoneout_keeps_old_values(self, rates):
        layer = make("lstm", 8, 8, zoneout=rates)
        _, _, trace = layer(self.x, return_states=True)
        wanted = dict(zip("hc", (0.3, 0.3) if rates == 0.3 else rates, strict=True))
        for name, rate in wanted.items():
            kept = trace.states[name][0]
            share = (kept[1:] == kept[:-1]).double().mean()
            assert abs(share - rate) < 0.06, name

    def test_zoneout_in_evaluation_is_the_expectation(self):
        layer = make("gru", 8, 8, zoneout=0.25).eval()
        plain = make("gru", 8, 8)
        plain.load_state_dict(layer.state_dict())
        y, _ = layer(self.x)
        h = torch.zeros(1, 50, 8, dtype=torch.float64)
        for t in range(6):
            h = 0.25 * h + 0.75 * plain(self.x[t : t + 1], h)[1]
            assert_close(y[t], h[0], 1e-12)

    def test_weight_dropout_drops_single_recurrent_weights(self, monkeypatch):
        layer = make("lstm", 8, 8, weight_dropout=0.5)
        seen = []
        run_ = Recurrent._call
        monkeypatch.setattr(Recurrent, "_call", lambda *a, **k: seen.append(run_(*a, **k)) or seen[-1])
        layer(self.x)
        dropped = seen[0].weights[0].w_h == 0
        assert 0.35 < dropped.double().mean() < 0.65
        assert_close(seen[0].weights[0].w_h[~dropped], 2 * layer.weight_hh_l0[~dropped], 1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("cell", cells_by_blocks.CELLS)
def test_only_the_blocks_that_are_read_are_held(cell, bias):
    of_x, of_h = cells_by_blocks.CELLS[cell]
    facts = cells.facts(cell())
    assert (facts.x_gates, facts.h_gates) == (of_x, of_h)
    layer = Recurrent(cell, 3, 5, bias=bias)
    shapes = {name: tuple(weight.shape) for name, weight in layer.named_parameters()}
    want = {"weight_ih_l0": (5 * len(of_x), 3), "weight_hh_l0": (5 * len(of_h), 5)}
    want |= {"bias_ih_l0": (5 * len(of_x),), "bias_hh_l0": (5 * len(of_h),)} if bias else {}
    assert shapes == {name: shape for name, shape in want.items() if shape[0]}
    card = recurra.card(layer)
    assert card.parameters == sum(weight.numel() for weight in layer.parameters())
    assert card.gates == {
        gate: (gate in of_x) * (15 + 5 * bias) + (gate in of_h) * (25 + 5 * bias) for gate in cell().gate_names
    }
    wide = recurra.card(Recurrent(cell, 4, 5, bias=bias))
    assert wide.operations - card.operations == 2 * 5 * len(of_x)  # one more input


def test_rows_are_those_of_the_gates_that_are_read_in_the_cells_order():
    """By hand: one unit, so that each row is a gate's."""
    layer = Recurrent(cells_by_blocks.Apart, 1, 1, dtype=torch.float64)
    with torch.no_grad():
        for name, (first, second) in {"weight_ih": (0.3, 0.5), "bias_ih": (0.1, 0.2), "bias_hh": (-0.4, 0.6)}.items():
            weight = getattr(layer, f"{name}_l0")
            weight.copy_(torch.tensor([first, second], dtype=torch.float64).view_as(weight))
        layer.weight_hh_l0.copy_(torch.tensor([[0.7], [-0.9]], dtype=torch.float64))
        h, c, x = 0.25, -0.5, 2.0
        p, n = 0.3 * x + 0.1, 0.5 * x + 0.2
        q, n_h = torch.sigmoid(torch.tensor(0.7 * h - 0.4, dtype=torch.float64)), -0.9 * h + 0.6
        new = q * c + (1 - q) * torch.tanh(torch.tensor(n * n_h + p, dtype=torch.float64))
        state = tuple(torch.full((1, 1, 1), value, dtype=torch.float64) for value in (h, c))
        for backend in ("cpu", "equations"):
            layer.backend = backend
            y, (_, ended) = layer(torch.full((1, 1, 1), x, dtype=torch.float64), state)
            assert_close([y.flatten(), ended.flatten()], [(torch.tanh(new) * p)[None], new[None]], 1e-12)


def test_initialisers_start_each_block_on_its_own():
    layer = Recurrent(cells_by_blocks.Apart, 6, 6, init="orthogonal", forget_bias=2.0)
    for block in (*layer.weight_ih_l0.chunk(2), *layer.weight_hh_l0.chunk(2)):
        assert torch.allclose(block @ block.T, torch.eye(6), atol=1e-5)
    assert torch.equal(layer.bias_hh_l0.detach(), torch.tensor([2.0] * 6 + [0.0] * 6))  # q has no bias of x
    full = Recurrent(cells_by_blocks.OneFull, 2, 2, forget_bias=3.0)
    assert torch.equal(full.bias_ih_l0[2:4].detach(), torch.full((2,), 3.0))
    assert not full.bias_hh_l0.any()


class Cycled(Cell):
    """Multiplies a state other than its output by W_h."""

    gates = "n"
    states = "y h"

    def step(self, x, h, s):
        n = torch.tanh(x.n + h.of(s.h).n)
        return s.next(y=2 * n, h=n)


NO_EFFECT = {
    "dropout": ({"dropout": 0.5}, "dropout=0.5 has no effect with one layer"),
    "residual": ({"residual": True}, "residual=True has no effect with one layer"),
    "variational": ({"variational": True}, "variational=True has no effect"),
    "forget": ({"cell": "gru", "forget_bias": 1.0}, r"forget_bias=1.0 has no effect: GRU\(\) has no forget gate"),
    "forget without bias": ({"forget_bias": 1.0, "bias": False}, "no effect with bias=False"),
    "recurrent": ({"cell": "mingru", "recurrent_dropout": 0.5}, r"MinGRU\(\) has no recurrent matrix"),
    "weight": ({"cell": "mingru", "weight_dropout": 0.5}, "no recurrent matrix"),
    "rate": ({"zoneout": 1.0}, "zoneout is 1.0; expected a fraction from 0 to below 1"),
    "rates": ({"zoneout": (0.1, 0.1, 0.1)}, r"zoneout has 3 rates; LSTM\(\) has 2 states \(h, c\)"),
    "widths": ({"hidden_size": [3, 4], "num_layers": 3}, "num_layers=3 but hidden_size lists 2 widths"),
    "residual widths": ({"hidden_size": [3, 4], "residual": True}, "needs layers of equal width"),
    "sizes of states": (
        {"cell": "lstm", "state_clip": [1.0]},
        r"state_clip has 1 sizes; LSTM\(\) has 2 states \(h, c\)",
    ),
    "a size below 0": (
        {"cell": "gru", "state_clip": -1.0},
        "state_clip is -1.0; expected the largest size of a state's",
    ),
    "projection": ({"cell": "gru", "proj_size": 2}, "reads its output unit by unit, so its output cannot be projected"),
    "projection of other vectors": (
        {"cell": Cycled, "proj_size": 2},
        r"multiplies other vectors by W_h \(h.of\), so its output cannot be projected",
    ),
    "wide projection": ({"proj_size": 4}, "proj_size=4 must be smaller than hidden_size=4"),
    "init": ({"init": "ortogonal"}, "init is 'ortogonal'; did you mean `orthogonal`"),
    "size": ({"hidden_size": 0}, "`hidden_size` is 0; expected a whole number, 1 to 134,217,728"),
    "type": ({"hidden_size": 2.5}, "`hidden_size` is 2.5; expected a whole number"),
}


@pytest.mark.parametrize("case", NO_EFFECT)
def test_options_that_cannot_be_or_do_nothing_are_errors(case):
    options, words = NO_EFFECT[case]
    options = {"cell": "lstm", "input_size": 3, "hidden_size": 4, **options}
    with pytest.raises(ConfigError, match=words):
        Recurrent(**options)


def test_an_empty_sequence_and_an_empty_batch():
    layer = make("lstm", 3, 4, 2)
    y, (h, c) = layer(torch.zeros(0, 2, 3, dtype=torch.float64))
    assert y.shape == (0, 2, 4)
    assert not h.any()
    y, (h, c) = layer(torch.zeros(5, 0, 3, dtype=torch.float64))
    assert y.shape == (5, 0, 4)
    assert c.shape == (2, 0, 4)


@pytest.mark.parametrize("cell", CELLS)
def test_vmap_and_per_row_gradients(cell):
    layer = make(cell)
    x = torch.randn(4, 5, 3, dtype=torch.float64)  # four single sequences
    weights = {k: v.detach() for k, v in layer.named_parameters()}

    def loss(weights, x):
        return torch.func.functional_call(layer, weights, x)[0].pow(2).sum()

    got = torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, x)
    for row in range(4):
        layer.zero_grad()
        layer(x[row])[0].pow(2).sum().backward()
        assert_close({k: v[row] for k, v in got.items()}, {k: v.grad for k, v in layer.named_parameters()}, 1e-10)


def test_vmap_over_lengths_and_random_masks():
    layer, x = make("lstm", recurrent_dropout=0.2, zoneout=0.5, output_dropout=0.2), torch.randn(3, 7, 2, 3).double()
    one = x[:1].expand(3, -1, -1, -1)
    drawn = torch.func.vmap(lambda x: layer(x)[0], randomness="different")(one)
    assert not torch.equal(drawn[0], drawn[1])
    layer.eval()
    lengths = torch.tensor([[7, 3], [1, 2], [0, 7]])
    got = torch.func.vmap(lambda x, lengths: layer(x, lengths=lengths)[0])(x, lengths)
    for row in range(3):
        assert_close(got[row], layer(x[row], lengths=lengths[row])[0], 1e-12)
    table, ids = torch.randn(9, 3, dtype=torch.float64), torch.randint(9, (3, 7, 2))
    got = torch.func.vmap(lambda ids: layer(ids, embedding=table)[0])(ids)
    assert_close(got[1], layer(ids[1], embedding=table)[0], 1e-12)


def test_tensors_without_numbers():
    with FakeTensorMode():
        y, (h, c) = LSTM(3, 4, 2)(torch.zeros(5, 2, 3))
        y.sum().backward()
    assert (y.shape, h.shape) == ((5, 2, 4), (2, 2, 4))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_on_the_cpu(dtype):
    x = torch.randn(5, 2, 8)
    for layer in (LSTM(8, 8), GRU(8, 8), Recurrent("layernorm-lstm", 8, 8)):
        want = layer(x)[0]
        with torch.autocast("cpu", dtype):
            y, state = layer(x)
        assert_close(y.float(), want, 0.05)
        y.float().sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in layer.parameters())


def test_a_long_sequence_backward():
    layer = GRU(2, 3)
    x = torch.randn(5000, 1, 2, requires_grad=True)
    layer(x)[0][-1].sum().backward()
    assert torch.isfinite(x.grad).all()


class Decay(Cell):
    gates = "n"
    vectors = {"rate": 0.5}

    def step(self, x, h, s, w):
        return s.next(h=w.rate * s.h + torch.tanh(x.n + h.n))


def test_a_users_cell_with_a_learned_vector():
    layer = Recurrent(Decay, 3, 4, 2, bidirectional=True)
    assert torch.equal(layer.rate_l1_reverse.detach(), torch.full((4,), 0.5))
    layer(torch.randn(5, 2, 3))[0].sum().backward()
    assert layer.rate_l0.grad.any()


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns_to_add(cell):
    """The adding problem (Hochreiter & Schmidhuber 1997), short: sum the two marked numbers of ten. Guessing 1: 0.167."""
    torch.manual_seed(0)
    if cell == "cornn":  # ten steps take longer ones than its sensors' hundred, see below
        cell = cells.CoRNN(0.6, 1.5, 1.5)
    layer = Recurrent(cell, 2, 24, 2, init="recommended")
    read = nn.Linear(24, 1)
    optimiser = torch.optim.Adam([*layer.parameters(), *read.parameters()], lr=0.01)
    steps, batch = 10, 64
    for _ in range(250):
        values = torch.rand(steps, batch)
        marks = torch.zeros(steps, batch)
        for half in (0, 5):
            marks.scatter_(0, torch.randint(half, half + 5, (1, batch)), 1)
        y, _ = layer(torch.stack([values, marks], -1))
        loss = (read(y[-1])[:, 0] - (values * marks).sum(0)).pow(2).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        optimiser.step()
    assert loss.item() < 0.05


@pytest.mark.slow
def test_cornn_learns_from_a_signal_of_its_default_time():
    """Its numbers are those of a task of some hundred steps: tell waves of 5 periods from those of 8 in noise."""
    torch.manual_seed(0)
    layer, read = Recurrent("cornn", 1, 24), nn.Linear(24, 1)
    optimiser = torch.optim.Adam([*layer.parameters(), *read.parameters()], lr=0.02)
    time, right = torch.linspace(0, 2 * torch.pi, 128)[:, None], []
    for _ in range(300):
        fast = torch.rand(32) < 0.5
        x = torch.sin(torch.where(fast, 8.0, 5.0) * time + 6 * torch.rand(32)) + 0.3 * torch.randn(128, 32)
        logits = read(layer(x[..., None])[0][-1])[:, 0]
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(logits, fast.float()).backward()
        optimiser.step()
        right.append(((logits > 0) == fast).float().mean())
    assert torch.stack(right[-20:]).mean() > 0.95


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_torch_compile_sees_one_graph(cell):
    layer = Recurrent(cell, 3, 4, 2)
    x = torch.randn(5, 2, 3)
    y, state = torch.compile(layer, fullgraph=True, backend="eager")(x)
    assert_close([y, parts(state)], [layer(x)[0], parts(layer(x)[1])], 1e-5)
    y.sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


@pytest.mark.parametrize("backend", ["cpu", "equations"])
def test_states_are_cut(backend):
    layer = Recurrent("lstm", 4, 6, state_clip=(0.0, 0.3), backend=backend)
    x = 3 * torch.randn(20, 2, 4)
    _, (h, c), trace = layer(x, return_states=True)
    wide = Recurrent("lstm", 4, 6, backend=backend)
    wide.load_state_dict(layer.state_dict())
    assert wide(x, return_states=True)[2].states["c"].abs().max() > 0.5
    assert trace.states["c"].abs().max() == c.new_tensor(0.3)
    assert "state_clip=(0.0, 0.3)" in repr(layer)
