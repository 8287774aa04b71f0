"""Beam search: the likeliest texts, found by trying all of them; what it cannot do."""

import numpy as np
import pytest
import torch
from helpers.toy_models import LETTERS, Chain, Toy

from recurra.errors import ConfigError
from recurra.generation import GenerationConfig, beam_search, generate, stream
from recurra.generation.session import evaluating
from recurra.text import TextConfig, build_vocabulary


def all_texts(model, ids, steps):
    """Every continuation of some ids and its log-probability, by trying them all."""
    with torch.no_grad(), evaluating(model):
        best = {(): 0.0}
        for _ in range(steps):
            best = {
                (*key, v): total + p
                for key, total in best.items()
                for v, p in enumerate(model(torch.tensor([[*ids, *key]]))[0][0, -1].double().log_softmax(-1).tolist())
            }
    return sorted(best.items(), key=lambda item: -item[1])


def test_a_wide_beam_finds_the_likeliest_text():
    vocabulary = build_vocabulary(["abcd"])
    model = Toy(vocabulary)
    truth = all_texts(model, vocabulary.encode("ab").tolist(), 4)[:5]
    found = generate(model, vocabulary, "ab", length=4, beam=256, samples=5)
    assert [s.tokens for s in found] == [key for key, _ in truth]
    np.testing.assert_allclose([s.log_probability for s in found], [total for _, total in truth], rtol=1e-5)
    assert [s.sample for s in found] == [0, 1, 2, 3, 4]
    assert found[0].text == "ab" + found[0].continuation


def test_a_beam_is_at_least_as_likely_as_greedy(toy):
    greedy = generate(toy, LETTERS, "ab", length=30, temperature=0)[0]
    assert generate(toy, LETTERS, "ab", length=30, beam=1)[0].tokens == greedy.tokens
    found = generate(toy, LETTERS, "ab", length=30, beam=8, samples=8)
    assert found[0].log_probability > greedy.log_probability
    totals = [s.log_probability for s in found]
    assert totals == sorted(totals, reverse=True)
    assert len({s.text for s in found}) == 8


def test_a_beam_stops_counts_and_decodes_as_a_draw_does(toy):
    assert generate(Chain(LETTERS, "\nabcdef"), LETTERS, length=9, beam=3, stop="de")[0].text == "abc"
    vocabulary = build_vocabulary(["é海🌊"], TextConfig(unit="byte"))
    model = Toy(vocabulary)
    for sample in generate(model, vocabulary, "é", length=7, beam=6, samples=6):
        assert len(sample.continuation) == 7
        assert vocabulary.decode(sample.tokens) == sample.continuation
    chain = Chain(vocabulary, "é海🌊é")
    assert generate(chain, vocabulary, "é", length=3, beam=4)[0].text == "é海🌊é"


def test_a_beam_does_not_stream(toy):
    with pytest.raises(ConfigError, match="beam=4 cannot stream: its text is known at the end; use `gen"):
        stream(toy, LETTERS, "ab", beam=4)
    with pytest.raises(ConfigError, match="`beam` is 0; expected the number of candidates"):
        beam_search(toy, LETTERS, "ab", GenerationConfig())
