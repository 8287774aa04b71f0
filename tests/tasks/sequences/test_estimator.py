"""What every estimator of sequences keeps of scikit-learn's rules, and reports."""

import ast
import inspect

import numpy as np
import pytest
from helpers.series import ramps
from sklearn.base import clone
from sklearn.exceptions import NotFittedError as SklearnNotFittedError

from recurra.config import options
from recurra.errors import ConfigError, NotFittedError
from recurra.fitting import running
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.regression import SequenceRegressor
from recurra.tasks.sequences.estimator import Labelled
from recurra.tasks.sequences.task import SequencesTask
from recurra.tasks.tagging import SequenceTagger
from recurra.training import loop

ESTIMATORS = [SequenceClassifier, SequenceTagger, SequenceRegressor]
TINY = {"hidden_size": 8, "lr": 2e-2, "average": 0.0, "epochs": 2, "batch_size": 16}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_parameters_are_written_out_and_are_the_settings(estimator):
    assert "__signature__" not in vars(estimator.__init__)
    tree = ast.parse(inspect.getsource(inspect.getmodule(estimator)))
    written = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    names = [argument.arg for argument in written[-1].args.kwonlyargs]
    want = {one.name: one.default for cls in estimator.configs.values() for one in options(cls)} | estimator.defaults
    assert names == list(want)
    assert estimator().get_params() == want
    changed = estimator(hidden_size=3, seed=0)
    assert vars(changed) == want | {"hidden_size": 3, "seed": 0}, "only attributes, as they came"
    assert clone(changed).get_params() == changed.get_params()
    assert changed.set_params(cell="lstm").settings["cell"] == "lstm"


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_nothing_is_there_before_a_fit(estimator):
    model = estimator()
    classes = ["classes_"] if estimator is not SequenceRegressor else []
    for name in ("model", "learned", "history", "folder", "n_features_in_", *classes):
        assert not hasattr(model, name)
        with pytest.raises(NotFittedError, match=rf"this {estimator.__name__} is not fitted yet; call fit\(X, y\)"):
            getattr(model, name)
    with pytest.raises(SklearnNotFittedError):
        model.predict([[1.0]])


def test_texts_have_no_number_of_features():
    model = SequenceClassifier(**TINY).fit(["one", "two"] * 5, ["a", "b"] * 5)
    with pytest.raises(AttributeError, match="`n_features_in_` is of numbers, but the model was fitted on texts"):
        model.n_features_in_  # noqa: B018 (the look-up is what is tested)


FAR = [1.7e9 + sign * np.linspace(-10, 10, 20) for sign in (1, -1)] * 30
"""Rises and falls far from 0: in float32 each of them is a constant."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (SequenceClassifier, ["up", "down"] * 30),
        (SequenceTagger, [["x"] * 10 + ["y"] * 10, ["y"] * 10 + ["x"] * 10] * 30),
        (SequenceRegressor, [1e9, 2e9] * 30),
    ],
)
@pytest.mark.parametrize("standardise", ["features", "sequence"])
def test_small_changes_of_large_numbers_count(estimator, y, standardise):
    model = estimator(standardise=standardise, **TINY | {"epochs": 15}).fit(FAR, y)
    assert model.score(FAR, y) > 0.99
    small, other = ([row * unit for row in FAR] for unit in (1e-12, 1e12))
    found = [estimator(standardise=standardise, **TINY).fit(X, y).predict(X) for X in (small, other)]
    assert all(np.allclose(a, b, rtol=1e-5) if estimator is SequenceRegressor else np.array_equal(a, b)
               for a, b in zip(*found, strict=True))  # fmt: skip


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_fewer_steps_than_features_are_said(estimator, recwarn):
    """As aeon and sktime have it: (sequences, channels, steps)."""
    X = np.random.default_rng(0).normal(size=(20, 2, 5))
    y = [["a", "b"]] * 20 if estimator is SequenceTagger else [1, 2] * 10
    words = f"{estimator.__name__}: `X` is read as sequences of 2 steps with 5 features each. Where it is .*, give "
    with pytest.warns(UserWarning, match=words + r"X\.transpose\(0, 2, 1\)"):
        estimator(**TINY).fit(X, y)
    with pytest.warns(UserWarning, match=words + r"\[x\.T for x in X\]"):
        estimator(**TINY).fit(list(X), y)
    y = [["a", "b", "c", "c", "c"]] * 20 if estimator is SequenceTagger else y
    estimator(**TINY).fit(X.transpose(0, 2, 1), y)
    estimator(**TINY).fit([x.T for x in X], y)
    assert not recwarn


def test_a_feature_that_stood_still_has_no_effect():
    X = [np.stack([row, np.full(20, 1.1)], 1) for row in FAR]
    model = SequenceClassifier(**TINY).fit(X, ["up", "down"] * 30)
    moved = [row + np.array([0, 0.1]) for row in X]
    assert np.array_equal(model.predict_proba(X), model.predict_proba(moved))


def test_targets_in_another_unit_are_predicted_in_it():
    X, _ = ramps(40)
    y = np.array([row[-1, -1] for row in X])
    one, small, steady = (SequenceRegressor(**TINY).fit(X, unit).predict(X) for unit in (y, y * 1e-12, 0 * y + 1.1))
    assert np.allclose(small * 1e12, one, rtol=1e-5)
    assert np.allclose(steady, 1.1, rtol=1e-12)


def test_progress_is_shown_on_a_terminal_alone(monkeypatch, capfd):
    SequenceClassifier(**TINY).fit(*ramps(20))
    assert capfd.readouterr().err == ""
    monkeypatch.setattr(running, "silent", lambda quiet: quiet is True)
    SequenceClassifier(**TINY).fit(*ramps(20))
    assert "finished after" in capfd.readouterr().err


def test_one_array_and_its_rows_are_the_same_data(tmp_path):
    X, y = np.random.default_rng(0).normal(size=(20, 5, 2)), np.array([0, 1] * 10)
    SequenceClassifier(**TINY).fit(X, y, out=tmp_path / "run")
    SequenceClassifier.resume(tmp_path / "run", list(X), y.tolist(), np.ones(20))


def test_a_fraction_or_a_number_is_held_out():
    X, y = ramps(60)
    for validation, count in ((0.1, 6), (12, 12), (0, 0)):
        model = SequenceClassifier(validation=validation, **TINY)
        assert len(model.split(model.read((X, y), "X")).valid.X) == count
    with pytest.raises(
        ConfigError, match="`validation` is -1; expected a fraction below 1, or a whole number of examples, 0 or"
    ):
        SequenceClassifier(validation=-1, **TINY).fit(X, y)


def test_a_few_held_out_sequences_measure_and_do_not_choose(capfd):
    X, y = ramps(60)
    few = SequenceClassifier(**TINY).fit(X, y, quiet=False)
    assert "6 held-out sequences: too few to choose weights by, so they only measure" in capfd.readouterr().err
    assert few.parts["training"].monitor == "training"
    assert few.settings["monitor"] == "validation", "the user's settings stay"
    assert few.report().lines()[0].startswith("validation (not used to choose the weights): accuracy ")
    assert all(row["best"] <= row["training_loss"] for row in few.history)
    chosen = [{"validation": 20}, {"patience": 3}, {"monitor": "accuracy"}, {"validation": 0}]
    for settings in chosen:
        model = SequenceClassifier(**TINY | settings).fit(X, y)
        assert model.parts["training"].monitor == settings.get("monitor", "validation")
    own = SequenceClassifier(**TINY).fit(X, y, validation_data=ramps(6, seed=5))
    assert own.parts["training"].monitor == "validation", "the user's own data choose, however few"


def test_the_report_shows_what_is_right_and_what_is_wrong(tmp_path):
    texts, labels = ["good film", "bad film", "good", "bad"] * 20, ["yes", "no"] * 40
    model = SequenceClassifier(unit="word", **TINY | {"epochs": 15}).fit(texts, labels, out=tmp_path / "run")
    score, examples, command = model.report()[:3]
    assert score.keys() == {"accuracy", "validation_loss"}
    assert command == f"recurra classify DATA --model {tmp_path / 'run'}"
    assert len(examples) == 3
    assert all(line in ("right: good film → yes", "right: good → yes", "right: bad film → no", "right: bad → no")
               for line in examples)  # fmt: skip
    wrong = model.judged(Labelled(["bad"], np.array(["yes"])))
    assert wrong == ["wrong: bad → no; it is yes"]
    assert SequenceClassifier.load(tmp_path / "run").report().examples == []
    tagger = SequenceTagger(**TINY).fit([["a", "b"], ["b", "a"]] * 20, [["x", "y"], ["y", "x"]] * 20)
    assert any(line.endswith(("a b → x y", "b a → y x")) for line in tagger.report().examples)


@pytest.mark.parametrize(
    ("settings", "count", "reason"),
    [
        ({}, 240, "patience"),
        ({"epochs": 4}, 240, "finished"),
        ({"minutes": 0.01}, 240, "finished"),
        ({}, 100, "finished"),  # ten held out choose nothing
    ],
)
def test_a_fit_without_a_length_of_its_own_ends_where_nothing_gets_better(monkeypatch, settings, count, reason):
    monkeypatch.setattr(SequencesTask, "patient_steps", 20)
    monkeypatch.setattr(loop, "STEPS", 300)
    random, events = np.random.default_rng(0), []
    words = [" ".join(random.choice(list("abcdefgh"), 3)) for _ in range(count)]
    model = SequenceClassifier(hidden_size=8, lr=0.03, **settings)
    model.fit(words, random.integers(0, 2, count), quiet=True, listeners=[events.append])
    [end] = [event for event in events if event["event"] == "end"]
    assert end["reason"] == reason
    if reason == "patience":
        assert end["step"] < 300
        assert end["step"] - end["best_step"] >= 20
