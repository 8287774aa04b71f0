"""The reference: a step's own values, in the layer's type."""

import pytest
import torch
from helpers.support import assert_close, randomise

from recurra.cells import Cell
from recurra.expr import tanh, where
from recurra.nn import Recurrent


class Spikes(Cell):
    """States and products of plain numbers, which PyTorch makes of its default type."""

    gates = "n m"
    states = "h c"

    def step(self, x, h, s):
        spike = where(x.n + h.n > 0.1, 1.0, 0.0)
        return s.next(h=spike, c=tanh(s.c + x.m + h.of(spike).m), n=spike)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_numbers_have_the_layers_type(dtype):
    layer = randomise(Recurrent(Spikes, 3, 4, dtype=dtype, backend="equations"))
    x = torch.randn(5, 2, 3).to(dtype)
    y, state, trace = layer(x, return_states=True, return_gates=True)
    for part in (y, *state, *trace.states.values(), *trace.gates.values()):
        assert part.dtype == dtype
    if dtype == torch.float64:
        layer.backend = "cpu"
        assert_close([y, *state], [layer(x)[0], *layer(x)[1]], 1e-12)
