"""Pooling: each kind against its definition, row by row; padding, empty rows, both directions, and the shares of steps."""

import pytest
import torch
from helpers.support import assert_close

from recurra.errors import ConfigError, DtypeError, ShapeError
from recurra.nn.pooling import POOLINGS, Pooling

LENGTHS = torch.tensor([5, 1, 0, 3])


def naive(pooling, row):
    """One row (steps, size) without padding → its pooled vector and the shares of its steps."""
    half = row.shape[1] // 2
    if pooling.kind == "last":
        shares = torch.zeros(len(row), dtype=row.dtype)
        if pooling.bidirectional:
            shares[-1] += 0.5
            shares[0] += 0.5
            return torch.cat([row[-1, :half], row[0, half:]]), shares
        shares[-1] = 1
        return row[-1], shares
    if pooling.kind == "mean":
        return row.mean(0), torch.full((len(row),), 1 / len(row), dtype=row.dtype)
    if pooling.kind == "max":
        where = row.max(0).indices
        return row.max(0).values, torch.stack([(where == t).double().mean() for t in range(len(row))])
    shares = torch.softmax(
        torch.tanh(row @ pooling.projection.weight.T + pooling.projection.bias) @ pooling.score.weight[0], 0
    )
    return shares @ row, shares


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", POOLINGS)
def test_rows_of_unequal_length_are_pooled_each_on_its_own(kind, bidirectional):
    pooling = Pooling(kind, 6, bidirectional=bidirectional).double()
    y = torch.randn(5, 4, 6, dtype=torch.float64) - 3  # all below the zeros that padding might slip in
    y[3:, 3] = torch.nan  # what stands past the end must not matter
    if kind != "attention":
        y[0:, 2] = torch.nan
    pooled, weights = pooling(y.nan_to_num(7.0), LENGTHS, return_weights=True)
    for b, length in enumerate(LENGTHS.tolist()):
        if not length:
            assert not pooled[b].any()
            assert not weights[b].any()
            continue
        want, shares = naive(pooling, y[:length, b])
        assert_close(pooled[b], want, 1e-12)
        assert_close(weights[b, :length], shares, 1e-12)
        assert not weights[b, length:].any()
        assert weights[b].sum().item() == pytest.approx(1)


@pytest.mark.parametrize("kind", POOLINGS)
def test_without_lengths_all_steps_count(kind):
    pooling, y = Pooling(kind, 6), torch.randn(5, 4, 6)
    want = pooling(y, torch.full((4,), 5), return_weights=True)
    assert_close(pooling(y, return_weights=True), want, 1e-6)
    assert_close(pooling(y), want[0], 1e-6)


@pytest.mark.parametrize("kind", POOLINGS)
def test_no_steps_give_zeros(kind):
    for lengths in (None, [0, 0]):
        pooled, weights = Pooling(kind, 6)(torch.zeros(0, 2, 6), lengths, return_weights=True)
        assert torch.equal(pooled, torch.zeros(2, 6))
        assert weights.shape == (2, 0)


@pytest.mark.parametrize("kind", POOLINGS)
def test_gradients_reach_no_padding(kind):
    y = torch.randn(5, 4, 6, requires_grad=True)
    Pooling(kind, 6)(y, LENGTHS).sum().backward()
    assert torch.isfinite(y.grad).all()
    for b, length in enumerate(LENGTHS.tolist()):
        assert not y.grad[length:, b].any()
        assert not length or y.grad[:length, b].any()


def test_what_cannot_be_is_said():
    with pytest.raises(ConfigError, match=r"pooling is 'maxx'; did you mean `max`\?"):
        Pooling("maxx", 4)
    with pytest.raises(ConfigError, match="size is 5; expected an even number, two directions"):
        Pooling("last", 5, bidirectional=True)
    with pytest.raises(ShapeError, match=r"Pooling: `y` is \(3, 4\); expected \(time, batch, 4\)"):
        Pooling("last", 4)(torch.zeros(3, 4))
    pooling, y = Pooling("mean", 4), torch.ones(3, 2, 4)
    assert torch.equal(pooling(y, [3, 1]), torch.ones(2, 4))
    with pytest.raises(ShapeError, match=r"Pooling: lengths\[1\] is 9; expected 0 to 3, the steps of `y`"):
        pooling(y, torch.tensor([3, 9]))
    with pytest.raises(ShapeError, match=r"Pooling: `lengths` is \(1,\); expected \(2,\), one for each row of `y`"):
        pooling(y, torch.tensor([3]))
    with pytest.raises(DtypeError, match=r"Pooling: `lengths` is .*; expected whole numbers"):
        pooling(y, torch.tensor([3.0, 1.0]))
