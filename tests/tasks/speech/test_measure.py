"""Edits and error rates, against the recursion and jiwer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import DataError, DtypeError
from recurra.tasks.speech import character_error_rate, edit_distance, word_error_rate
from recurra.tasks.speech.measure import error_rates


def test_edits_are_counted():
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "abc") == edit_distance("abc", "") == 3
    assert edit_distance("abc", "abc") == edit_distance("", "") == 0
    assert edit_distance(["one", "two"], ["two"]) == 1
    assert edit_distance("a" * 3000, "b" * 2000) == 3000


@given(st.text("ab", max_size=8), st.text("abc", max_size=8))
def test_edits_equal_the_recursion(a, b):
    def slow(i, j):
        if not (i and j):
            return i + j
        return min(slow(i - 1, j) + 1, slow(i, j - 1) + 1, slow(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    if len(a) + len(b) <= 10:
        assert edit_distance(a, b) == slow(len(a), len(b))
    assert edit_distance(a, b) == edit_distance(b, a)


def test_error_rates_equal_jiwers():
    jiwer = pytest.importorskip("jiwer")
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(["one", "two", "tree", "three"], random.integers(1, 9))) for _ in range(40)]
    said, heard = texts[:20], texts[20:]
    assert word_error_rate(said, heard) == pytest.approx(jiwer.wer(said, heard))
    assert character_error_rate(said, heard) == pytest.approx(jiwer.cer(said, heard))


def test_both_rates_of_texts_and_of_nothing_said():
    said, heard = ["one two", "", "three"], ["one", "two", "three"]
    want = {"wer": word_error_rate(said, heard), "cer": character_error_rate(said, heard)}
    assert error_rates(said, heard) == want
    assert error_rates(["", ""], ["", "one two"]) == {"wer": 2.0, "cer": 7.0}
    assert error_rates([""], [""]) == {"wer": 0.0, "cer": 0.0}


def test_error_rates_of_single_texts_and_their_errors():
    assert word_error_rate("one two", "one") == 0.5
    assert word_error_rate(["one", "two"], ["one", "two two two"]) == 1.0
    assert character_error_rate("one  two", "one two") == 0
    with pytest.raises(DataError, match="what was said has no words"):
        word_error_rate("", "one")
    with pytest.raises(DataError, match="2 texts were said and 1 heard"):
        word_error_rate(["a", "b"], ["a"])
    with pytest.raises(DtypeError, match="None is NoneType; expected texts, or two lists of as many"):
        word_error_rate(["a"], [None])
