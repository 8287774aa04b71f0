"""Windows of a text in an order that is mixed, reproducible and costs nothing."""

import numpy as np
import torch
from helpers.passages import batches, counts, documents, quick, spans
from hypothesis import given
from hypothesis import strategies as st

from recurra.data import Windows
from recurra.data.windows import permute


@quick
@given(count=counts, batch=batches, window=spans, stride=st.integers(1, 9), epoch=st.integers(0, 3))
def test_windows_cover_the_text_once_an_epoch(count, batch, window, stride, epoch):
    windows = Windows(np.arange(count), batch, window, stride, seed=7)
    parts = [windows.batch(epoch, i) for i in range(len(windows))]
    inputs = torch.cat([part.inputs for part in parts]).numpy()
    targets = torch.cat([part.targets for part in parts]).numpy()
    length = min(window, count - 1)
    starts = list(range(0, count - length, stride))
    assert sorted(inputs[:, 0].tolist()) == starts
    assert inputs.tolist() == [list(range(s, s + length)) for s in inputs[:, 0]]
    assert targets.tolist() == [[s + length] for s in inputs[:, 0]]
    assert all(len(part.inputs) == windows.batch_size for part in parts[:-1])


def test_windows_may_predict_every_token():
    windows = Windows(np.arange(50), 4, 6, last_only=False)
    inputs, targets, resets = windows.batch(2, 3)
    assert torch.equal(targets, inputs + 1)
    assert resets is None


def test_windows_know_where_documents_start():
    ids = documents(200, 1)
    windows = Windows(ids, 200, 9, eod=0)
    inputs, _, resets = windows.batch(0, 0)
    assert resets[:, 0].all()
    assert torch.equal(resets[:, 1:], inputs[:, :-1] == 0)
    assert resets.any(0).all()


@quick
@given(count=st.integers(40, 400), rows=st.integers(1, 6), world=st.sampled_from([2, 3, 4]))
def test_ranks_share_the_windows(count, rows, world):
    shares = [Windows(np.arange(count), rows * world, 5, seed=1, rank=r, world=world) for r in range(world)]
    seen = []
    for i in range(len(shares[0])):
        parts = [share.batch(1, i).inputs[:, 0].tolist() for share in shares]
        assert len({len(part) for part in parts}) == 1
        seen += [start for part in parts for start in part]
    assert len(set(seen)) == len(seen) > count - 5 - world
    if (count - 5) % world == 0:
        one = Windows(np.arange(count), rows * world, 5, seed=1)
        assert seen == [s for i in range(len(one)) for s in one.batch(1, i).inputs[:, 0].tolist()]


@quick
@given(count=st.integers(1, 3000), seed=st.integers(0, 2**31), epoch=st.integers(0, 100))
def test_the_order_is_a_permutation_that_can_be_had_in_parts(count, seed, epoch):
    whole = permute(np.arange(count), count, seed, epoch)
    assert sorted(whole.tolist()) == list(range(count))
    some = np.random.default_rng(seed).integers(0, count, 5)
    assert permute(some, count, seed, epoch).tolist() == whole[some].tolist()


def test_the_order_differs_by_seed_and_epoch():
    orders = {tuple(permute(np.arange(50), 50, seed, epoch)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_the_order_is_well_mixed():
    count = 100_003
    order = permute(np.arange(count), count, 0, 0)
    # Of a random order the neighbours lie count/3 apart on average, and nothing goes with anything.
    assert abs(np.abs(np.diff(order)).mean() / count - 1 / 3) < 0.01
    assert abs(np.corrcoef(np.arange(count), order)[0, 1]) < 0.02
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(order, permute(np.arange(count), count, 0, 1))[0, 1]) < 0.02
    # And each place is as likely as any other: chi-squared with 6 degrees of freedom, 0.1 % above 22.5.
    firsts = np.bincount([permute(np.array([2]), 7, seed, 3)[0] for seed in range(1400)], minlength=7)
    assert ((firsts - 200) ** 2 / 200).sum() < 22.5


def test_the_order_of_a_long_text_costs_nothing():
    places = permute(np.arange(64), 10**12 + 39, 0, 0)
    assert len(set(places.tolist())) == 64
    assert ((places >= 0) & (places < 10**12 + 39)).all()
