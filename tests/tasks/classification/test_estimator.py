"""SequenceClassifier: what it learns, scikit-learn's rules, folders and resume; and what it refuses, in one line."""

import json
import os
import random

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.series import ramps
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from recurra import tensorfiles
from recurra.errors import CellError, ConfigError, DataError, DtypeError, RunError, ShapeError
from recurra.fitting.split import held_out
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.classification.files import read_files
from recurra.training import Interrupted

TINY = {"hidden_size": 8, "bidirectional": False, "lr": 2e-2, "average": 0.0, "dropout": 0.0, "batch_size": 16}


TEXTS = ["the cat sat on a mat", "a cat is here", "the cat sleeps", "dogs run far", "a dog barks", "the dog runs"] * 8
ANIMALS = ["cat", "cat", "cat", "dog", "dog", "dog"] * 8


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A run of texts, not to be changed."""
    out = tmp_path_factory.mktemp("fitted") / "run"
    return SequenceClassifier(unit="word", pooling="attention", epochs=10, **TINY).fit(TEXTS, ANIMALS, out=out)


# What it learns


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_sequences_of_unequal_length(pooling):
    X, y = ramps()
    model = SequenceClassifier(pooling=pooling, epochs=25, **TINY).fit(X, y)
    others, labels = ramps(seed=1)
    assert model.score(others, labels) == 1
    assert model.classes_.tolist() == ["down", "up"]
    probabilities = model.predict_proba(others)
    assert probabilities.shape == (60, 2)
    assert np.allclose(probabilities.sum(1), 1)
    assert (model.classes_[probabilities.argmax(1)] == model.predict(others)).all()
    assert model.history[-1]["epoch"] == 25
    assert model.folder is None


def test_a_row_is_read_alike_alone_and_beside_longer_ones():
    X, y = ramps()
    for settings in ({}, {"bidirectional": True, "num_layers": 2, "cell": "lstm"}):
        model = SequenceClassifier(**TINY | settings, epochs=1).fit(X, y)
        alone = np.concatenate([model.predict_proba([row]) for row in X])
        assert np.allclose(alone, model.predict_proba(X), atol=1e-6)


def test_one_array_is_as_a_list_of_its_rows():
    X, y = np.random.default_rng(0).normal(size=(40, 6, 2)), np.arange(40) % 2
    predictions = [
        SequenceClassifier(epochs=2, **TINY).fit(form, y).predict_proba(form)
        for form in (X, list(X), X.tolist(), torch.tensor(X))
    ]
    assert all(np.array_equal(found, predictions[0]) for found in predictions)
    flat = SequenceClassifier(epochs=2, **TINY).fit(X[..., 0], y)
    assert flat.n_features_in_ == 1
    assert np.array_equal(flat.predict(list(X[..., 0])), flat.predict(X[..., :1]))


@pytest.mark.slow
def test_digits_by_their_rows():
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8)
    model = SequenceClassifier(hidden_size=32, epochs=12, lr=1e-2).fit(X[:1400], y[:1400])
    assert model.score(X[1400:], y[1400:]) > 0.9  # measured: 0.95


@pytest.mark.slow
def test_nine_speakers(real_data):
    stem = str(real_data("japanese_vowels/JapaneseVowels_TRAIN.ts")).removesuffix("TRAIN.ts")
    (X, y), test = (read_files(stem + part) for part in ("TRAIN.ts", "TEST.ts"))
    model = SequenceClassifier(pooling="mean", hidden_size=64, epochs=20, lr=1e-2, batch_size=16, validation=0.0)
    assert model.fit(X, y).score(*test) > 0.93  # the benchmark's 60 epochs of 128 units: 0.98


@pytest.mark.slow
def test_three_nations_by_their_surnames(real_data):
    X, y = read_files(real_data("names/Greek.txt").parent)
    chosen = np.flatnonzero(np.isin(y, ["Greek", "Irish", "Japanese"]))
    X, y = [X[i] for i in chosen], y[chosen]
    train, test = held_out(len(y), 0.2, 0, y)
    model = SequenceClassifier(hidden_size=32, epochs=4, lr=1e-2).fit([X[i] for i in train], y[train])
    assert model.score([X[i] for i in test], y[test]) > 0.9


def test_texts_by_words_and_by_characters(fitted):
    assert fitted.predict(["a cat", "that dog"]).tolist() == ["cat", "dog"]
    assert fitted.tokens(["a cat, unheard of"]) == [["a", "cat", "<unk>", "<unk>", "<unk>"]]
    frame = pd.DataFrame({"text": TEXTS, "label": ANIMALS})
    model = SequenceClassifier(epochs=10, **TINY).fit(frame["text"], frame["label"])
    assert model.score(frame["text"], frame["label"]) == 1
    assert model.predict(["a ca€"]).shape == (1,), "a character never seen"


@pytest.mark.parametrize("unit", ["byte", "bpe"])
def test_other_tokens(unit):
    model = SequenceClassifier(unit=unit, epochs=10, **TINY).fit(TEXTS, ANIMALS)
    assert model.score(TEXTS, ANIMALS) > 0.9
    assert model.predict(["日本"]).shape == (1,)


def test_attention_looks_at_the_word_that_decides():
    draw = random.Random(0)
    at = [draw.randrange(3, 8) for _ in range(200)]
    X = [[draw.choice("abcdef") for _ in range(10)] for _ in at]
    y = [draw.choice(["yes", "no"]) for _ in at]
    for words, place, label in zip(X, at, y, strict=True):
        words[place] = label
    X = [" ".join(words) for words in X]
    model = SequenceClassifier(unit="word", pooling="attention", epochs=20, **TINY).fit(X, y)
    assert model.score(X, y) == 1
    weights = model.step_weights(X)
    assert [row.shape for row in weights] == [(10,)] * 200
    assert np.allclose([row.sum() for row in weights], 1)
    assert model.tokens(X[:1])[0] == X[0].split()
    # One direction reads: before the word nothing is known; it and the steps that remember it may count.
    before = np.mean([row[:place].mean() for row, place in zip(weights, at, strict=True)])
    after = np.mean([row[place:].mean() for row, place in zip(weights, at, strict=True)])
    assert before < after / 3


def test_the_unknown_token_learns_from_rare_words_alone():
    plain, rare = (
        SequenceClassifier(unit="word", min_count=least, epochs=1, **TINY).fit(
            [*TEXTS, "odd cat", "even dog"] * 2, [*ANIMALS, "cat", "dog"] * 2
        )
        for least in (1, 5)
    )
    for model, learned in ((plain, False), (rare, True)):
        unknown = model.learned.vocabulary.unk
        assert model.model.encoder.embedding.weight[unknown].any() == learned


@pytest.mark.parametrize("form", [list, np.array, pd.Series, lambda y: pd.Series(y).astype("category")])
@pytest.mark.parametrize("labels", [[True, False], ["001", "1.10"], [2, 10], [1.0, 3.0]], ids=str)
def test_labels_stay_what_they_are(form, labels):
    X, _ = ramps(20)
    model = SequenceClassifier(**TINY, epochs=1).fit(X, form(labels * 10))
    assert model.classes_.tolist() == sorted(labels)
    assert {type(one) for one in model.predict(X).tolist()} == {type(labels[0])}


def test_small_letters():
    model = SequenceClassifier(unit="word", lowercase=True, epochs=10, **TINY).fit(TEXTS, ANIMALS)
    assert np.array_equal(model.predict_proba(["THE CAT"]), model.predict_proba(["the cat"]))


def test_scaling_is_of_the_training_part_and_kept():
    X, y = ramps()
    model = SequenceClassifier(epochs=2, validation=0.0, **TINY).fit(X, y)
    steps = np.concatenate(X)
    assert np.allclose(model.learned.mean, steps.mean(0), rtol=1e-12)
    assert np.allclose(model.learned.deviation, steps.std(0), rtol=1e-12)
    larger = SequenceClassifier(epochs=2, validation=0.0, **TINY).fit([row * 1000 + 5 for row in X], y)
    assert np.allclose(larger.predict_proba([row * 1000 + 5 for row in X]), model.predict_proba(X), atol=1e-3)
    each = SequenceClassifier(epochs=2, standardise="sequence", **TINY).fit(X, y)
    assert np.allclose(each.predict_proba([row * [3, 7] + 5 for row in X]), each.predict_proba(X), atol=1e-4)
    raw = SequenceClassifier(epochs=1, standardise="none", **TINY).fit(X, y)
    assert raw.learned.deviation is None


def test_a_fit_without_a_length_of_its_own_ends_when_the_labels_are_known():
    X, y = (
        ["good " * (1 + n % 3) if n % 2 else "bad " * (1 + n % 3) for n in range(240)],
        ["+-"[n % 2] for n in range(240)],
    )
    settings = {"unit": "word", "hidden_size": 8, "embedding_size": 8, "dropout": 0.0, "evaluate_every": 5}
    ends = []
    for more in ({}, {"epochs": 250, "evaluate_every": 1000}, {"validation": 10}):
        model = SequenceClassifier(**settings | more)
        model.fit(X, y, quiet=True, listeners=[lambda event: event["event"] == "end" and ends.append(event)])
    assert [(end["reason"], end["step"] < 1500) for end in ends] == [
        ("learned", True),
        ("finished", False),
        ("finished", False),
    ]


def test_early_stopping_and_a_validation_set_of_ones_own():
    X, y = ramps()
    noise = np.random.default_rng(0).permutation(y)
    model = SequenceClassifier(epochs=200, patience=3, **TINY).fit(X, noise)
    assert model.history[-1]["epoch"] < 200
    model = SequenceClassifier(epochs=2, **TINY).fit(X, y, validation_data=ramps(20, seed=5))
    assert model.history[-1]["accuracy"] in np.arange(21) / 20


def test_listeners_and_stop():
    X, y = ramps()
    events = []
    SequenceClassifier(epochs=50, **TINY).fit(X, y, listeners=[events.append], stop=lambda: True)
    assert events[0]["event"] == "start"
    assert events[-1]["reason"] == "stopped"


def test_bfloat16_is_close():
    X, y = ramps()
    fine = SequenceClassifier(epochs=20, **TINY).fit(X, y)
    coarse = SequenceClassifier(epochs=20, precision="bfloat16", **TINY).fit(X, y)
    assert coarse.score(X, y) == fine.score(X, y) == 1


# scikit-learn's rules

OTHER_LENGTHS = "(sequences, steps) are sequences of one feature, and sequences of another length may come later"
NOT_APPLICABLE = {
    "check_n_features_in": OTHER_LENGTHS,
    "check_n_features_in_after_fitting": OTHER_LENGTHS,
    "check_classifiers_train": OTHER_LENGTHS,
    "check_sample_weight_equivalence_on_dense_data": "examples are drawn in batches: twice is not twice in one batch",
}


@pytest.mark.slow
@parametrize_with_checks(
    [SequenceClassifier(**TINY, epochs=15, validation=0.0)], expected_failed_checks=lambda estimator: NOT_APPLICABLE
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")  # scikit-learn's own cast
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_parameters_are_the_settings():
    model = SequenceClassifier(hidden_size=3)
    assert model.get_params()["hidden_size"] == 3
    assert model.get_params()["lr"] == 3e-3
    assert clone(model.set_params(cell="lstm")).cell == "lstm"
    assert repr(model) == "SequenceClassifier(cell='lstm', hidden_size=3)"
    with pytest.raises(TypeError, match="unexpected keyword argument 'hiden_size'"):
        SequenceClassifier(hiden_size=3)
    with pytest.raises(ConfigError, match=r"`hiden_size` is not a setting; did you mean `hidden_size`\?"):
        SequenceClassifier.from_files("none.csv", hiden_size=3)


@pytest.mark.slow
def test_search_and_pipelines():
    X, y = ramps()
    grid = GridSearchCV(SequenceClassifier(epochs=12, **TINY), {"pooling": ["max", "mean"]}, cv=2).fit(X, y)
    assert grid.best_score_ > 0.8
    half = FunctionTransformer(lambda X: [row[::2] for row in X])
    assert make_pipeline(half, SequenceClassifier(epochs=12, **TINY)).fit(X, y).score(X, y) > 0.9
    assert cross_val_score(SequenceClassifier(epochs=8, unit="word", **TINY), TEXTS, ANIMALS, cv=2).mean() > 0.9


# Folders


def test_a_fit_is_a_folder_that_opens_again(fitted):
    files = "config.json loss.png metrics.jsonl model.safetensors state.safetensors vocabulary.json"
    assert sorted(os.listdir(fitted.folder)) == files.split()
    about = json.loads((fitted.folder / "config.json").read_text())
    assert (about["schema"], about["learned"]["classes"]["values"]) == ("classification/2", ["cat", "dog"])
    again = SequenceClassifier.load(fitted.folder)
    assert np.array_equal(again.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
    assert (again.unit, again.pooling, again.hidden_size) == ("word", "attention", 8)


@pytest.mark.parametrize(
    "labels", [[0, 1], [True, False], ["é", "b"], np.array([2, 7], np.int32), [0.0, 1.0], np.array(["x", "yy"], object)]
)
def test_labels_come_back_as_they_were(labels, tmp_path):
    y = np.asarray(labels)[[0, 1] * 10]
    model = SequenceClassifier(epochs=1, **TINY).fit(np.arange(40.0).reshape(20, 2), y)
    model.save(tmp_path / "kept")
    again = SequenceClassifier.load(tmp_path / "kept")
    assert again.classes_.dtype == y.dtype
    assert again.classes_.tolist() == sorted(y[:2].tolist())
    assert sorted(os.listdir(tmp_path / "kept")) == ["config.json", "model.safetensors"]


def test_saving_and_folders_that_are_in_use(fitted, tmp_path):
    fitted.save(tmp_path / "kept")
    assert np.array_equal(SequenceClassifier.load(tmp_path / "kept").predict(TEXTS), fitted.predict(TEXTS))
    with pytest.raises(RunError, match="holds a training run, which saving a model would break"):
        fitted.save(fitted.folder)
    with pytest.raises(RunError, match="is in use"):
        fitted.fit(TEXTS, ANIMALS, out=fitted.folder)
    with pytest.raises(RunError, match="holds a saved model, not a run; there is no training to resume"):
        SequenceClassifier.resume(tmp_path / "kept", TEXTS, ANIMALS)
    (tmp_path / "kept/vocabulary.json").unlink()
    with pytest.raises(RunError, match=r"vocabulary.json is missing\. Restore the file from a copy"):
        SequenceClassifier.load(tmp_path / "kept")


@pytest.mark.slow
def test_a_stopped_fit_goes_on_to_the_same_bits(tmp_path):
    X, y = ramps()
    settings = TINY | {"dropout": 0.3, "average": 0.9, "class_weight": "balanced", "epochs": 6}
    SequenceClassifier(**settings).fit(X, y, out=tmp_path / "whole")
    steps = []

    def stop_in_the_third_epoch(event):
        steps.append(event["event"])
        if event["event"] == "evaluate" and steps.count("evaluate") == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SequenceClassifier(**settings).fit(X, y, listeners=[stop_in_the_third_epoch], out=tmp_path / "cut")
    with pytest.raises(DataError, match="was trained on other data; a run is resumed only with the same X, y"):
        SequenceClassifier.resume(tmp_path / "cut", X, y[::-1])
    with pytest.raises(RunError, match=r"fitted on data in memory; give the same again: resume\(.*, X, y\)"):
        SequenceClassifier.resume(tmp_path / "cut")
    SequenceClassifier.resume(tmp_path / "cut", [row.tolist() for row in X], list(y))
    for name, schema in {"model.safetensors": "model/1", "state.safetensors": "state/1"}.items():
        one, two = (tensorfiles.read(tmp_path / run / name, schema)[0] for run in ("whole", "cut"))
        assert one.keys() == two.keys()
        assert [key for key in one if not torch.equal(one[key], two[key])] == []


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model_and_leaves_the_callers_randomness_alone():
    X, y = ramps()
    torch.manual_seed(3)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    found = [SequenceClassifier(epochs=2, seed=seed, **TINY).fit(X, y).predict_proba(X) for seed in (1, 1, 2)]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1], before[2]) == (random.getstate(), np.random.get_state()[1].tolist())


# What cannot be

GOOD = np.zeros((6, 4)), [0, 1, 0, 1, 0, 1]
BAD = {
    "nothing": ([], [], DataError, "`X` is empty: 0 sequences"),
    "one text": ("abc", [1], DtypeError, r"`X` is one str; expected a list of sequences: \[X\]"),
    "one sequence": (np.zeros(4), [0], ShapeError, r"`X` is \(4,\), a single sequence; expected \(sequences, steps\)"),
    "a dict": ({"one": [1.0]}, [0], DtypeError, "`X` is dict; expected a list of sequences, or an array"),
    "a set": ({"a", "b"}, [0, 1], DtypeError, "`X` is set; expected a list of sequences, or an array"),
    "a number": (3, [0], DtypeError, "`X` is int; expected a list of sequences, or an array"),
    "four axes": (np.zeros((2, 2, 2, 2)), [0, 1], ShapeError, r"`X` is \(2, 2, 2, 2\); expected"),
    "numbers": ([1.0, 2.0], [0, 1], ShapeError, r"`X\[0\]` is \(\); expected \(steps,\) or \(steps, features\)"),
    "no steps": ([[1.0], []], [0, 1], DataError, r"`X\[1\]` is empty, 0 steps of 1 features; leave it out"),
    "features": (
        [np.zeros((3, 2)), np.zeros((3, 1))],
        [0, 1],
        ShapeError,
        r"`X\[1\]` has 1 features, but `X\[0\]` has 2",
    ),
    "ragged": ([[[1, 2], [3]]], [0], ShapeError, r"`X\[0\]` is ragged"),
    "nan alone": (
        [[1.0, 2.0], [np.nan, None]],
        [0, 1],
        DataError,
        r"`X\[1\]` has no value, it is NaN at every step; leave",
    ),
    "nan alone in an array": (np.array([[np.nan] * 2, [1, 2]]), [0, 1], DataError, r"`X\[0\]` has no value"),
    "a feature of nan": (
        np.array([[[1, np.nan]] * 3] * 9),
        [0, 1, 2] * 3,
        DataError,
        "feature 1 of `X` is NaN at every step",
    ),
    "infinity": (
        np.full((2, 2), np.inf),
        [0, 1],
        DataError,
        r"`X\[0, 0, 0\]` is infinity; expected finite numbers, and NaN",
    ),
    "infinity beside nan": ([[1.0, np.nan], [1.0, -np.inf]], [0, 1], DataError, r"`X\[1\]\[1, 0\]` is infinity"),
    "huge": ([[1e300], [1.0]], [0, 1], DataError, r"`X\[0\]\[0, 0\]` is 1e\+300, which float32 cannot hold"),
    "complex": (np.zeros((2, 2), complex), [0, 1], DataError, "Complex data not supported"),
    "objects": ([[object(), 1.0], [2.0, 3.0]], [0, 1], DtypeError, r"`X\[0\]` holds float, object; expected numbers"),
    "a number among texts": (["a", 3], [0, 1], DtypeError, r"`X\[1\]` is int; expected a text, as `X\[0\]` is"),
    "an empty text": (["a", " "], [0, 1], DataError, r"`X\[1\]` is an empty text; leave it out"),
    "no labels": (np.zeros((2, 2)), None, DataError, "requires y to be passed, but the target y is None"),
    "too few labels": (np.zeros((3, 2)), [0, 1], DataError, "`X` has 3 sequences and `y` 2 labels"),
    "one class": (np.zeros((3, 2)), ["a"] * 3, DataError, "`y` has one class only, a; expected two or more"),
    "real targets": (np.zeros((3, 2)), [0.5, 1.5, 2.5], DataError, "`y`: Unknown label type: continuous"),
    "texts and numbers as labels": (
        np.zeros((2, 2)),
        [1, "a"],
        DataError,
        "`y` mixes labels of the types int, str; give",
    ),
    "texts and a gap as labels": (np.zeros((2, 2)), ["a", float("nan")], DataError, "`y` mixes .* float, str"),
    "times": (np.zeros((2, 2), "datetime64[s]"), [0, 1], DtypeError, r"`X` holds datetime64\[s\]; expected numbers"),
    "stretches of time": ([np.zeros(2, "m8[h]")] * 2, [0, 1], DtypeError, r"`X\[0\]` holds timedelta64\[h\]"),
    "a mask on all of a row": ([[1.0], np.ma.masked_equal([2.0], 2)], [0, 1], DataError, r"`X\[1\]` has no value"),
    "mixed labels": (np.zeros((2, 2)), np.array(["a", None], object), DataError, "`y`: .*NoneType.* and .str"),
}


@pytest.mark.parametrize("name", BAD)
def test_sequences_and_labels_that_cannot_be(name):
    X, y, error, words = BAD[name]
    with pytest.raises(error, match=words):
        SequenceClassifier(epochs=1, **TINY).fit(X, y)


def test_sequences_of_another_kind_than_those_fitted_on(fitted):
    with pytest.raises(DtypeError, match="`X` holds arrays of numbers, but the model was fitted on texts"):
        fitted.predict([[1.0]])
    model = SequenceClassifier(epochs=1, **TINY).fit(*ramps())
    with pytest.raises(DtypeError, match="`X` holds texts, but the model was fitted on arrays of numbers"):
        model.predict(["a"])
    with pytest.raises(ShapeError, match="`X` has 3 features a step, but the model was fitted on 2"):
        model.predict(np.zeros((1, 5, 3)))
    with pytest.raises(DataError, match="`tokens` is of texts, but the model was fitted on arrays of numbers"):
        model.tokens(["a"])
    with pytest.raises(DataError, match="the label 'sideways' was not among those to train on: down, up"):
        SequenceClassifier(epochs=1, **TINY).fit(*ramps(), validation_data=([[[1.0, 2.0]]], ["sideways"]))


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"pooling": "lats"}, ConfigError, r"`pooling` is 'lats'; did you mean `last`\?"),
        ({"hidden_size": 0}, ConfigError, "`hidden_size` is 0; expected 1 or more"),
        ({"hidden_size": "8"}, ConfigError, "`hidden_size` is '8'; expected int"),
        ({"dropout": 1.0}, ConfigError, "`dropout` is 1.0; expected a fraction"),
        ({"validation": float("nan")}, ConfigError, "`validation` is nan; expected a fraction"),
        ({"batch_size": 0}, ConfigError, "`batch_size` is 0; expected 1 or more"),
        ({"span": 2}, ConfigError, "`span` is 2; expected 0, or more than 2 steps"),
        ({"class_weight": "even"}, ConfigError, "`class_weight` is 'even'; expected one of: balanced"),
        ({"class_weight": {7: 1.0}}, ConfigError, "`class_weight` names 7; expected one of: 0, 1"),
        ({"class_weight": {1: -1.0}}, ConfigError, "`class_weight` of 1 is -1.0; expected a number, 0 or more"),
        ({"class_weight": [(1, 2.0), (3,)]}, ConfigError, "expected pairs of a label and its weight"),
        ({"class_weight": {1: "2"}}, ConfigError, "`class_weight` of 1 is '2'; expected a number, 0 or more"),
        ({"class_weight": {1: float("inf")}}, ConfigError, "`class_weight` of 1 is inf; expected a number, 0 or more"),
        ({"class_weight": {0: 0, 1: 0}}, ConfigError, "`class_weight` is 0 for every class; nothing could be learned"),
        ({"min_count": 0}, ConfigError, "`min_count` is 0; expected 1 or more"),
        ({"vocabulary_size": 0}, ConfigError, "`vocabulary_size` is 0; expected 1 or more tokens"),
        ({"cell": "gruu"}, CellError, r"no cell is called 'gruu'; did you mean `gru`\?"),
        ({"device": "tpu"}, ConfigError, "`device` is 'tpu', which is not here"),
    ],
)
def test_settings_that_cannot_be(settings, error, words):
    with pytest.raises(error, match=words):
        SequenceClassifier(**TINY | settings).fit(*GOOD)


def test_what_is_saved_is_what_was_fitted(tmp_path):
    X, y = ramps()
    model = SequenceClassifier(epochs=2, **TINY).fit(X, y)
    want = model.predict_proba(X)
    model.set_params(standardise="sequence", pooling="last", hidden_size=16)
    model.save(tmp_path / "one")
    again = SequenceClassifier.load(tmp_path / "one")
    assert np.array_equal(again.predict_proba(X), want)
    assert (again.hidden_size, again.pooling) == (8, SequenceClassifier().pooling)
    again.set_params(num_layers=3).save(tmp_path / "two")
    assert np.array_equal(SequenceClassifier.load(tmp_path / "two").predict_proba(X), want)


def test_a_stop_without_a_folder_says_that_nothing_is_kept(monkeypatch):
    import signal

    def interrupt(event):
        if event["event"] == "evaluate":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="stopped, and nothing is kept; with `out` a stopped fit can be resumed"):
        SequenceClassifier(epochs=400, **TINY).fit(*ramps(), listeners=[interrupt])
