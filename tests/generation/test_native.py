"""The engine's texts against the reference's: the same tokens for the same settings, wherever the scores are the same."""

import numpy as np
import pytest
import torch
from helpers.engine_models import OPTIONS, SYMBOLS, VOCABULARY, language_model
from helpers.soak import chance, count

from recurra import cells
from recurra.errors import ConfigError, RunError, VocabularyError
from recurra.generation import GenerationConfig, beam_search, generate, native, reference, stream, way
from recurra.generation.sampling import seeded
from recurra.generation.tokens import prompt_ids
from recurra.generation.writer import collect
from recurra.text import TextConfig, build_vocabulary


def both(model, prompt: str, config: GenerationConfig, vocabulary=VOCABULARY) -> tuple[list, list]:
    """The samples of the engine, and those of the reference."""
    results = []
    for draw, what in ((native.pieces, way(model).engine), (reference.pieces, model)):
        samples = [[] for _ in range(config.samples)]
        for piece in draw(what, vocabulary, prompt, prompt_ids(vocabulary, prompt), config, 64):
            samples[piece.sample].append(piece)
        results.append([collect(pieces, prompt, config.seed) for pieces in samples])
    return tuple(results)


def assert_same(model, prompt: str, config: GenerationConfig, vocabulary=VOCABULARY, near: float = 1e-5) -> None:
    for got, want in zip(*both(model, prompt, config, vocabulary), strict=True):
        assert got.text == want.text
        assert (got.tokens, got.finish) == (want.tokens, want.finish)
        np.testing.assert_allclose(got.probabilities, want.probabilities, rtol=near, atol=near)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("cell", cells.names(given=False))
def test_every_cell_writes_the_references_text(cell, options):
    model = language_model(cell, **OPTIONS[options])
    # A state without a bound grows, and with it what the order of a sum changes: 3e-5 in an IndRNN on some processors.
    assert_same(model, "to be", GenerationConfig(length=60, seed=3, samples=3, temperature="1.2:0.7"), near=1e-4)


def fixed(scores) -> torch.nn.Module:
    """A model whose scores are these to the bit, whoever computes them."""
    model = language_model("gru", hidden_size=3)
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.as_tensor(scores))
    return model


def random_settings(random) -> dict:
    def maybe(value, default):
        return value if random.random() < 0.4 else default

    settings = {
        "temperature": random.choice([0, 0.3, 0.8, 1.0, 1.0, 3.0, "2:0", "0.2:1.7"]),
        "top_k": maybe(random.randint(1, 40), 0),
        "top_p": maybe(random.uniform(0.01, 1), 1.0),
        "min_p": maybe(random.random(), 0.0),
        "repetition_penalty": maybe(random.choice([0.5, 1.1, 2.0, 5.0]), 1.0),
        "repetition_window": random.randint(1, 20),
        "presence_penalty": maybe(random.uniform(-2, 2), 0.0),
        "frequency_penalty": maybe(random.uniform(-1, 1), 0.0),
        "unit": random.choice(["tokens", "characters"]),
        "seed": random.randrange(2**64),
    }
    if random.random() < 0.3:
        settings["logit_bias"] = {random.choice(SYMBOLS): random.choice([-100, -2.5, 3]) for _ in range(3)}
    return settings


@pytest.mark.slow
@pytest.mark.sampled
def test_random_settings_draw_what_the_samplers_draw():
    random, settings = chance(), []
    for number in range(count(150, 100_000)):
        if number % 50 == 0:
            kind = random.choice(["plain", "plain", "equal", "steep"])
            scores = {
                "plain": lambda: [random.gauss(0, 2) for _ in VOCABULARY.symbols],
                "equal": lambda: [float(random.randint(0, 2)) for _ in VOCABULARY.symbols],
                "steep": lambda: [random.gauss(0, 60) for _ in VOCABULARY.symbols],
            }[kind]()
            model = fixed(scores)
        settings = random_settings(random)
        config = GenerationConfig(length=12, samples=2, **settings)
        try:
            assert_same(model, "to be, or", config, near=1e-9)
        except AssertionError as error:
            raise AssertionError(f"{settings} on {scores}") from error


@pytest.mark.slow
@pytest.mark.sampled
def test_long_texts_are_the_references():
    model, wrong = language_model(num_layers=2, hidden_size=48), 0
    for seed in range(count(5, 100)):
        got, want = both(model, "", GenerationConfig(length=1000, seed=seed))
        wrong += got[0].text != want[0].text
    # A draw may fall between two scores that differ in the last bits.
    assert wrong <= count(0, 2)


@pytest.mark.parametrize(
    ("unknown", "unit"), [("unk", "character"), ("bytes", "character"), ("error", "byte"), ("error", "word")]
)
def test_every_vocabulary(unknown, unit):
    text = "to be or not to be, that is the question: été, 日本.\n" * 3
    vocabulary = build_vocabulary([text], TextConfig(unit=unit, unknown=unknown, min_count=1), documents=True)
    model = language_model("gru", vocabulary)
    for options in (
        {"temperature": "1.5:0.5"},
        {"stop": ("e", "日")},
        {"stop_at_document_end": True, "length": 300},
        {"unit": "tokens", "repetition_penalty": 1.3},
        {"context": 5, "length": 20},
    ):
        assert_same(model, "to be", GenerationConfig(**({"length": 60, "seed": 5, "samples": 3} | options)), vocabulary)
        assert_same(model, "", GenerationConfig(**({"length": 60, "seed": 6} | options)), vocabulary)


def test_a_beam_is_the_references():
    model = language_model(num_layers=2)
    for options in ({}, {"stop": "e"}, {"context": 6}):
        config = GenerationConfig(length=30, beam=5, samples=4, **options)
        want = _beam_of_reference(model, config)
        got = beam_search(model, VOCABULARY, "to be", config)
        assert [sample.text for sample in got] == [sample.text for sample in want]
        np.testing.assert_allclose([s.log_probability for s in got], [s.log_probability for s in want], rtol=1e-5)


def _beam_of_reference(model, config):
    handle = model.head.register_forward_hook(lambda *_: None)  # somebody looks: the engine steps back
    try:
        assert way(model).engine is None
        return beam_search(model, VOCABULARY, "to be", config)
    finally:
        handle.remove()


def test_it_is_told_who_writes_and_why():
    model = language_model()
    assert model.explain() == "the engine writes, in float32"
    assert model.explain("int8") == "the engine writes, in int8"
    told = model.double().explain()
    assert told.startswith("Python draws from the model's scores, many times slower, since the engine cannot run it: ")
    assert told.endswith("its weights must be float32 on the CPU, and some are float64 on cpu")
    transformer = language_model("transformer", context=8, hidden_size=16)
    assert "it runs recurrent layers between an embedding and a head, and this is Transformer" in transformer.explain()
    with pytest.raises(ConfigError, match="precision='int8' is the engine's, which cannot run this model: it runs"):
        transformer.generate("a", 5, precision="int8")
    assert len(transformer.generate("a", 5, seed=1)) == 6


def test_int8_and_bfloat16_write():
    model = language_model(hidden_size=64)
    texts = {p: model.generate("to be", 2000, seed=1, precision=p) for p in ("float32", "bfloat16", "int8")}
    assert len(set(texts.values())) == 3


def test_penalties_keep_tokens_from_coming_again():
    model = fixed([float(k % 3) for k in range(len(VOCABULARY))])
    for penalty in ("presence_penalty", "frequency_penalty"):
        tokens = generate(model, VOCABULARY, length=len(VOCABULARY), seed=1, **{penalty: 90.0})[0].tokens
        assert len(set(tokens)) == len(VOCABULARY)


def test_a_bias_keeps_a_token_out_or_brings_it_in():
    model = fixed([0.0] * len(VOCABULARY))
    assert "e" not in generate(model, VOCABULARY, length=300, seed=1, logit_bias="e=-1000")[0].text
    assert set(generate(model, VOCABULARY, length=50, seed=1, logit_bias={"e": 1000})[0].text) == {"e"}
    with pytest.raises(
        VocabularyError, match="`logit_bias` names 'to', which is 2 tokens of this model; expected a text that"
    ):
        generate(model, VOCABULARY, length=5, logit_bias="to=1")


@pytest.mark.parametrize("entry", ["e", "=1", "e=much", "e=nan", 3])
def test_a_bias_is_a_token_and_a_number(entry):
    with pytest.raises(
        ConfigError, match=r"`logit_bias` has .*; expected a token and a number with = between them, such as"
    ):
        GenerationConfig(logit_bias=(entry,))


def test_damaged_weights_are_told():
    model = language_model()
    with torch.no_grad():
        model.layers.weight_hh_l0.fill_(float("nan"))
    with pytest.raises(RunError, match="the model's scores are not finite"):
        generate(model, VOCABULARY, length=5)
    with pytest.raises(RunError, match="the model's scores are not finite"):
        generate(model, VOCABULARY, length=5, beam=2)


def test_a_stream_of_the_engine_can_be_left():
    model = language_model()
    pieces = stream(model, VOCABULARY, "to", seeded(GenerationConfig(length=10**6)))
    assert next(pieces).text == "to"
    assert len(next(pieces).text) == 1
    pieces.close()
