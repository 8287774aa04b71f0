"""What a layer holds: the blocks of weights that its cell reads, in the cell's order."""

import pytest
import torch
from helpers import cells_by_blocks
from helpers.support import assert_close

import recurra
from recurra import cells
from recurra.nn import Recurrent


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
