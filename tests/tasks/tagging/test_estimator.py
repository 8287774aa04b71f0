"""SequenceTagger: words, characters and numbers; folders; and what it refuses."""

import os
import random

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from recurra import tensorfiles
from recurra.errors import ConfigError, DataError, DtypeError, RunError, ShapeError
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.tagging import SequenceTagger

TINY = {"hidden_size": 12, "lr": 2e-2, "average": 0.0, "dropout": 0.0, "batch_size": 16}
KINDS = {"the": "D", "a": "D", "cat": "N", "dog": "N", "runs": "V", "sat": "V", "to": "P"}


def sentences(count=120, seed=0):
    draw = random.Random(seed)
    X = [[draw.choice(list(KINDS)) for _ in range(draw.randint(1, 9))] for _ in range(count)]
    return X, [[KINDS[word] for word in row] for row in X]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A run with a random field and spelled words, not to be changed."""
    out = tmp_path_factory.mktemp("fitted") / "run"
    return SequenceTagger(crf=True, character_size=8, epochs=8, **TINY).fit(*sentences(), out=out)


def same(one, two):
    return len(one) == len(two) and all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(
    "settings", [{}, {"crf": True}, {"character_size": 8}, {"bidirectional": False, "cell": "lstm"}]
)
def test_words(settings):
    X, y = sentences()
    model = SequenceTagger(epochs=8, **TINY | settings).fit(X, y)
    others, labels = sentences(seed=1)
    assert model.score(others, labels) > 0.97
    found = model.predict(others)
    assert [len(row) for row in found] == [len(row) for row in others]
    for row, shares in zip(found, model.predict_proba(others), strict=True):
        assert shares.shape == (len(row), 4)
        assert np.allclose(shares.sum(1), 1, atol=1e-5)
        if "crf" not in settings:
            assert (model.classes_[shares.argmax(1)] == row).all()
    alone = [model.predict([row])[0] for row in others[:20]]
    assert same(alone, found[:20]), "alone as beside longer ones"


def test_a_label_that_depends_on_what_comes_later():
    draw = random.Random(0)
    X = ["".join(draw.choice("ab") for _ in range(draw.randint(3, 8))) for _ in range(200)]
    y = [[follower == "b" for follower in text[1:] + "a"] for text in X]  # whether the next character is a b
    assert SequenceTagger(epochs=10, **TINY).fit(X, y).score(X, y) == 1
    assert SequenceTagger(epochs=10, bidirectional=False, **TINY).fit(X, y).score(X, y) < 0.9, "no step sees the next"


def test_numbers():
    rng = np.random.default_rng(0)
    X = [rng.normal(50, 10, (int(rng.integers(3, 9)), 2)) for _ in range(100)]
    y = [(row[:, 0] > 50).astype(int) for row in X]
    model = SequenceTagger(epochs=25, **TINY).fit(X, y)
    assert model.score(X, y) > 0.95
    assert model.predict(X)[0].dtype == y[0].dtype


@pytest.mark.slow
def test_words_never_seen_are_known_by_their_letters():
    draw = random.Random(0)
    stems = ["".join(draw.choice("bcdfgklm") for _ in range(4)) for _ in range(80)]
    X = [[draw.choice(stems[:60]) + draw.choice(["ing", "ly"]) for _ in range(4)] for _ in range(150)]
    new = [[draw.choice(stems[60:]) + draw.choice(["ing", "ly"]) for _ in range(4)] for _ in range(50)]
    label = [[["A", "V"][word.endswith("ing")] for word in row] for row in X]
    want = [[["A", "V"][word.endswith("ing")] for word in row] for row in new]
    spelled = SequenceTagger(epochs=10, character_size=8, **TINY).fit(X, label)
    assert spelled.score(new, want) > 0.95
    assert SequenceTagger(epochs=10, **TINY).fit(X, label).score(new, want) < 0.8
    assert len(spelled.predict([["x" * 1000 + "ing"]])[0]) == 1


def test_words_may_come_in_arrays_and_columns_of_frames():
    X, y = [["a", "b"], ["c"]] * 5, [["x", "y"], ["x"]] * 5
    want = SequenceTagger(hidden_size=4, epochs=1).fit(X, y).predict_proba(X)
    frame = pd.DataFrame({"words": X, "tags": y}, index=range(7, 17))
    for words, tags in (
        (frame["words"], frame["tags"]),
        ([np.array(row) for row in X], [np.array(row, object) for row in y]),
        (pl.Series(X), pl.Series(y)),
    ):
        model = SequenceTagger(hidden_size=4, epochs=1).fit(words, tags)
        assert all(np.array_equal(a, b) for a, b in zip(model.predict_proba(words), want, strict=True))


# Folders and scikit-learn


def test_a_fit_is_a_folder_that_opens_again(fitted, tmp_path):
    assert {"characters.json", "vocabulary.json", "config.json"} <= set(os.listdir(fitted.folder))
    X = [*sentences(seed=2)[0], ["unheard", "of", "ĳ"]]
    again = SequenceTagger.load(fitted.folder)
    assert same(again.predict(X), fitted.predict(X))
    again.save(tmp_path / "kept")
    assert same(SequenceTagger.load(tmp_path / "kept").predict(X), fitted.predict(X))
    changed = SequenceTagger.load(fitted.folder).set_params(hidden_size=4, character_size=0)
    changed.save(tmp_path / "changed")
    assert same(SequenceTagger.load(tmp_path / "changed").predict(X), fitted.predict(X))
    with pytest.raises(RunError, match=r"'tagging/2'; .* reads 'classification/2', and this run is of tagging"):
        SequenceClassifier.load(fitted.folder)


@pytest.mark.slow
def test_a_stopped_fit_goes_on_to_the_same_bits(tmp_path):
    X, y = sentences()
    settings = TINY | {"crf": True, "character_size": 4, "dropout": 0.2, "epochs": 4}
    SequenceTagger(**settings).fit(X, y, out=tmp_path / "whole")
    count = []
    stop = lambda: len(count) >= 2  # noqa: E731
    model = SequenceTagger(**settings).fit(X, y, out=tmp_path / "cut", listeners=[_counter(count)], stop=stop)
    assert model.history[-1]["epoch"] < 4
    with pytest.raises(DataError, match="was trained on other data; a run is resumed only with the same X, y"):
        SequenceTagger.resume(tmp_path / "cut", X[::-1], y[::-1])
    SequenceTagger.resume(tmp_path / "cut", X, y)
    one, two = (tensorfiles.read(tmp_path / run / "state.safetensors", "state/1")[0] for run in ("whole", "cut"))
    weights = [key for key in one if key.startswith(("model.", "optimizer."))]
    assert [key for key in weights if not torch.equal(one[key], two[key])] == []


def _counter(count):
    return lambda event: count.append(1) if event["event"] == "evaluate" else None


def test_cross_validation_and_clone():
    X, y = sentences(60)
    model = SequenceTagger(epochs=6, **TINY)
    assert clone(model).get_params() == model.get_params()
    assert cross_val_score(model, X, y, cv=2).mean() > 0.8


# What is refused


@pytest.mark.parametrize(
    ("X", "y", "error", "words"),
    [
        ([["a"], []], [["x"], []], DataError, r"`X\[1\]` is empty; leave it out"),
        ([["a"], ["b", 3]], [["x"], ["y", "x"]], DtypeError, r"`X\[1\]` holds something else than words"),
        ({"one": ["a"]}, [["x"]], DtypeError, "`X` is dict; expected a list of sequences, or an array"),
        ([["a"], ["b"]], [["x"]], DataError, "`X` has 2 sequences and `y` 1"),
        ([["a", "b"]], [["x"]], ShapeError, r"`y\[0\]` is \(1,\); expected \(2,\), a label for each step of `X\[0\]`"),
        ([["a", "b"]], None, DataError, "requires y to be passed"),
        ([["a", "b"]], [["x", "x"]], DataError, "one class only, x; expected two or more"),
        ([], [], DataError, "`X` is empty"),
        ([[[1.0], [float("inf")]]], [[0, 1]], DataError, r"`X\[0\]\[1, 0\]` is infinity"),
        ([[[float("nan")]] * 2], [[0, 1]], DataError, r"`X\[0\]` has no value"),
        ([["a", "b"]], [[1.0, float("nan")]], DataError, "`y` holds NaN, which is no label; fill it"),
        ([["a", "b"]], [[1, "x"]], DataError, "`y` mixes labels of the types int, str; give all of them one type"),
        ([[1.0, 2.0], [3.0]], [[0.25, 0.5], [0.75]], DataError, "`y`: Unknown label type: continuous"),
        ([["a"], ["b"]], [[1], ["x"]], DataError, "`y` mixes labels of the types int, str; give all of them one type"),
    ],
)
def test_sequences_and_labels_that_cannot_be(X, y, error, words):
    with pytest.raises(error, match=words):
        SequenceTagger(epochs=1, **TINY).fit(X, y)


def test_other_things_that_cannot_be(fitted, monkeypatch):
    with pytest.raises(DtypeError, match="`X` holds arrays of numbers, but the model was fitted on words"):
        fitted.predict([[1.0, 2.0]])
    with pytest.raises(ConfigError, match="`character_size` is -1; expected 0 or more units"):
        SequenceTagger(character_size=-1).fit(*sentences(4))
    monkeypatch.setitem(__import__("sys").modules, "torchcrf", None)
    with pytest.raises(ConfigError, match=r"`crf` needs pytorch-crf. Install it: pip install 'recurra\[classify\]'"):
        SequenceTagger(crf=True, **TINY).fit(*sentences(4))
