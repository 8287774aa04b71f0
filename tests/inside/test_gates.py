"""Saturation of gates: which are between 0 and 1, and how often they are shut or open."""

import pytest
import torch
from helpers.inside_by_hand import TEXT, by_hand, encode, tiny

from recurra import cells, inside
from recurra.inside.gates import squashed


def test_saturation_counts_the_steps():
    model = tiny("lstm")
    with torch.no_grad():
        model.layers.weight_ih_l0.mul_(5)  # or no gate would be saturated
    gates = by_hand(model, encode(model))["gates"]
    found = inside.saturation(inside.read(model, TEXT))
    assert [list(layer) for layer in found] == [["i", "f", "o"]] * 2
    for layer, name in ((0, "i"), (0, "o"), (1, "f")):
        values = gates[layer, name]
        for k in range(5):
            assert found[layer][name].left[k] == sum(v < 0.1 for v in values[:, k].tolist()) / len(values)
            assert found[layer][name].right[k] == sum(v > 0.9 for v in values[:, k].tolist()) / len(values)
    assert 0 < found[0]["i"].left.mean() < 1
    assert 0 < found[0]["i"].right.mean() < 1


SQUASHED = {
    "lstm": "i f o",
    "gru": "r z",
    "gru-original": "r z",
    "peephole-lstm": "i f o",
    "layernorm-lstm": "i f o",
    "mingru": "z",
    "minlstm": "f i",
    "rnn": "",
    "rnn-relu": "",
    "leaky": "",
}


@pytest.mark.parametrize("cell", SQUASHED)
def test_gates_between_0_and_1_are_found(cell):
    assert " ".join(squashed(cells.get(cell))) == SQUASHED[cell]


def test_a_cell_without_gates_has_no_saturation():
    assert inside.saturation(inside.read(tiny("rnn"), TEXT)) == [{}, {}]
