"""The search: beams against all there is, loops, lengths, tokens that must not be written."""

import itertools

import numpy as np
import pytest
import torch
from helpers.support import randomise
from helpers.translators import network

from recurra.nn.attention import Memory
from recurra.tasks.translation.config import TranslationConfig
from recurra.tasks.translation.model import Decoding
from recurra.tasks.translation.search import copies_in, search

FREE = [100] * 200  # a model of random weights repeats itself


def chance(model, source, tokens, end=0):
    given = torch.tensor([[end, *tokens]])
    chances = model(torch.tensor([source]), torch.tensor([len(source)]), given).log_softmax(2)[0]
    return chances[range(len(tokens) + 1), [*tokens, end]].sum().item()


@pytest.mark.slow
def test_a_wide_beam_finds_the_best_of_all():
    # Large weights, or what came before would hardly matter.
    model, sources = (
        randomise(network(), 2.0),
        [np.array(ids) for ids in ([1, 2, 3], [4, 5], [6], [3, 3], [5, 1, 2, 2])],
    )
    model.head.bias.data[0] += 4.0  # or hardly any would end
    words = [list(word) for n in range(4) for word in itertools.product(range(1, 5), repeat=n)]
    found = search(model, sources, limit=4, end=0, beam=700, copies=FREE)
    ended = [(source.tolist(), ids) for source, ids in zip(sources, found, strict=True) if len(ids) <= 3]
    assert len(ended) >= 3  # others are likelier still with more tokens
    for source, ids in ended:
        assert ids == max(words, key=lambda word: chance(model, source, word) / (len(word) + 1))


def test_one_candidate_is_the_likeliest_token_each_time():
    model, sources = network(), [np.array([1, 2, 3, 3, 2]), np.array([4]), np.array([2, 6])]
    found = search(model, sources, limit=6, end=0, copies=FREE)
    for source, ids in zip(sources, found, strict=True):
        given = [0]
        while len(given) < 8:
            logits = model(torch.as_tensor(source)[None], torch.tensor([len(source)]), torch.tensor([given]))
            given.append(int(logits[0, -1].argmax()))
        assert ids == [*given[1:], 0][: given[1:].index(0) if 0 in given[1:] else 6]


class Looping(torch.nn.Module):
    """A model that always goes on with the token behind the last one, in a circle of some tokens, and never ends."""

    def __init__(self, circle, size=6):
        super().__init__()
        self.config, self.device = TranslationConfig(), torch.device("cpu")
        after = dict(zip([0, *circle], [*circle, circle[0]], strict=True))
        self.scores = torch.zeros(size, size)
        for token, following in after.items():
            self.scores[token, following] = 9.0
            self.scores[token, 0] = 5.0

    def encode(self, source, lengths):
        return Memory(torch.zeros(len(source), 1, 1), torch.zeros(len(source), 1, 1), None), Decoding(
            torch.zeros(1, len(source), 1), None
        )

    def decode(self, tokens, memory, going):
        return self.scores[tokens], torch.zeros(*tokens.shape, 1), going


@pytest.mark.parametrize("beam", [1, 3])
def test_loops_are_not_written(beam):
    """As 202 28-28-28-28 ...: a part may follow itself once, a single token three times, or as often as in the text."""
    text = [np.array([1])]
    assert search(Looping([1, 2, 3]), text, limit=30, end=0, beam=beam)[0][:6] == [1, 2, 3, 1, 2, 3]
    for circle in ([1, 2, 3], [2, 4], [1]):
        found = search(Looping(circle), text, limit=30, end=0, beam=beam)[0]
        assert len(found) < 3 * max(len(circle), 2), found
        more = search(Looping(circle), text, limit=30, end=0, beam=beam, copies=[5])[0]
        assert more[: 5 * len(circle)] == circle * 5
        assert len(more) < 6 * len(circle)
    assert [copies_in(text) for text in ("abc", "wait .....", "28-28-28-", "")] == [2, 5, 3, 2]


def test_a_length_penalty_chooses_among_lengths():
    model, text = Looping([1]), [np.array([1])]
    model.scores = torch.full((4, 4), 1e-6)
    # At the start nothing more, or 1, then 2, then 3, then the end.
    for token, following, part in [(0, 0, 0.45), (0, 1, 0.55), (1, 2, 0.8), (2, 3, 0.8), (3, 0, 0.8)]:
        model.scores[token, following] = part
        model.scores[token, 1] += 0.2 * (token > 0)
    model.scores.log_()
    found = [search(model, text, limit=9, end=0, beam=4, length_penalty=power)[0] for power in (0.0, 1.0)]
    assert found == [[], [1, 2, 3]]


def test_a_token_that_must_not_be_written_is_not():
    sources = [np.array([k]) for k in range(1, 7)]
    free = search(network(), sources, limit=5, end=0)
    never = next(ids for ids in free if ids)[0]
    assert not any(never in ids for ids in search(network(), sources, limit=5, end=0, never=never))
