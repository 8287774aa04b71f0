"""Tensors by name: modules, optimisers, carried states."""

import copy

import pytest
import torch
from helpers.training_toy import ToyModel
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from recurra.errors import RunError
from recurra.training import tensors

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


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: nn.Sequential(*(nn.Linear(2, 2) for _ in range(10**9))),
            "has 2 tensors, and .* describe a larger model",
        ),
        (lambda: nn.Linear(2, 1 << 24), "has 2 tensors, and the settings beside it describe a larger model"),
        (lambda: nn.Linear(2**63, 2**63), r"the settings beside it describe no model that can be made \(.*"),
        (lambda: nn.Embedding(-1, 3), r"the settings beside it describe no model that can be made \(.*negative"),
    ],
    ids=["tensors", "numbers", "no number", "negative"],
)
def test_a_model_larger_than_its_file_is_refused_before_it_is_made(make, words):
    before = sum(1 for _ in module_hooks())
    with pytest.raises(RunError, match=f"file.*{words}"), tensors.no_larger_than({"a": (2, 3), "b": ()}, "file"):
        make()
    with tensors.no_larger_than({"a": (2, 3)}, "file"):
        nn.Linear(3, 2)
    assert sum(1 for _ in module_hooks()) == before


def module_hooks():
    return nn.modules.module._global_parameter_registration_hooks


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
