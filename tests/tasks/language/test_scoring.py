"""The engine's measures of a text against PyTorch's."""

import numpy as np
import pytest
import torch
from helpers.engine_models import VOCABULARY, language_model

from recurra.engine.models import of
from recurra.errors import DataError, RunError
from recurra.tasks.language import evaluate, load, native, scoring
from recurra.tasks.language.measure import measure
from recurra.text import build_vocabulary


@pytest.mark.parametrize("tokens", [2, 3, 100, 1300, 9000])
def test_measures_are_those_of_the_model(tokens, monkeypatch):
    vocabulary = build_vocabulary(["abcdefgh\n"], documents=True)
    model = language_model("gru", vocabulary, num_layers=2)
    ids = np.random.default_rng(tokens).integers(0, len(vocabulary), tokens).astype(np.uint8)
    want = measure(model, ids)
    assert scoring.measure(of(model), vocabulary, ids, vocabulary.eod) == pytest.approx(want, rel=1e-5)
    monkeypatch.setattr(scoring, "_STEPS", 7)  # a text of any length takes the same memory
    assert scoring.measure(of(model), vocabulary, ids, vocabulary.eod) == pytest.approx(want, rel=1e-5)
    assert scoring.measure(of(model), vocabulary, ids, None) == pytest.approx(measure(model, ids, False), rel=1e-5)


def test_evaluate_measures_a_run_as_the_model(tmp_path):
    model = language_model("lstm")
    model.save(tmp_path / "run")
    text = "to be, or not to be, that is the question. " * 40
    want = evaluate(load(tmp_path / "run"), text=text)
    opened = native.open(tmp_path / "run")
    assert evaluate(opened, text=text) == want
    int8 = evaluate(opened, text=text, precision="int8")
    assert 0 < abs(int8["loss"] / want["loss"] - 1) < 0.01


@pytest.mark.parametrize("tokens", [2, 4, 6, 200, 20_000])
def test_a_bounded_context_is_read_anew_for_each_token(tokens):
    vocabulary = build_vocabulary(["abcdefgh\n"], documents=True)
    model = language_model("gru", vocabulary, context=5)
    ids = np.random.default_rng(tokens).integers(0, len(vocabulary), tokens).astype(np.uint8)
    want = measure(model, ids)
    assert scoring.measure(of(model), vocabulary, ids, vocabulary.eod, 5) == pytest.approx(want, rel=1e-5)


def test_a_text_of_one_token_is_refused():
    with pytest.raises(DataError, match=r"the text is 1 token\(s\) long; measuring needs at least 2"):
        scoring.measure(of(language_model()), VOCABULARY, np.array([1]), None)


def test_weights_that_are_not_numbers_are_told():
    model = language_model()
    with torch.no_grad():
        model.head.bias[3] = float("nan")
    with pytest.raises(RunError, match="the model's scores are not finite"):
        evaluate(model, text="to be")
    assert VOCABULARY.eod is None
