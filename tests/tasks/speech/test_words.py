"""Symbols of words."""

import pytest

from recurra.tasks.speech.words import encode, learn


def test_a_word_is_the_same_symbol_wherever_it_stands():
    vocabulary = learn(["one two", "two one"], "word")
    assert len(vocabulary) == 2
    assert encode(vocabulary, "one one").tolist() == [1, 1]


@pytest.mark.parametrize("unit", ["word", "character", "bpe"])
def test_where_nothing_is_said_there_are_no_symbols(unit):
    vocabulary = learn(["one two", "", "two one"], unit)
    assert encode(vocabulary, "").tolist() == []
    assert len(vocabulary) == len(learn(["one two", "two one"], unit))
