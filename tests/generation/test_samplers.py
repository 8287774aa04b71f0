"""The samplers are pure functions of float64 rows; the random numbers are the published algorithm's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from recurra.generation import samplers
from recurra.generation.random import Random

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 40))


ROWS = arrays.arrays(np.float64, SHAPES, elements=st.floats(-50, 50))


UNIFORMS = st.floats(0, 1, exclude_max=True)


@given(ROWS, st.floats(0.05, 20))
def test_softmax_is_a_distribution_in_the_order_of_the_scores(logits, temperature):
    p = samplers.softmax(logits, temperature)
    np.testing.assert_allclose(p.sum(-1), 1)
    order = np.argsort(logits, -1, kind="stable")
    assert (np.diff(np.take_along_axis(p, order, -1)) >= 0).all()


def test_softmax_takes_a_temperature_for_each_row():
    logits = np.array([[1.0, 2.0, 2.0]] * 4)
    p = samplers.softmax(logits, np.array([[0.0], [1.0], [1e-308], [1e9]]))
    assert p[0].tolist() == [0, 1, 0]  # the first of equals
    np.testing.assert_allclose(p[1], np.exp(logits[1]) / np.exp(logits[1]).sum())
    np.testing.assert_allclose(p[2], [0, 0.5, 0.5])
    np.testing.assert_allclose(p[3], [1 / 3] * 3)


def test_softmax_gives_nothing_to_what_cannot_be():
    assert samplers.softmax(np.array([[-np.inf, 0.0, -np.inf]]), 0.7).tolist() == [[0, 1, 0]]


@given(ROWS, st.integers(1, 45))
def test_top_k_keeps_the_k_likeliest(logits, k):
    p = samplers.softmax(logits)
    kept = samplers.top_k(p, k)
    np.testing.assert_allclose(kept.sum(-1), 1)
    assert ((kept > 0).sum(-1) <= k).all()
    assert (np.sort(np.where(kept > 0, p, 0), -1)[:, -k:] == np.sort(p, -1)[:, -k:]).all()


@given(ROWS, st.floats(0.001, 0.999))
def test_top_p_keeps_the_fewest_that_reach_the_share(logits, share):
    p = samplers.softmax(logits)
    kept = samplers.top_p(p, share) > 0
    reached = np.where(kept, p, 0).sum(-1)
    assert (reached >= share - 1e-9).all()
    least = np.where(kept, p, 2).min(-1)
    assert (reached - least < share + 1e-9).all()
    assert (np.where(kept, 0, p).max(-1) <= least).all()


@given(ROWS, st.floats(0, 1))
def test_min_p_keeps_what_is_near_the_likeliest(logits, share):
    p = samplers.softmax(logits)
    kept = samplers.min_p(p, share) > 0
    assert (kept == ((p >= share * p.max(-1, keepdims=True)) & (p > 0))).all()


@pytest.mark.parametrize(("name", "off"), [("top_k", 0), ("top_p", 1.0), ("min_p", 0.0)])
def test_filters_that_are_off_change_nothing(name, off):
    p = samplers.softmax(np.random.default_rng(0).normal(size=(3, 20)))
    assert samplers.FILTERS[name](p, off) is p


def test_filters_resolve_ties_by_the_lower_id():
    p = np.full((1, 4), 0.25)
    assert samplers.top_k(p, 2).tolist() == [[0.5, 0.5, 0, 0]]
    assert samplers.top_p(p, 0.5).tolist() == [[0.5, 0.5, 0, 0]]
    assert samplers.top_p(p, 1e-300).tolist() == [[1, 0, 0, 0]]


def test_penalty_lowers_recent_tokens_only():
    logits = np.array([2.0, -2.0, 1.0, 0.0])
    assert samplers.penalise(logits, np.array([0, 0, 1]), 2.0).tolist() == [1.0, -4.0, 1.0, 0.0]
    assert logits.tolist() == [2.0, -2.0, 1.0, 0.0]


@given(ROWS, UNIFORMS)
def test_draw_is_the_inverse_of_the_running_sum(logits, uniform):
    p = samplers.top_p(samplers.softmax(logits), 0.9)
    tokens = samplers.draw(p, np.full(len(p), uniform))
    for row, token in zip(p, tokens, strict=True):
        assert row[token] > 0
        below, upto = row[:token].sum(), row[: token + 1].sum()
        assert below <= uniform * row.sum() + 1e-12
        assert uniform * row.sum() < upto + 1e-12


def test_draw_reaches_every_token_as_often_as_it_should():
    p, stream = np.array([0.5, 0.0, 0.3, 0.2]), Random(1)
    drawn = samplers.draw(np.tile(p, (20_000, 1)), np.array([stream.uniform() for _ in range(20_000)]))
    counts = np.bincount(drawn, minlength=4) / 20_000
    assert counts[1] == 0
    np.testing.assert_allclose(counts, p, atol=0.015)
    # The ends of the interval: the first and the last token that can be.
    assert samplers.draw(np.array([[0, 0.5, 0.5, 0]] * 2), np.array([0.0, 1 - 2**-53])).tolist() == [1, 2]
