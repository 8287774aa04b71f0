"""Prompt → text, on toy models: what is drawn, where it starts and stops, what it costs, and which calls are refused."""

import gc
import sys
import threading
from itertools import pairwise

import numpy as np
import pytest
import torch
from helpers.soak import count
from helpers.toy_models import LETTERS, Chain, Fixed, Toy
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from recurra.errors import RunError, VocabularyError
from recurra.generation import GenerationConfig, generate, stream
from recurra.generation.random import Random
from recurra.generation.session import evaluating
from recurra.text import TextConfig, build_vocabulary


def test_the_prompt_is_kept_unless_asked_otherwise(toy):
    kept = generate(toy, LETTERS, "abba", length=5, seed=1)[0]
    assert kept.text == "abba" + kept.continuation
    assert kept.prompt == "abba"
    assert generate(toy, LETTERS, "abba", length=5, seed=1, keep_prompt=False)[0].text == kept.continuation


def test_without_a_prompt_it_starts_from_a_newline_that_is_not_shown():
    assert generate(Chain(LETTERS, "\nabc"), LETTERS, length=3, temperature=0)[0].text == "abc"


def test_without_a_prompt_it_starts_from_the_end_of_a_document():
    vocabulary = build_vocabulary(["abc\n"], documents=True)
    model = Chain(vocabulary, ids=[vocabulary.eod, *vocabulary.encode("cab")])
    assert generate(model, vocabulary, length=3, temperature=0)[0].text == "cab"


def test_without_prompt_or_newline_it_starts_from_the_first_token():
    vocabulary = build_vocabulary(["xyz"])
    assert generate(Chain(vocabulary, "xzy"), vocabulary, length=2, temperature=0)[0].text == "zy"
    unknown = build_vocabulary(["xyz"], TextConfig(unknown="unk"))
    assert len(generate(Toy(unknown), unknown, length=20, seed=1)[0].text) == 20


def test_the_end_of_a_document_stops_or_goes_on_with_a_fresh_state():
    vocabulary = build_vocabulary(["abc"], documents=True)
    model = Chain(vocabulary, ids=[vocabulary.eod, *vocabulary.encode("ab"), vocabulary.eod])
    sample = generate(model, vocabulary, length=9, temperature=0, stop_at_document_end=True)[0]
    assert (sample.text, sample.finish, sample.tokens[-1]) == ("ab", "document end", vocabulary.eod)
    assert generate(model, vocabulary, length=5, temperature=0)[0].text == "ababa"


def test_special_tokens_are_never_drawn_where_they_mean_nothing():
    vocabulary = build_vocabulary(["ab"], TextConfig(unknown="unk"), documents=True)
    scores = [0.0] * len(vocabulary)
    scores[vocabulary.eod] = scores[vocabulary.unk] = 5.0
    sample = generate(Fixed(scores), vocabulary, length=200, seed=3)[0]
    assert len(sample.text) == 200
    assert vocabulary.unk not in sample.tokens
    assert not any(a == b == vocabulary.eod for a, b in pairwise(sample.tokens))
    assert sample.tokens[0] != vocabulary.eod


# What is drawn


def test_probabilities_are_the_models_own(toy):
    options = {"temperature": 0.5, "top_k": 4, "repetition_penalty": 1.5}
    sample = generate(toy, LETTERS, "ab", length=12, seed=1, **options)[0]
    ids = torch.from_numpy(LETTERS.encode(sample.text).astype(np.int64))[None]
    with torch.no_grad(), evaluating(toy):
        p = toy(ids)[0].double().softmax(-1)[0, 1:-1].gather(1, ids[0, 2:, None])[:, 0]
    np.testing.assert_allclose(sample.probabilities, p.numpy(), rtol=1e-4)
    assert sample.log_probability == pytest.approx(p.log().sum().item(), rel=1e-4)


def test_the_draw_is_the_one_that_is_written_down():
    scores = np.array([0.3, 1.0, -0.5, 0.0, 2.0, 0.1, 0.2, 0.7, 1.5])
    random, want = Random(11, 2), []
    for _ in range(30):
        weights = [np.exp((s - 2.0) / 0.8) for s in scores]
        token, running, bound = 0, weights[0], random.uniform() * sum(weights)
        while running <= bound:
            token += 1
            running += weights[token]
        want.append(token)
    sample = generate(Fixed(scores), LETTERS, length=30, temperature=0.8, seed=11, samples=3)[2]
    assert list(sample.tokens) == want


def test_temperature_zero_is_the_likeliest_and_a_schedule_goes_there(toy):
    greedy = generate(toy, LETTERS, "ab", length=30, temperature=0)[0]
    assert greedy.tokens == generate(toy, LETTERS, "ab", length=30, top_k=1)[0].tokens
    config = GenerationConfig(temperature="1.5:0.5")
    assert [config.temperature_at(p) for p in (0, 0.5, 1)] == [1.5, 1.0, 0.5]
    model, config = Fixed(np.linspace(0, 3, 9)), GenerationConfig(length=40, temperature="8:0")
    drawn = np.array([generate(model, LETTERS, "", config, seed=s)[0].tokens for s in range(40)])
    assert (drawn[:, -1] == 8).all()
    assert (drawn[:, 0] == 8).mean() < 0.5
    assert (drawn[:, :10] == 8).mean() < (drawn[:, -10:] == 8).mean()


def test_repetition_penalty_breaks_a_loop():
    model = Fixed([3.0, 2.9, 2.8, 2.7, 0, 0, 0, 0, 0])
    loop = generate(model, LETTERS, length=20, temperature=0)[0].tokens
    penalty = {"repetition_penalty": 1.5, "repetition_window": 3}
    broken = generate(model, LETTERS, length=20, temperature=0, **penalty)[0].tokens
    assert len(set(loop)) == 1
    assert all(len(set(broken[i : i + 4])) == 4 for i in range(16))


def test_the_same_seed_gives_the_same_text_and_one_is_reported(toy):
    first = generate(toy, LETTERS, "ab", length=40)[0]
    assert generate(toy, LETTERS, "ab", length=40, seed=first.seed)[0] == first
    assert generate(toy, LETTERS, "ab", length=40, seed=first.seed + 1)[0].text != first.text


def test_samples_do_not_depend_on_each_other(toy, monkeypatch):
    alone = generate(toy, LETTERS, "ab", length=40, seed=5)[0]
    several = generate(toy, LETTERS, "ab", length=40, seed=5, samples=7)
    assert several[0].text == alone.text
    assert len({s.text for s in several}) == 7
    assert [s.sample for s in several] == list(range(7))
    monkeypatch.setattr("recurra.generation.sampling._ROWS", 3)
    assert [s.text for s in generate(toy, LETTERS, "ab", length=40, seed=5, samples=7)] == [s.text for s in several]


def test_samples_that_end_early_leave_the_others_alone(toy):
    free = generate(toy, LETTERS, "ab", length=60, seed=5, samples=6)
    stopped = generate(toy, LETTERS, "ab", length=60, seed=5, samples=6, stop="c")
    assert [s.text for s in stopped] == ["ab" + f.continuation.partition("c")[0] for f in free]
    assert len({len(s.text) for s in stopped}) > 1


def test_streams_on_one_model_do_not_disturb_each_other(toy):
    def text(pieces):
        return "".join(p.text for p in pieces)

    options = [{"prompt": "abc", "seed": 1, "length": 60}, {"prompt": "h", "seed": 2, "length": 60}]
    alone = [text(stream(toy, LETTERS, **o)) for o in options]
    pairs = list(zip(*[stream(toy, LETTERS, **o) for o in options], strict=True))
    assert [text(p[i] for p in pairs) for i in range(2)] == alone
    results = {}
    threads = [
        threading.Thread(target=lambda i=i: results.update({i: text(stream(toy, LETTERS, **options[i % 2]))}))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[i] for i in range(4)] == alone * 2


class Running(nn.Module):
    """A cheap model with a state, for long texts."""

    def __init__(self, vocabulary):
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Parameter(torch.randn(len(vocabulary), len(vocabulary)))

    def forward(self, ids, state=None, resets=None):
        for t in range(ids.shape[1]):
            state = torch.tanh(self.table[ids[None, :, t]] + (0 if state is None else state))
        return state.transpose(0, 1), state


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length():
    blocks = []
    for piece in stream(Running(LETTERS), LETTERS, "ab", length=20_000, seed=1):
        if piece.start in (2_000, 19_000):
            gc.collect()
            blocks.append(sys.getallocatedblocks())
    assert piece.start == 19_999
    assert blocks[1] - blocks[0] < 1_000, "Python objects that 17,000 characters left behind"


def test_a_prompt_the_model_cannot_read_fails_at_once(toy):
    with pytest.raises(VocabularyError, match=r"prompt: 'é' \(U\+00E9\)"):
        stream(toy, LETTERS, "abé")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_scores_that_are_no_numbers(bad):
    with pytest.raises(RunError, match=r"scores are not finite .*: its weights are damaged or its training"):
        generate(Fixed([bad] * 9), LETTERS, "a")


def test_a_vocabulary_of_another_run(toy):
    words = "the model gives 9 scores, the vocabulary has 3 tokens: they are not from the same run"
    with pytest.raises(RunError, match=words):
        generate(toy, build_vocabulary(["abc"]), "a")


def test_nothing_left_to_draw():
    vocabulary = build_vocabulary(["a"], documents=True)
    with pytest.raises(RunError, match="leaves no token to draw"):
        generate(Fixed([0.0, -np.inf]), vocabulary)


@settings(max_examples=count(40, 800), deadline=None)
@given(
    length=st.integers(1, 20),
    temperature=st.floats(0, 5),
    top_k=st.integers(0, 12),
    top_p=st.floats(0.01, 1),
    min_p=st.floats(0, 1),
    penalty=st.floats(0.2, 5),
    samples=st.integers(1, 4),
    prompt=st.text("abcdefgh\n", max_size=5),
)
def test_any_settings_give_exactly_what_was_asked(length, temperature, top_k, top_p, min_p, penalty, samples, prompt):
    texts = generate(
        Toy(LETTERS, hidden=4), LETTERS, prompt, length=length, temperature=temperature, top_k=top_k,
        top_p=top_p, min_p=min_p, repetition_penalty=penalty, samples=samples, seed=0,
    )  # fmt: skip
    assert [len(t.text) for t in texts] == [len(prompt) + length] * samples
    assert all(0 < p <= 1 for t in texts for p in t.probabilities)
