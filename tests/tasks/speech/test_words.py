"""Symbols of words."""

from recurra.tasks.speech.words import encode, learn


def test_a_word_is_the_same_symbol_wherever_it_stands():
    vocabulary = learn(["one two", "two one"], "word")
    assert len(vocabulary) == 2
    assert encode(vocabulary, "one one").tolist() == [1, 1]
