"""What of a text stands in the training text: exact spans, compared and not trusted to hashes."""

import numpy as np
import pytest
from helpers.soak import count
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.generation import copies, memorisation


def slow_truth(tokens, ids, minimum):
    tokens, ids = list(tokens), list(ids)
    spans = {
        (i, n)
        for i in range(len(tokens))
        for n in range(1, len(tokens) - i + 1)
        if any(ids[p : p + n] == tokens[i : i + n] for p in range(len(ids) - n + 1))
    }
    copied = {i + k for i, n in spans if n >= minimum for k in range(n)}
    return max((n for _, n in spans), default=0), len(copied) / max(1, len(tokens))


@settings(max_examples=count(60, 1200), deadline=None)
@given(
    st.lists(st.integers(0, 2), max_size=14),
    st.lists(st.integers(0, 2), max_size=60),
    st.integers(1, 6),
    st.integers(1, 9),
)
def test_memorisation_is_exact(tokens, ids, minimum, chunk):
    ids = np.array(ids, np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "CHUNK", chunk)
        got = memorisation(tokens, ids, minimum)
    longest, share = slow_truth(tokens, ids, minimum)
    assert got.longest == longest
    assert got.share == pytest.approx(share)
    span = tokens[got.start : got.start + got.longest]
    assert ids[got.place : got.place + got.longest].tolist() == span
    if longest >= minimum:
        assert got.place == min(p for p in range(len(ids)) if ids[p : p + longest].tolist() == span), (
            "the first occurrence"
        )


def test_memorisation_compares_and_does_not_trust_hashes(monkeypatch):
    # A hash that is the same for everything: only the comparison is left.
    monkeypatch.setattr(copies, "rolling_hashes", lambda v, n, *_: np.zeros(len(v) - n + 1, np.uint64))
    ids = np.array([1, 2, 3, 4, 5, 6, 7, 8], np.uint16)
    assert memorisation([9, 4, 5, 6, 9], ids, 2) == copies.Memorisation(3, 1, 3, 0.6, 2)
    assert memorisation([9, 9], ids, 2).longest == 0


def test_memorisation_finds_a_span_in_a_long_text(tmp_path):
    random = np.random.default_rng(0)
    ids = np.memmap(tmp_path / "ids", np.uint16, "w+", shape=(3_000_000,))
    ids[:] = random.integers(0, 60, len(ids))
    tokens = random.integers(0, 60, 2000)
    # Across the border between two pieces of the text.
    at = copies.CHUNK - 50
    tokens[700:900] = ids[at : at + 200]
    got = memorisation(tokens, ids)
    assert (got.longest, got.start, got.place, got.share) == (200, 700, at, 0.1)


def spelled(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8).astype(np.int64)


@pytest.mark.hypothesis
@given(
    st.lists(st.integers(0, 2), max_size=40),
    st.lists(st.integers(0, 2), max_size=60),
    st.integers(1, 5),
)
def test_copied_spans_are_in_the_text_and_cover_what_is(tokens, ids, minimum):
    tokens, ids = np.array(tokens, np.int64), np.array(ids, np.uint8)
    spans = copies.copied(tokens, ids, minimum)
    inside = np.zeros(len(tokens), bool)
    for span in spans:
        assert span.length >= minimum
        np.testing.assert_array_equal(
            tokens[span.start : span.start + span.length], ids[span.place : span.place + span.length]
        )
        end, after = span.start + span.length, span.place + span.length
        assert end == len(tokens) or after == len(ids) or tokens[end] != ids[after]
        inside[span.start : end] = True
    windows = {tuple(ids[i : i + minimum].tolist()) for i in range(len(ids) - minimum + 1)}
    want = np.zeros(len(tokens), bool)
    for start in range(len(tokens) - minimum + 1):
        if tuple(tokens[start : start + minimum].tolist()) in windows:
            want[start : start + minimum] = True
    np.testing.assert_array_equal(inside, want)


def test_copied_says_where_from():
    text = spelled("the cat sat on the mat and the dog sat by the door")
    (span,) = copies.copied(spelled("a dog sat by the fire"), text, 8)
    assert (span.start, span.length, span.place) == (1, 16, 30)


def test_memorisation_of_nothing():
    assert memorisation([], np.array([1, 2], np.uint8)).longest == 0
    assert memorisation([1], np.array([], np.uint8)) == copies.Memorisation(0, 0, 0, 0.0, 32)
