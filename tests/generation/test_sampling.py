"""Prompt → text, on toy models: what is drawn, where it stops, what it costs, and what goes wrong clearly."""

import dataclasses
import gc
import resource
import sys
import threading
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from recurra.errors import ConfigError, RunError, VocabularyError
from recurra.generation import GenerationConfig, Session, beam_search, generate, samplers, stream
from recurra.generation.random import Random
from recurra.generation.session import evaluating
from recurra.text import TextConfig, build_vocabulary

LETTERS = build_vocabulary(["abcdefgh\n"])


class Toy(nn.Module):
    """A small random model; large weights, so that its choices differ and depend on all that came before."""

    def __init__(self, vocabulary, hidden=16, dropout=0.5, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = nn.Embedding(len(vocabulary), 8)
        self.rnn = nn.LSTM(8, hidden, num_layers=2, dropout=dropout, batch_first=True)
        self.out = nn.Linear(hidden, len(vocabulary))
        self.resets = []
        for p in self.parameters():
            nn.init.normal_(p, std=0.8)

    def forward(self, ids, state=None, resets=None):
        self.resets.append(None if resets is None else resets.tolist())
        y, state = self.rnn(self.embedding(ids), state)
        return self.out(y), state


class Chain(nn.Module):
    """Always the same text, over and over: after each token comes its follower, whatever the state."""

    def __init__(self, vocabulary, text="", ids=None):
        super().__init__()
        ids = vocabulary.encode(text).tolist() if ids is None else ids
        self.follow = {(a,): b for a, b in pairwise(ids)}
        self.size, self.first = len(vocabulary), ids[0]

    def forward(self, ids, state=None, resets=None):
        logits = torch.full((*ids.shape, self.size), -30.0)
        for b, row in enumerate(ids.tolist()):
            for t, token in enumerate(row):
                logits[b, t, self.follow.get((token,), self.first)] = 30.0
        return logits, torch.zeros(1, len(ids), 1)


class Fixed(nn.Module):
    """The same scores at every step."""

    def __init__(self, scores):
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(scores, dtype=torch.float64))

    def forward(self, ids, state=None, resets=None):
        return self.scores.expand(*ids.shape, -1), torch.zeros(1, len(ids), 1)


@pytest.fixture(scope="module")
def toy():
    return Toy(LETTERS)


# Length, prompt, stop


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


def test_the_prompt_is_kept_unless_asked_otherwise(toy):
    kept = generate(toy, LETTERS, "abba", length=5, seed=1)[0]
    assert kept.text == "abba" + kept.continuation
    assert kept.prompt == "abba"
    assert generate(toy, LETTERS, "abba", length=5, seed=1, keep_prompt=False)[0].text == kept.continuation


def test_a_long_prompt_is_read_in_pieces_and_gives_the_same(toy):
    prompt = "abcdefgh" * 100
    ids = torch.from_numpy(LETTERS.encode(prompt).astype(np.int64))[None]
    toy.eval()
    with torch.no_grad():
        want = toy(ids)[0][0, -1].double().numpy()
    toy.train()
    np.testing.assert_allclose(Session(toy).feed(ids.numpy())[0], want, rtol=1e-5)


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


@settings(max_examples=50, deadline=None)
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


def test_the_end_of_a_document_stops_or_goes_on_with_a_fresh_state():
    vocabulary = build_vocabulary(["abc"], documents=True)
    model = Chain(vocabulary, ids=[vocabulary.eod, *vocabulary.encode("ab"), vocabulary.eod])
    sample = generate(model, vocabulary, length=9, temperature=0, stop_at_document_end=True)[0]
    assert (sample.text, sample.finish, sample.tokens[-1]) == ("ab", "document end", vocabulary.eod)
    assert generate(model, vocabulary, length=5, temperature=0)[0].text == "ababa"


def test_the_token_after_a_document_end_starts_fresh():
    vocabulary = build_vocabulary(["abc"], documents=True)
    eod, a, b, c = vocabulary.eod, *vocabulary.encode("abc").tolist()
    model = Toy(vocabulary)
    session = Session(model, eod=eod)
    session.feed(np.array([[a, eod, b]]))
    session.feed(np.array([[eod]]))
    session.select([0, 0])
    session.feed(np.array([[c], [a]]))
    session.feed(np.array([[a], [a]]))
    assert model.resets == [[[False, False, True]], None, [[True], [True]], None]


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


# The state, the mode, the memory


def test_context_reads_the_last_tokens_again(toy):
    sample = generate(toy, LETTERS, "abcabc", length=15, context=4, temperature=0, samples=2)[1]
    ids = LETTERS.encode(sample.text).astype(np.int64)
    with torch.no_grad(), evaluating(toy):
        for t in range(6, len(ids)):
            assert toy(torch.from_numpy(ids[None, t - 4 : t]))[0][0, -1].argmax() == ids[t]
    carried = generate(toy, LETTERS, "abcabc", length=15, temperature=0)[0]
    assert generate(toy, LETTERS, "abcabc", length=15, temperature=0, context=10**6)[0].text == carried.text


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


def test_the_models_mode_is_restored_module_by_module(toy):
    toy.train()
    toy.out.eval()
    random = torch.get_rng_state()
    pieces = stream(toy, LETTERS, "ab", length=5, seed=1)
    for _ in pieces:
        assert toy.training
        assert toy.rnn.training
        assert not toy.out.training
        assert not torch.is_inference_mode_enabled()
    assert torch.equal(random, torch.get_rng_state())
    with evaluating(toy), evaluating(toy):
        assert not toy.rnn.training
    assert toy.rnn.training
    toy.train()


def test_dropout_is_off(toy):
    toy.train()
    trained = generate(toy, LETTERS, "ab", length=50, seed=1)[0].text
    toy.eval()
    assert generate(toy, LETTERS, "ab", length=50, seed=1)[0].text == trained
    toy.train()


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


def test_memory_does_not_grow_with_the_length():
    blocks, resident = [], []
    for piece in stream(Running(LETTERS), LETTERS, "ab", length=20_000, seed=1):
        if piece.start in (2_000, 19_000):
            gc.collect()
            blocks.append(sys.getallocatedblocks())
            resident.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert piece.start == 19_999
    assert blocks[1] - blocks[0] < 1_000, "Python objects that 17,000 characters left behind"
    assert resident[1] - resident[0] < 4_000, "KiB that they left behind"


# Beam search


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


# Errors


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"length": 0}, "`length` is 0; expected 1 or more"),
        ({"length": "5"}, "`length` is '5'; expected int"),
        ({"unit": "letters"}, "`unit` is 'letters'; expected one of: characters, tokens"),
        ({"temperature": -1.0}, "`temperature` is -1.0; expected a number from 0 up, such as 0.8, or two"),
        ({"temperature": "warm"}, "`temperature` is 'warm'"),
        ({"temperature": "1:nan"}, "`temperature` is '1:nan'"),
        ({"temperature": float("inf")}, "`temperature` is inf"),
        ({"top_k": -1}, "`top_k` is -1; expected 0 or more tokens"),
        ({"top_p": 0.0}, "`top_p` is 0.0; expected a fraction above 0 and at most 1"),
        ({"top_p": float("nan")}, "`top_p` is nan"),
        ({"min_p": 1.5}, "`min_p` is 1.5; expected a fraction, 0 to 1"),
        ({"repetition_penalty": 0.0}, "`repetition_penalty` is 0.0; expected more than 0"),
        ({"repetition_window": 0}, "`repetition_window` is 0; expected 1 or more tokens"),
        ({"seed": -1}, "`seed` is -1; expected a whole number, 0 to 2**64 - 1"),
        ({"stop": ("", "a")}, "`stop` is ('', 'a'); expected strings of at least one character"),
        ({"samples": 0}, "`samples` is 0; expected 1 or more"),
        ({"beam": -1}, "`beam` is -1; expected 0 or more candidates"),
        ({"context": -5}, "`context` is -5; expected 0 or more tokens"),
        ({"beam": 4, "temperature": 0.5}, "`temperature` has no effect with beam=4"),
        ({"beam": 4, "seed": 1}, "`seed` has no effect with beam=4"),
        ({"beam": 2, "samples": 3}, "`samples` is 3; expected at most beam=2"),
        ({"temprature": 1.0}, "not a setting of GenerationConfig; did you mean `temperature`?"),
    ],
)
def test_settings_that_cannot_be(toy, options, words):
    with pytest.raises(ConfigError) as error:
        generate(toy, LETTERS, "ab", **options)
    assert words in str(error.value)


def test_a_beam_does_not_stream(toy):
    with pytest.raises(ConfigError, match="beam=4 cannot stream: its text is known at the end; use `gen"):
        stream(toy, LETTERS, "ab", beam=4)
    with pytest.raises(ConfigError, match="`beam` is 0; expected the number of candidates"):
        beam_search(toy, LETTERS, "ab", GenerationConfig())


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


@settings(max_examples=40, deadline=None)
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


def test_the_filters_are_settings():
    assert set(samplers.FILTERS) <= {field.name for field in dataclasses.fields(GenerationConfig)}
