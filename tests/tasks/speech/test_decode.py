"""Scores → text: greedy and by search, against all paths counted one by one."""

import itertools
import math

import numpy as np
import pytest

from recurra.errors import ConfigError
from recurra.tasks.speech import Spike, Transcript, Word
from recurra.tasks.speech.decode import Beam, Greedy, decoder, spikes
from recurra.tasks.speech.words import encode, learn


def scores(steps, symbols, seed, sharp=2.0):
    x = np.random.default_rng(seed).normal(size=(steps, symbols)) * sharp
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def likeliest(log_probs):
    """Every path counted: the text of the largest total probability, as symbols, and that probability's logarithm."""
    totals = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        text = tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)
        totals[text] = totals.get(text, 0.0) + math.exp(sum(row[s] for row, s in zip(log_probs, path, strict=True)))
    return max(totals.items(), key=lambda item: item[1])


@pytest.mark.parametrize("seed", range(25))
def test_a_wide_beam_finds_the_likeliest_text_of_all(seed):
    log_probs = scores(6, 3, seed, sharp=1.0)
    beam = Beam(width=1000)
    beam.feed(log_probs)
    assert tuple(symbol for symbol, _, _ in beam.found) == likeliest(log_probs)[0]


def test_the_search_finds_what_the_greedy_reading_misses():
    # Blank is likeliest at both steps, 0.36 in all; "1" has three ways, 0.64.
    log_probs = np.log([[0.6, 0.4], [0.6, 0.4]])
    greedy, beam = Greedy(), Beam(2)
    greedy.feed(log_probs)
    beam.feed(log_probs)
    assert greedy.found == []
    assert [symbol for symbol, _, _ in beam.found] == [1]


def test_the_same_symbol_twice_needs_a_blank_between():
    path = [0, 1, 1, 0, 1, 2, 2, 0]
    log_probs = np.log(np.full((8, 3), 0.01) + 0.97 * np.eye(3)[path])
    log_probs[2, 1] = np.log(0.99)
    for reader in (Greedy(), Beam(4)):
        reader.feed(log_probs)
        assert [(symbol, step) for symbol, step, _ in reader.found] == [(1, 2), (1, 4), (2, 5)], (
            "each at its likeliest step"
        )
        assert math.exp(reader.found[0][2]) == pytest.approx(0.99)


@pytest.mark.parametrize("width", [2, 8])
def test_of_two_equal_symbols_each_has_its_own_time(width):
    log_probs = np.log(np.full((20, 3), 0.005))
    log_probs[:, 0] = np.log(0.99)
    for step, likely in ((3, 0.95), (12, 0.8)):  # the first is the surer one
        log_probs[step] = np.log([(1 - likely) * 0.9, likely, (1 - likely) * 0.1])
    beam = Beam(width)
    beam.feed(log_probs)
    assert [(symbol, step) for symbol, step, _ in beam.found] == [(1, 3), (1, 12)]
    assert math.exp(beam.found[1][2]) == pytest.approx(0.8)


@pytest.mark.parametrize("seed", range(20))
def test_times_only_grow(seed):
    beam = Beam(8)
    beam.feed(scores(60, 4, seed, sharp=2.0))
    steps = [step for _, step, _ in beam.found]
    assert len(steps) > 3
    assert steps == sorted(set(steps))


@pytest.mark.parametrize("width", [-1, 1.5, "3", True])
def test_what_is_no_width_is_refused(width):
    with pytest.raises(ConfigError, match=r"`beam` is .*; expected a whole number"):
        decoder(width)


@pytest.mark.parametrize("width", [0, 1, 5])
def test_steps_in_pieces_read_as_steps_at_once(width):
    log_probs = scores(60, 6, seed=3)
    whole, pieces = decoder(width), decoder(width)
    whole.feed(log_probs)
    for part in np.split(log_probs, [1, 2, 20, 20, 55]):
        pieces.feed(part)
    assert pieces.found == whole.found
    assert len(whole.found) > 5


@pytest.mark.parametrize(("seed", "width", "sharp"), [(52, 8, 3.0), (54, 5, 1.0), (54, 8, 1.0), (59, 8, 3.0)])
def test_the_search_holds_no_text_twice(seed, width, sharp):
    """Where a text was dropped and comes back while a longer one of it stayed, as it does with these seeds."""
    beam = Beam(width)
    for row in scores(60, 3, seed, sharp):
        beam.feed(row[None])
        texts = []
        for prefix in beam._beam:
            text = []
            while prefix.parent is not None:
                text.append(prefix.symbol)
                prefix = prefix.parent
            texts.append(tuple(text))
        assert len(set(texts)) == len(texts) <= width


def test_a_long_sound_loses_no_precision():
    beam = Beam(3)
    for _ in range(20):
        beam.feed(scores(100, 4, seed=1))
    assert all(-100 < max(pair) <= 0 for pair in beam._beam.values())


# Texts


@pytest.mark.parametrize("unit", ["character", "word", "bpe"])
def test_spikes_spell_the_text(unit):
    vocabulary = learn(["one two three", "two é one"], unit)
    ids = encode(vocabulary, "two one é")
    assert min(ids) >= 1, "the blank is no symbol of a text"
    found = [(int(symbol), 2 * k, math.log(0.5)) for k, symbol in enumerate(ids)]
    transcript = Transcript(spikes(found, vocabulary, (0.03, 0.02), 0.3), 0.3)
    assert transcript.text == "two one é"
    assert [word.text for word in transcript.words] == ["two", "one", "é"]
    first = transcript.spikes[0]
    assert (first.time, first.probability) == (0.02, 0.5)
    assert max(spike.time for spike in transcript.spikes) <= 0.3, "no word is heard after the end"


def test_words_have_the_times_of_their_symbols():
    letters = [("o", 0.1), ("n", 0.2), ("e", 0.3), (" ", 0.4), ("a", 0.5)]
    transcript = Transcript(tuple(Spike(s, t, 0.9) for s, t in letters), 0.6)
    assert transcript.words == [Word("one", 0.1, 0.3), Word("a", 0.5, 0.55)], (
        "no word is shorter than a twentieth of a second"
    )
    sounding = ((0.08, 0.35), (0.52, 0.9), (1.2, 1.5))
    assert Transcript(transcript.spikes, 2.0, sounding).words == [Word("one", 0.1, 0.35), Word("a", 0.5, 0.9)]
    close = (Spike(" x", 0.1, 0.9), Spike(" y", 0.4, 0.9), Spike(" z", 1.7, 0.9))
    words = Transcript(close, 2.0, ((0.08, 1.0),)).words
    assert [(word.start, word.end) for word in words] == [(0.1, 0.4), (0.4, 1.0), (1.7, 1.75)], "up to the next word"
    assert Transcript((), 2.0).text == ""
    assert Transcript((), 2.0).words == []
