"""Helpers for states."""

import torch
from helpers.support import randomise

from recurra.nn import Recurrent, detach_state, map_state, select_state


def make(cell, *sizes, **options):
    sizes = sizes or (3, 4)
    return randomise(Recurrent(cell, *sizes, dtype=torch.float64, **options))


def test_state_helpers():
    layer = make("lstm", 3, [4, 2])
    y, state = layer(torch.randn(5, 3, 3, dtype=torch.float64))
    assert not any(t.requires_grad for layers in detach_state(state) for t in layers)
    picked = select_state(state, torch.tensor([2, 2, 0, 1]))
    assert picked[0][1].shape == (1, 4, 2)
    assert torch.equal(picked[0][1][:, 0], state[0][1][:, 2])
    doubled = map_state(lambda a, b: a + b, state, state)
    assert torch.equal(doubled[1][0], 2 * state[1][0])
    assert map_state(lambda a: a, None) is None
