"""What a writer releases: text up to a stop string, whole characters, no more than the length."""

import pytest
from helpers.soak import count
from helpers.toy_models import LETTERS, Chain, Fixed, Toy
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.generation import generate, stream
from recurra.text import TextConfig, build_vocabulary

UNITS = [TextConfig(), TextConfig(unit="byte"), TextConfig(unit="word", unknown="bytes")]


@pytest.mark.parametrize("text", UNITS, ids=[u.unit for u in UNITS])
@pytest.mark.parametrize("documents", [False, True])
def test_length_in_characters_is_exact(text, documents):
    vocabulary = build_vocabulary(["été à la mer, 海 und 🌊 "] * 3, text, documents=documents)
    for length in (1, 2, 37):
        samples = generate(Toy(vocabulary), vocabulary, "la", length=length, samples=3, seed=1)
        assert [len(s.continuation) for s in samples] == [length] * 3
        assert [s.finish for s in samples] == ["length"] * 3


def test_length_in_tokens_is_exact(toy):
    vocabulary = build_vocabulary(["one two three four "], TextConfig(unit="word"))
    sample = generate(Toy(vocabulary), vocabulary, "one", length=9, unit="tokens", seed=1)[0]
    assert len(sample.tokens) == len(sample.probabilities) == 9
    assert sample.continuation == vocabulary.decode(sample.tokens)


def test_a_text_cut_inside_a_token_keeps_the_beginning():
    vocabulary = build_vocabulary(["hello hello"], TextConfig(unit="word"))
    sample = generate(Chain(vocabulary, "hello hello hello"), vocabulary, "hello", length=8, temperature=0)[0]
    assert sample.continuation == " hello h"
    assert len(sample.tokens) == 2


@pytest.mark.parametrize(
    ("stop", "text", "tokens"),
    [("d", "abc", 3), ("cd", "ab", 2), (("zz", "bcd", "cd"), "a", 1), (("d", "cde"), "abc", 3), ("a", "", 0)],
)
def test_stop_strings_end_the_text_and_are_not_in_it(stop, text, tokens):
    sample = generate(Chain(LETTERS, "\nabcdefgh"), LETTERS, length=50, temperature=0, stop=stop)[0]
    assert (sample.text, sample.finish, len(sample.tokens)) == (text, "stop", tokens)


def test_a_stop_string_counts_across_tokens_of_several_characters():
    vocabulary = build_vocabulary(["one two three four"], TextConfig(unit="word"))
    model = Chain(vocabulary, "one two three four")
    assert generate(model, vocabulary, "one", temperature=0, stop="o th")[0].text == "one tw"
    assert generate(model, vocabulary, "one", temperature=0, stop=("wo three", "o"))[0].text == "one tw"


@pytest.mark.slow
@settings(max_examples=count(50, 1000), deadline=None)
@given(st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3), st.integers(0, 99))
def test_stop_strings_property(stops, seed):
    vocabulary = build_vocabulary(["ab"])
    model = Fixed([0.0, 0.0])
    free = generate(model, vocabulary, length=40, seed=seed)[0].text
    pieces = list(stream(model, vocabulary, length=40, seed=seed, stop=tuple(stops)))
    ends = [(free.find(s) + len(s), free.find(s)) for s in stops if s in free]
    assert "".join(p.text for p in pieces) == (free[: min(ends)[1]] if ends else free)
    assert pieces[-1].finish == ("stop" if ends else "length")


def test_an_unfinished_stop_string_is_released_at_the_end():
    pieces = list(stream(Chain(LETTERS, "\nabcd"), LETTERS, length=3, temperature=0, stop="cx"))
    assert [p.text for p in pieces] == ["a", "b", "c"]
    pieces = list(stream(Chain(LETTERS, "\nabcd"), LETTERS, length=4, temperature=0, stop="cx"))
    assert [(p.text, p.start) for p in pieces] == [("a", 0), ("b", 1), ("", 2), ("cd", 3)]
