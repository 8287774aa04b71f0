"""Optimisers: what decays, what goes on to the same bits, the average of the weights."""

import copy

import pytest
import torch
from helpers.training_toy import ToyModel
from torch import nn

from recurra.training import TrainingConfig, optimizers, tensors


def _steps(model, optimizer, count):
    for i in range(count):
        loss = model(torch.full((2, 3), i % 5))[0].square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_every_optimizer_goes_on_to_the_same_bits(name):
    config = TrainingConfig(optimizer=name, lr=1e-2)
    one = ToyModel().eval()
    optimizer = optimizers.make(one, config)
    names = {p: n for n, p in one.named_parameters()}
    _steps(one, optimizer, 3)
    saved = {n: t.clone() for n, t in tensors.of_optimizer(optimizer, names).items()}
    two = copy.deepcopy(one)
    _steps(one, optimizer, 3)

    resumed = optimizers.make(two, config)
    tensors.put_into_optimizer(resumed, {p: n for n, p in two.named_parameters()}, saved)
    _steps(two, resumed, 3)
    assert all(map(torch.equal, one.state_dict().values(), two.state_dict().values()))

    fresh = ToyModel().eval()
    fresh.load_state_dict(two.state_dict())
    assert saved  # there was a state to take over


def test_only_matrices_decay():
    decayed, free = optimizers.make(ToyModel(), TrainingConfig(weight_decay=0.1)).param_groups
    assert decayed["weight_decay"] == 0.1
    assert free["weight_decay"] == 0.0
    assert {p.ndim for p in decayed["params"]} == {2}
    assert {p.ndim for p in free["params"]} == {1}


def test_the_average_is_the_mean_of_the_weights():
    model = nn.Linear(1, 1, bias=False)
    average = optimizers.averaged(model)
    want = model.weight.item()
    for step in range(1, 30):
        nn.init.constant_(model.weight, float(step))
        optimizers.add_to_average(average, model, 0.8, step)
        memory = min(0.8, (1 + step) / (10 + step))
        want = memory * want + (1 - memory) * step
    assert average.weight.item() == pytest.approx(want, rel=1e-5)
    assert not average.weight.requires_grad
