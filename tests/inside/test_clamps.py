"""Units held still, against the same run written out with the unit held."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.inside_by_hand import CELLS, OPTIONS, TEXT, assert_reading, by_hand, encode, losses, tiny

from recurra import inside
from recurra.errors import ConfigError


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_held_output_equals_the_equations_with_every_option(options):
    model = tiny("lstm", **options)
    ids = encode(model)
    top = model.layers.num_layers - 1
    effect = inside.clamp(model, TEXT, [inside.Clamp(0, 3, 0.7), inside.Clamp(top, 1)])
    want = by_hand(model, ids, {(0, 3): 0.7, (top, 1): 0.0})
    np.testing.assert_allclose(effect.before[1:], losses(by_hand(model, ids)["logits"], ids), rtol=1e-9)
    np.testing.assert_allclose(effect.after[1:], losses(want["logits"], ids), rtol=1e-9)
    assert effect.change == pytest.approx(np.mean(effect.after[1:]) - np.mean(effect.before[1:]))


@pytest.mark.filterwarnings("ignore:Stubborn")  # it runs by its equations, which is told once
@pytest.mark.parametrize("cell", CELLS)
def test_a_held_output_equals_the_equations_for_every_cell(cell):
    model = tiny(cell)
    ids = encode(model)
    held = inside.clamped(model, [inside.Clamp(1, 2, -0.4)])
    assert_reading(inside.read(held, TEXT), by_hand(model, ids, {(1, 2): -0.4}), ids)


def test_a_held_cell_state_is_what_the_output_reads():
    """An LSTM by its equations, with c of unit 2 held before h is computed."""
    model = tiny("lstm", num_layers=1)
    ids, layers = encode(model), model.layers
    h = c = torch.zeros(5, dtype=torch.float64)
    c = c.index_fill(0, torch.tensor([2]), 0.9)
    outputs = []
    for x in model.embedding.weight[ids]:
        a = layers.weight_ih_l0 @ x + layers.bias_ih_l0 + layers.weight_hh_l0 @ h + layers.bias_hh_l0
        i, f, g, o = a.chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        c = c.index_fill(0, torch.tensor([2]), 0.9)
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    reading = inside.read(inside.clamped(model, [inside.Clamp(0, 2, 0.9, "c")]), TEXT)
    np.testing.assert_allclose(reading.losses[1:], losses(model.head(torch.stack(outputs)), ids), rtol=1e-9)
    np.testing.assert_allclose(reading.states[0]["h"], torch.stack(outputs).detach(), rtol=1e-9)
    assert set(reading.states[0]["c"][:, 2]) == {0.9}


@pytest.mark.parametrize("cell", ["lstm", "peephole-lstm", "layernorm-lstm", "leaky"])
def test_the_graph_with_nothing_held_is_the_cell(cell):
    """An inner state is held at what it is anyway: nothing may change."""
    model = tiny(cell, num_layers=1)
    inner = model.layers.cell.state_names[1]
    with torch.no_grad():  # unit 0 of the inner state stays at 0 when its input does
        n = {"lstm": 2, "peephole-lstm": 2, "layernorm-lstm": 2, "leaky": 1}[cell] * 5
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
            getattr(model.layers, name)[n] = 0
        if cell == "layernorm-lstm":
            model.layers.gain_g_l0[0] = model.layers.shift_g_l0[0] = 0
    ids = encode(model)
    held = inside.clamped(model, [inside.Clamp(0, 0, 0.0, inner)])
    assert_reading(inside.read(held, TEXT), by_hand(model, ids), ids)


def test_a_bounded_context_is_held_too():
    model = tiny("gru", context=6)
    effect = inside.clamp(model, TEXT, [inside.Clamp(0, 1, 0.3)])
    ids = encode(model)
    for t in range(len(ids) - 1):
        logits = by_hand(model, ids[max(0, t - 5) : t + 1], {(0, 1): 0.3})["logits"][-1]
        assert effect.after[t + 1] == pytest.approx(F.cross_entropy(logits, ids[t + 1]).item(), rel=1e-9)


def test_writing_under_a_clamp_is_the_held_model_s():
    model = tiny("gru")
    held = inside.clamped(model, [inside.Clamp(0, 1, 2.0), inside.Clamp(1, 0, -2.0)])
    text = "to be"
    for _ in range(30):
        logits = by_hand(model, encode(model, text), {(0, 1): 2.0, (1, 0): -2.0})["logits"][-1]
        text += model.vocabulary.symbols[int(logits.argmax())]
    assert held.generate("to be", 30, temperature=0) == text
    assert model.generate("to be", 30, temperature=0) != text


def test_nothing_held_writes_the_same():
    model = tiny("lstm")
    assert inside.clamped(model, []).generate("to", 80, seed=3) == model.generate("to", 80, seed=3)


def test_clamping_shares_the_weights_and_leaves_the_model_alone():
    model = tiny("lstm")
    before = inside.read(model, TEXT).losses
    held = inside.clamped(model, [inside.Clamp(0, 0)])
    assert held.layers.weight_ih_l0 is model.layers.weight_ih_l0
    np.testing.assert_array_equal(inside.read(model, TEXT).losses, before)


def test_clamps_that_cannot_be_are_said():
    model = tiny("lstm")
    with pytest.raises(ConfigError, match="`unit` is 5; expected 0 to 4, the units of layer 1"):
        inside.clamped(model, [inside.Clamp(1, 5)])
    with pytest.raises(ConfigError, match=r"unit 3 of layer 0 is held at 0.0 and at 1.0; drop one"):
        inside.clamped(model, [inside.Clamp(0, 3), inside.Clamp(0, 3, 1.0)])
    with pytest.raises(ConfigError, match="`value` is nan; expected a number"):
        inside.clamped(model, [inside.Clamp(0, 3, float("nan"))])
    with pytest.raises(
        ConfigError, match=r"only the output 'out' of Stubborn.* can be held: Stubborn.step cannot be compiled"
    ):
        inside.clamped(tiny("stubborn"), [inside.Clamp(0, 0, 0.0, "m")])
