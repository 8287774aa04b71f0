"""Streams, evaluation and windows: each token in its place, whoever reads it and wherever one starts."""

from math import ceil

import numpy as np
import pytest
import torch
from helpers.passages import batches, counts, documents, quick, spans
from hypothesis import given
from hypothesis import strategies as st

from recurra.data import Evaluation, Streams, Windows
from recurra.data.streams import IGNORE, fit
from recurra.errors import ConfigError, DataError


def all_windows(reader):
    """inputs, targets and resets of every window, side by side: (rows, length)."""
    parts = zip(*(reader.batch(i) for i in range(len(reader))), strict=True)
    return [None if part[0] is None else torch.cat(part, 1).numpy() for part in parts]


# Streams


@quick
@given(count=counts, batch=batches, window=spans)
def test_streams_read_the_text_once_in_passages(count, batch, window):
    ids = np.arange(count, dtype=np.uint16)
    streams = Streams(ids, batch, window)
    inputs, targets, resets = all_windows(streams)
    # Row after row, the passages are the text from its start; what is lost is less than a row of targets.
    assert inputs.reshape(-1).tolist() == list(range(inputs.size))
    assert targets.tolist() == (inputs + 1).tolist()
    assert 0 <= count - 1 - inputs.size < streams.batch_size
    assert (inputs.size, inputs.shape[0]) == (streams.tokens, streams.batch_size)
    assert resets is None
    assert len(streams) == ceil(streams.length / streams.window)
    assert all(streams.batch(i).inputs.shape[1] == streams.window for i in range(len(streams) - 1))


@quick
@given(count=counts, batch=batches, window=spans, seed=st.integers(0, 99))
def test_resets_stand_at_the_first_token_of_each_document(count, batch, window, seed):
    ids = documents(count, seed)
    for reader in (Streams(ids, batch, window, eod=0), Evaluation(ids, batch, window, eod=0)):
        inputs, targets, resets = all_windows(reader)
        assert resets.dtype == bool
        for (row, column), target in np.ndenumerate(targets):
            place = row * reader.length + column
            if target != IGNORE:
                assert (inputs[row, column], target) == (ids[place], ids[place + 1])
                assert resets[row, column] == (place == 0 or ids[place - 1] == 0)


@pytest.mark.parametrize("cls", [Streams, Evaluation])
@quick
@given(count=st.integers(30, 400), rows=st.integers(1, 6), window=spans, world=st.sampled_from([2, 3, 4]))
def test_ranks_share_the_batch_of_one(cls, count, rows, window, world):
    ids = documents(count, 3)
    shares = [cls(ids, rows * world, window, 0, rank, world) for rank in range(world)]
    one = cls(ids, shares[0].batch_size, window, 0)
    one = one if one.batch_size == shares[0].batch_size else cls(ids, 1, 10**6, 0)
    if one.batch_size != shares[0].batch_size:
        return  # a text this short is cut for the processes there are
    assert {len(share) for share in shares} == {len(one)}
    for i in range(len(one)):
        parts = zip(*(share.batch(i) for share in shares), strict=True)
        for whole, part in zip(one.batch(i), parts, strict=True):
            assert torch.equal(torch.cat(part), whole)


def test_batches_are_ready_for_a_model():
    ids = np.arange(2000, dtype=np.uint8)
    inputs, targets, resets = Streams(ids, 2, 100, eod=5).batch(3)
    assert (inputs.dtype, targets.dtype, resets.dtype) == (torch.int64, torch.int64, torch.bool)
    assert inputs.shape == targets.shape == resets.shape == (2, 100)
    inputs += 1  # a batch is a copy: the corpus cannot be changed through it
    assert ids[300] == 300 % 256


def test_a_corpus_on_disk_is_read_as_in_memory(tmp_path):
    ids = np.arange(5000, dtype=np.uint16)
    ids.tofile(tmp_path / "ids")
    mapped = np.memmap(tmp_path / "ids", np.uint16, "r")
    for make in (Streams, Evaluation):
        for here, there in zip(make(ids, 4, 50).batch(7), make(mapped, 4, 50).batch(7), strict=True):
            assert here is there is None or torch.equal(here, there)
    assert torch.equal(Windows(ids, 4, 50).batch(0, 7).inputs, Windows(mapped, 4, 50).batch(0, 7).inputs)


@quick
@given(tokens=st.integers(1, 10**6), batch=st.integers(1, 256), window=st.integers(1, 512))
def test_a_short_text_gets_fewer_streams(tokens, batch, window):
    rows = fit(batch, tokens, window)
    assert 1 <= rows <= batch
    assert rows == 1 or tokens // rows >= 8 * window
    if rows < batch:
        assert rows & (rows - 1) == 0, "a power of two"
        assert tokens // (rows * 2) < 8 * window, "and the largest one"


@pytest.mark.parametrize(("tokens", "rows"), [(10**6, 32), (32 * 1024, 32), (32 * 1024 - 1, 16), (1024, 1), (2, 1)])
def test_how_many_streams(tokens, rows):
    assert fit(32, tokens, 128) == rows


def test_processes_cut_a_short_text_alike():
    assert {fit(32, 10_000, 128, world) for world in (1, 2, 4, 8)} == {8}
    assert fit(36, 10_000, 128, 3) == 6
    assert fit(32, 100, 128, 4) == 4


@pytest.mark.parametrize("count", [2, 3, 10])
def test_a_text_shorter_than_a_window_is_one_window(count):
    inputs, targets, _ = Streams(np.arange(count), 32, 128).batch(0)
    assert inputs.tolist() == [list(range(count - 1))]
    assert targets.tolist() == [list(range(1, count))]


# Evaluation


@quick
@given(count=counts, batch=batches, window=spans)
def test_evaluation_asks_for_every_token_but_the_first_once(count, batch, window):
    ids = np.arange(count, dtype=np.uint16)
    evaluation = Evaluation(ids, batch, window)
    inputs, targets, _ = all_windows(evaluation)
    asked = targets[targets != IGNORE]
    assert sorted(asked.tolist()) == list(range(1, count))
    assert (inputs[targets != IGNORE] + 1).tolist() == asked.tolist()
    assert evaluation.tokens == count - 1
    assert ((inputs >= 0) & (inputs < count)).all(), "padding is a valid id"


# Errors


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Streams(np.zeros(1), 4, 8), DataError, r"the text is 1 tokens long; 1 process\(es\) need at least 2"),
        (lambda: Streams(np.zeros(0), 4, 8), DataError, "the text is 0 tokens long"),
        (lambda: Streams(np.zeros(3), 4, 8, None, 0, 4), DataError, r"4 process\(es\) need at least 5"),
        (
            lambda: Streams(np.zeros(99), 5, 8, None, 0, 2),
            ConfigError,
            "`batch_size` is 5; expected a multiple of the 2",
        ),
        (lambda: Evaluation(np.zeros(1), 4, 8), DataError, "the text is 1 tokens long"),
        (lambda: Windows(np.zeros(1), 4, 8), DataError, r"the text is 1 token\(s\) long; training needs at least 2"),
        (lambda: Windows(np.zeros(3), 4, 8, world=2), DataError, r"fewer windows of 2 tokens than .* processes \(2\)"),
        (lambda: Windows(np.zeros(99), 5, 8, world=2), ConfigError, "`batch_size` is 5; expected a multiple of the 2"),
        (lambda: Streams(np.zeros(99), 1, 8).batch(13), IndexError, "window 13 of 13"),
        (lambda: Streams(np.zeros(99), 1, 8).batch(-1), IndexError, "window -1 of 13"),
        (lambda: Evaluation(np.zeros(99), 1, 8).batch(13), IndexError, "window 13 of 13"),
        (lambda: Windows(np.zeros(99), 9, 8).batch(0, 11), IndexError, "batch 11 of 11"),
    ],
)
def test_what_cannot_be_cut(make, error, words):
    with pytest.raises(error, match=words):
        make()
