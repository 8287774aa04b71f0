"""Which earlier letters mattered for one prediction."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.inside_by_hand import TEXT, by_hand, encode, tiny

from recurra import inside
from recurra.errors import ConfigError


def norms_by_hand(model, at) -> np.ndarray:
    """The gradient of one loss with respect to what each token stands for, one step at a time."""
    ids = encode(model)[: at + 1]
    x = (model.embedding.weight * model.scale)[ids[:-1]].detach().requires_grad_()
    logits = by_hand(model, ids[:-1], x=x)["logits"]
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits[-1:], ids[-1:]), x)
    return gradient.norm(dim=-1).numpy()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_it_is_the_gradient_of_the_equations(cell):
    model = tiny(cell)
    found = inside.influence(model, TEXT, 20)
    want = norms_by_hand(model, 20)
    assert (found.at, found.first) == (20, 0)
    np.testing.assert_allclose(found.norms, want / want.max(), rtol=1e-7)
    assert found.norms.max() == 1


def test_letters_out_of_reach_give_the_state():
    model = tiny("lstm")
    found, want = inside.influence(model, TEXT, 20, reach=6), norms_by_hand(model, 20)[14:]
    assert found.first == 14
    np.testing.assert_allclose(found.norms, want / want.max(), rtol=1e-7)


def test_a_bounded_context_ends_the_reach():
    model = tiny("lstm", context=5)
    found = inside.influence(model, TEXT, 20)
    assert (found.first, len(found.norms)) == (15, 5)
    short = inside.influence(model, TEXT, 20, reach=2)
    np.testing.assert_allclose(short.norms, found.norms[3:] / found.norms[3:].max(), rtol=1e-7)


def test_places_that_are_not_there():
    model = tiny()
    for at in (0, len(TEXT)):
        with pytest.raises(ConfigError, match=f"at.* is {at}; expected 1 to {len(TEXT) - 1}"):
            inside.influence(model, TEXT, at)
    with pytest.raises(ConfigError, match=r"reach.* is 0"):
        inside.influence(model, TEXT, 3, reach=0)
