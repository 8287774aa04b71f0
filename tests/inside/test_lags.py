"""The gradient by lag, against autograd through the run written out."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.inside_by_hand import TEXT, by_hand, encode, tiny

from recurra import inside
from recurra.errors import ConfigError, DataError


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "mingru", "leaky"])
def test_memory_equals_autograd_through_the_equations(cell):
    model, lags = tiny(cell), 7
    ids = encode(model)
    norms = []
    for t in range(lags, len(ids) - 1):
        x = model.embedding.weight[ids].detach().requires_grad_()
        loss = F.cross_entropy(by_hand(model, ids[: t + 1], x=x[: t + 1])["logits"][-1], ids[t + 1])
        (gradient,) = torch.autograd.grad(loss, x)
        norms.append([gradient[t - k].norm().item() for k in range(lags + 1)])
    want = np.mean(norms, 0)
    found = inside.memory(model, TEXT, lags)
    np.testing.assert_allclose(found.norms, want / want[0], rtol=1e-8)
    assert found.scale == pytest.approx(want[0], rel=1e-8)
    assert found.positions == len(ids) - 1 - lags


def test_memory_of_a_bounded_context_ends_with_it():
    model = tiny("gru", context=5)
    ids = encode(model)
    norms = []
    for t in range(8, len(ids) - 1):
        x = model.embedding.weight[ids[t - 4 : t + 1]].detach().requires_grad_()
        loss = F.cross_entropy(by_hand(model, ids[t - 4 : t + 1], x=x)["logits"][-1], ids[t + 1])
        (gradient,) = torch.autograd.grad(loss, x)
        norms.append([*gradient.norm(dim=-1).flip(0).tolist(), 0, 0, 0, 0])
    want = np.mean(norms, 0)
    np.testing.assert_allclose(inside.memory(model, TEXT, 8).norms, want / want[0], rtol=1e-8)


def test_an_lstm_reaches_further_back_than_an_rnn():
    text = TEXT * 5
    far = {}
    for cell, options in (("rnn", {}), ("lstm", {"forget_bias": 3.0})):
        torch.manual_seed(1)
        model = tiny(cell, hidden_size=32, num_layers=1)
        model.layers.__init__(cell, 4, 32, init="recommended", dtype=torch.float64, **options)
        far[cell] = inside.memory(model, text, 60)
    assert far["lstm"].norms[60] > 1e3 * far["rnn"].norms[60]
    assert far["rnn"].reach(0.01) < 45
    assert far["lstm"].reach(0.01) is None
    assert "Past lag" in far["rnn"].words()[1]
    assert far["lstm"].words()[2] == "The gradient is still above 1% at lag 60, the last one measured."


def test_memory_takes_positions_evenly_and_shrinks_to_the_text():
    model = tiny()
    assert inside.memory(model, TEXT, 4, positions=3).positions == 3
    assert len(inside.memory(model, TEXT).norms) == len(TEXT) - 1
    with pytest.raises(DataError, match=r"the text has 34 tokens; lags=33 takes at least 35"):
        inside.memory(model, TEXT, 33)
    with pytest.raises(DataError, match=r"lags=1 takes at least 3"):
        inside.memory(model, "to")
    with pytest.raises(DataError, match=r"lags=10 takes at least 51; the model reads 50 at a time"):
        inside.memory(tiny(context=50), TEXT, 10)
    with pytest.raises(ConfigError, match="`lags` is 0 and `positions` 256; expected at least 1 of each"):
        inside.memory(model, TEXT, 0)
