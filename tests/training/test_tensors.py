"""Tensors by name: modules, optimisers, carried states."""

import copy

import pytest
import torch
from helpers.training_toy import ToyModel
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from recurra.errors import ConfigError, RunError
from recurra.training import TrainingConfig, optimizers, rate, tensors
from recurra.training.schedule import SCHEDULES

trees = st.recursive(
    st.none() | st.builds(lambda n: torch.arange(float(n)), st.integers(0, 3)),
    lambda branch: st.lists(branch, max_size=3) | st.lists(branch, max_size=3).map(tuple),
    max_leaves=8,
)


@given(trees)
def test_a_tree_is_rebuilt_from_its_skeleton_and_leaves(tree):
    import json

    bones = json.loads(json.dumps(tensors.skeleton(tree)))
    rebuilt = tensors.rebuild(bones, iter([leaf.clone() for leaf in tensors.leaves(tree)]))
    assert tensors.skeleton(rebuilt) == tensors.skeleton(tree)
    assert all(map(torch.equal, tensors.leaves(rebuilt), tensors.leaves(tree)))
    doubled = tensors.map_tree(lambda leaf: 2 * leaf, tree)
    assert all(torch.equal(d, 2 * t) for d, t in zip(tensors.leaves(doubled), tensors.leaves(tree), strict=True))


def test_a_tree_of_something_else_is_refused():
    with pytest.raises(TypeError, match="made of tensors, tuples, lists and None; not dict"):
        list(tensors.leaves(({},)))


def test_a_shared_tensor_appears_once():
    model = nn.ModuleList([nn.Embedding(5, 4), nn.Linear(4, 5)])
    model[1].weight = model[0].weight
    assert list(tensors.of_module(model)) == ["0.weight", "1.bias"]
    other = copy.deepcopy(model)
    nn.init.ones_(other[1].weight)
    tensors.put_into_module(model, tensors.of_module(other), "x")
    assert torch.equal(model[0].weight, torch.ones(5, 4))
    assert model[0].weight is model[1].weight


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("head.bias"), "`head.bias` is missing"),
        (lambda t: t.update(extra=torch.ones(1)), "`extra` is no part of this model"),
        (lambda t: t.update({"head.bias": torch.ones(7)}), r"`head.bias` is \(7,\).*this model has \(5,\)"),
        (lambda t: t.update({"head.bias": torch.ones(5).double()}), "torch.float64; this model has"),
    ],
)
def test_weights_of_another_model_are_refused_and_change_nothing(change, words):
    model = ToyModel()
    before = copy.deepcopy(model.state_dict())
    other = dict(tensors.of_module(ToyModel(seed=1)))
    change(other)
    with pytest.raises(RunError, match=words):
        tensors.put_into_module(model, other, "file")
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


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


# Schedules


@given(st.sampled_from(list(SCHEDULES)), st.floats(0, 1), st.integers(1, 1000), st.data(), st.floats(1e-6, 10))
def test_a_rate_is_positive_and_never_above_lr(schedule, warmup, steps, data, lr):
    config = TrainingConfig(schedule=schedule, warmup=warmup, lr=lr)
    step = data.draw(st.integers(0, steps - 1))
    assert 0 < rate(config, step, steps) <= lr * (1 + 1e-9)


@pytest.mark.parametrize(
    ("schedule", "first", "last"),
    [("one-cycle", 1 / 25, 0.0), ("cosine", 0.0, 0.1), ("linear", 0.0, 0.0), ("constant", 0.0, 1.0)],
)
def test_where_schedules_begin_peak_and_end(schedule, first, last):
    config = TrainingConfig(schedule=schedule, warmup=0.25, lr=1.0)
    rates = [rate(config, step, 10_000) for step in range(10_000)]
    assert rates[0] == pytest.approx(first, abs=1e-3)
    assert rates[2500] == pytest.approx(1, abs=1e-3)
    assert rates[-1] == pytest.approx(last, abs=1e-3)
    assert max(abs(a - b) for a, b in zip(rates, rates[1:], strict=False)) < 1e-3  # no jump
    assert rates[:2500] == sorted(rates[:2500])
    assert rates[2500:] == sorted(rates[2500:], reverse=True)


# Settings


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epochs": -1}, "`epochs` is -1; expected 0 or more"),
        ({"lr": float("nan")}, "`lr` is nan; expected more than 0"),
        ({"warmup": 1.5}, "`warmup` is 1.5; expected a fraction, 0 to 1"),
        ({"minutes": 0}, "`minutes` is 0; expected more than 0"),
        ({"beta1": 1.0}, "`beta1` is 1.0; expected a fraction, 0 to below 1"),
        ({"clip": -1.0}, "`clip` is -1.0; expected 0 or more"),
        ({"schedule": "one_cycle"}, "`schedule` is 'one_cycle'; did you mean `one-cycle`?"),
        ({"optimizer": "lion"}, "`optimizer` is 'lion'; expected one of: adamw"),
        ({"epochs": "3"}, "`epochs` is '3'; expected int"),
    ],
)
def test_settings_that_cannot_be(values, words):
    with pytest.raises(ConfigError) as raised:
        TrainingConfig(**values)
    assert words in str(raised.value)


def test_an_optimisers_state_lies_as_its_parameter_does():
    parameter = torch.nn.Parameter(torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last))
    optimizer, names = torch.optim.AdamW([parameter]), {parameter: "weight"}
    parameter.square().sum().backward()
    optimizer.step()
    saved = {name: value.contiguous() for name, value in tensors.of_optimizer(optimizer, names).items()}
    assert saved["weight/exp_avg"].stride() != parameter.stride()
    tensors.put_into_optimizer(optimizer, names, saved)
    found = optimizer.state[parameter]
    assert found["exp_avg"].stride() == parameter.stride()
    assert torch.equal(found["exp_avg"], saved["weight/exp_avg"])
    assert torch.equal(found["step"], saved["weight/step"])
