"""Every cell learns."""

import pytest
import torch
from helpers.layers import call
from torch import nn

from recurra import cells
from recurra.nn import Recurrent


@pytest.mark.slow
@pytest.mark.parametrize("cell", cells.names())
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
        y, _ = call(layer, torch.stack([values, marks], -1))
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
