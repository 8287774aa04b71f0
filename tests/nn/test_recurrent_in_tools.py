"""PyTorch's tools on Recurrent: vmap, tensors without numbers, autocast, torch.compile."""

import pytest
import torch
from helpers.layers import call, make, parts
from helpers.support import assert_close, numbers_of
from torch._subclasses import FakeTensorMode

from recurra import cells
from recurra.nn import GRU, LSTM, Recurrent


@pytest.mark.parametrize("cell", cells.names())
def test_vmap_and_per_row_gradients(cell):
    layer = make(cell)
    x = torch.randn(4, 5, 3, dtype=torch.float64)  # four single sequences
    weights = {k: v.detach() for k, v in layer.named_parameters()}

    def loss(weights, x):
        return torch.func.functional_call(layer, weights, x, numbers_of(layer, x))[0].pow(2).sum()

    got = torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, x)
    for row in range(4):
        layer.zero_grad()
        call(layer, x[row])[0].pow(2).sum().backward()
        assert_close({k: v[row] for k, v in got.items()}, {k: v.grad for k, v in layer.named_parameters()}, 1e-10)


def test_vmap_over_lengths_and_random_masks():
    layer, x = make("lstm", recurrent_dropout=0.2, zoneout=0.5, output_dropout=0.2), torch.randn(3, 7, 2, 3).double()
    one = x[:1].expand(3, -1, -1, -1)
    drawn = torch.func.vmap(lambda x: layer(x)[0], randomness="different")(one)
    assert not torch.equal(drawn[0], drawn[1])
    layer.eval()
    lengths = torch.tensor([[7, 3], [1, 2], [0, 7]])
    got = torch.func.vmap(lambda x, lengths: layer(x, lengths=lengths)[0])(x, lengths)
    for row in range(3):
        assert_close(got[row], layer(x[row], lengths=lengths[row])[0], 1e-12)
    table, ids = torch.randn(9, 3, dtype=torch.float64), torch.randint(9, (3, 7, 2))
    got = torch.func.vmap(lambda ids: layer(ids, embedding=table)[0])(ids)
    assert_close(got[1], layer(ids[1], embedding=table)[0], 1e-12)


def test_tensors_without_numbers():
    with FakeTensorMode():
        y, (h, c) = LSTM(3, 4, 2)(torch.zeros(5, 2, 3))
        y.sum().backward()
    assert (y.shape, h.shape) == ((5, 2, 4), (2, 2, 4))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_on_the_cpu(dtype):
    x = torch.randn(5, 2, 8)
    for layer in (LSTM(8, 8), GRU(8, 8), Recurrent("layernorm-lstm", 8, 8)):
        want = layer(x)[0]
        with torch.autocast("cpu", dtype):
            y, state = layer(x)
        assert_close(y.float(), want, 0.05)
        y.float().sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in layer.parameters())


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_torch_compile_sees_one_graph(cell):
    layer = Recurrent(cell, 3, 4, 2)
    x = torch.randn(5, 2, 3)
    y, state = torch.compile(layer, fullgraph=True, backend="eager")(x)
    assert_close([y, parts(state)], [layer(x)[0], parts(layer(x)[1])], 1e-5)
    y.sum().backward()
    assert all(p.grad is not None for p in layer.parameters())
