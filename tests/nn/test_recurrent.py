"""Recurrent, for every cell: lengths, resets, states and gates at every step."""

import pytest
import torch
from helpers.layers import call, make, parts
from helpers.soak import count
from helpers.support import assert_close, numbers_of, random_state, run
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import cells
from recurra.cells import Cell
from recurra.errors import ConfigError
from recurra.nn import GRU, Recurrent, select_state

CELLS = cells.names()

BACKENDS = ["cpu", "equations"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", CELLS)
def test_two_halves_are_one_run(cell, backend):
    layer = make(cell, 3, 4, 2, backend=backend)
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    y, state = call(layer, x)
    first, middle = call(layer, x[:4])
    second, last = call(layer, x[4:], middle)
    assert_close([torch.cat([first, second]), parts(last)], [y, parts(state)], 1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_step_by_step_is_the_sequence(cell):
    layer = make(cell, 3, 4, 2)
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    y, state = call(layer, x)
    step, ys = None, []
    for t in range(7):
        y_t, step = call(layer, x[t : t + 1], step)
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
    y, ended = call(layer, x, state, lengths=lengths)
    for row, length in enumerate(lengths):
        one = select_state(state, torch.tensor([row]))
        if length:
            want, want_ended = call(layer, x[:length, row : row + 1], one)
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
    clean, got = (run(layer, part, lengths=lengths, **numbers_of(layer, part)) for part in (x, dirty))
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
    y, _ = call(layer, x, state, resets=resets)
    # Row 0 is three documents. Forward, the first continues the state given; backward, the last does.
    pieces = [call(layer, x[a:b, :1]) for a, b in ((0, 2), (2, 4), (4, 6))]
    continued = [call(layer, x[a:b, :1], select_state(state, torch.tensor([0]))) for a, b in ((0, 2), (4, 6))]
    forward = torch.cat([continued[0][0], pieces[1][0], pieces[2][0]])[..., :4]
    assert_close(y[:, :1, :4], forward, 1e-12)
    if bidirectional:
        backward = torch.cat([pieces[0][0], pieces[1][0], continued[1][0]])[..., 4:]
        assert_close(y[:, :1, 4:], backward, 1e-12)
    # Row 1 is one document: its reset at the first step drops the state given.
    assert_close(y[:, 1:, :4], call(layer, x[:, 1:])[0][..., :4], 1e-12)


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
    y, state, trace = call(layer, x, return_states=True)
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
    y, state, trace = call(layer, x, return_gates=True, return_states=True)
    assert_close([y, parts(state)], [call(layer, x)[0], parts(call(layer, x)[1])], 1e-12)
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


def test_an_empty_sequence_and_an_empty_batch():
    layer = make("lstm", 3, 4, 2)
    y, (h, c) = layer(torch.zeros(0, 2, 3, dtype=torch.float64))
    assert y.shape == (0, 2, 4)
    assert not h.any()
    y, (h, c) = layer(torch.zeros(5, 0, 3, dtype=torch.float64))
    assert y.shape == (5, 0, 4)
    assert c.shape == (2, 0, 4)


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
