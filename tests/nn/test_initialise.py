"""Initialisers by name."""

import torch

from recurra import cells
from recurra.nn import LSTM, Recurrent


def test_initialisers():
    layer = Recurrent("lstm", 6, 6, init="recommended")
    for block in layer.weight_hh_l0.chunk(4):
        assert torch.allclose(block @ block.T, torch.eye(6), atol=1e-5)
    assert torch.equal(layer.bias_ih_l0.detach(), torch.tensor([0.0] * 6 + [1.0] * 6 + [0.0] * 12))
    assert not layer.bias_hh_l0.any()
    identity = Recurrent(cells.Elman("relu"), 6, 6, init="identity")
    assert torch.equal(identity.weight_hh_l0.detach(), torch.eye(6))
    forget = LSTM(6, 6, forget_bias=3.0)
    assert torch.equal(forget.bias_ih_l0[6:12] + forget.bias_hh_l0[6:12], torch.full((6,), 3.0))
    shifted = Recurrent("layernorm-lstm", 6, 6, forget_bias=2.0)
    assert torch.equal(shifted.shift_f_l0.detach(), torch.full((6,), 2.0))
    for name in ("xavier", "orthogonal"):
        assert Recurrent("gru", 6, 6, init=name).weight_hh_l0.std() > 0.1
