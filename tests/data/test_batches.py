"""Batches of examples: every one once an epoch, the same for the same seed, like lengths together; padding."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recurra.data import Batches, pad


@given(
    count=st.integers(0, 200),
    size=st.integers(1, 40),
    epoch=st.integers(0, 5),
    by_length=st.booleans(),
)
def test_every_example_once_an_epoch(count, size, epoch, by_length):
    lengths = np.arange(count) % 7 if by_length else None
    batches = Batches(count, size, seed=3, lengths=lengths)
    found = [batches.batch(epoch, index) for index in range(len(batches))]
    assert sorted(np.concatenate(found).tolist() if found else []) == list(range(count))
    assert all(len(batch) == size for batch in found[:-1])


def test_a_batch_depends_on_its_arguments_alone():
    forward, jumping = Batches(100, 8, seed=5), Batches(100, 8, seed=5)
    wanted = [forward.batch(epoch, index).tolist() for epoch in range(2) for index in range(13)]
    assert jumping.batch(1, 4).tolist() == wanted[13 + 4]
    assert jumping.batch(0, 2).tolist() == wanted[2]
    assert Batches(100, 8, seed=6).batch(0, 0).tolist() != wanted[0]
    assert wanted[0] != wanted[13]


def test_like_lengths_lie_together_and_batches_stay_mixed():
    lengths = np.random.default_rng(0).integers(1, 1000, 4000)
    batches = Batches(4000, 16, lengths=lengths)
    found = [lengths[batches.batch(0, index)] for index in range(len(batches))]
    plain = Batches(4000, 16)
    spread = np.mean([np.ptp(batch) for batch in found])
    assert spread < 0.1 * np.mean([np.ptp(lengths[plain.batch(0, index)]) for index in range(250)])
    means = np.array([batch.mean() for batch in found])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.2


@pytest.mark.parametrize("count", [64, 61])
def test_ranks_share_a_batch_in_equal_parts(count):
    ranks = [Batches(count, 16, rank=rank, world=4) for rank in range(4)]
    for index in range(4):
        parts = [batches.batch(0, index) for batches in ranks]
        assert len({len(part) for part in parts}) == 1
        whole = Batches(count, 16).batch(0, index)
        assert set(whole) <= set(np.concatenate(parts))


def test_padding():
    x, lengths = pad([np.ones((3, 2), np.float32), np.zeros((0, 2), np.float32), np.ones((1, 2), np.float32)], value=-1)
    assert x.shape == (3, 3, 2)
    assert x.dtype == torch.float32
    assert lengths.tolist() == [3, 0, 1]
    assert (x[1] == -1).all()
    assert x[2, :, 0].tolist() == [1, -1, -1]
