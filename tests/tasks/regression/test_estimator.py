"""SequenceRegressor: what it learns, in the units of y; scikit-learn's rules; folders and resume; and what it refuses."""

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from recurra import tensorfiles
from recurra.errors import ConfigError, DataError
from recurra.tasks.regression import SequenceRegressor

TINY = {"hidden_size": 8, "bidirectional": False, "lr": 2e-2, "average": 0.0, "dropout": 0.0, "batch_size": 16}


def slopes(count=80, seed=0):
    """Noisy lines of unequal length, and their slope and height, in units far from 1."""
    random = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(count):
        slope, height, steps = random.normal(), random.normal(), int(random.integers(5, 12))
        X.append((slope * np.arange(steps) / 5 + height + 0.01 * random.normal(size=steps))[:, None])
        y.append([1e6 + 2e4 * slope, 1e-3 * height])
    return X, np.array(y)


# What it learns


@pytest.mark.parametrize("loss", ["squared", "absolute", "huber"])
def test_several_numbers_in_their_units(loss):
    model = SequenceRegressor(epochs=40, loss=loss, pooling="last", **TINY).fit(*slopes())
    X, y = slopes(seed=1)
    found = model.predict(X)
    assert found.shape == y.shape
    assert found.dtype == np.float64
    assert model.score(X, y) == pytest.approx(r2_score(y, found))
    assert model.score(X, y) > 0.8
    alone = np.concatenate([model.predict([row]) for row in X[:10]])
    np.testing.assert_allclose(alone, found[:10], rtol=1e-4)


def test_one_number_comes_as_it_went_in():
    X, y = slopes(40)
    one = SequenceRegressor(epochs=3, **TINY).fit(X, y[:, 0])
    column = SequenceRegressor(epochs=3, **TINY).fit(X, y[:, :1])
    assert one.predict(X).shape == (40,)
    assert column.predict(X).shape == (40, 1)
    assert np.array_equal(one.predict(X), column.predict(X)[:, 0])


def test_targets_are_scaled_by_the_training_part():
    X, y = slopes(40)
    model = SequenceRegressor(epochs=1, validation=0.0, **TINY).fit(X, y)
    assert np.allclose(model.learned.means, y.mean(0), rtol=1e-12)
    assert np.allclose(model.learned.deviations, y.std(0), rtol=1e-12)
    assert np.allclose(model.targets(y).std(0), 1, atol=1e-5)
    steady = SequenceRegressor(epochs=1, **TINY).fit(X, np.full(40, 3.5))
    assert steady.learned.deviations == [0]


def test_the_losses_are_their_formulas():
    X, y = slopes(20)
    wrong = torch.tensor([[0.5, -2.0], [3.0, 0.0]])
    weights, targets = torch.tensor([1.0, 3.0]), torch.tensor([[0.2, 0.1], [0.3, -0.4]])
    far = (wrong - targets).numpy()
    want = {"squared": far**2, "absolute": abs(far), "huber": np.where(abs(far) < 1, far**2 / 2, abs(far) - 0.5)}
    for name, losses in want.items():
        model = SequenceRegressor(epochs=1, loss=name, validation=0.0, **TINY).fit(X, y)
        task = model.task(model.model, model.split(model.read((X, y), "X")))
        total, count = task.losses(wrong, None, targets, weights)
        assert total.item() == pytest.approx((losses.mean(1) * weights.numpy()).sum())
        assert count == 4


def test_r2_of_the_held_out_part_is_scikit_learns():
    X, y = slopes()
    others, targets = slopes(30, seed=5)
    model = SequenceRegressor(epochs=3, **TINY).fit(X, y, validation_data=(others, targets))
    best = next(row for row in reversed(model.history) if row["better"])
    assert best["r2"] == pytest.approx(model.score(others, targets), abs=1e-5)
    watched = SequenceRegressor(epochs=6, monitor="r2", **TINY).fit(X, y, validation_data=(others, targets))
    best = max(row["r2"] for row in watched.history)
    assert best == pytest.approx(watched.score(others, targets), abs=1e-5), "more is better"


def test_texts():
    texts = ["cheap", "cheap and small", "dear", "dear and large"] * 12
    prices = [100.0, 90.0, 500.0, 550.0] * 12
    model = SequenceRegressor(unit="word", epochs=25, pooling="attention", **TINY).fit(texts, prices)
    assert model.score(texts, prices) > 0.9
    assert model.tokens(["dear and old"]) == [["dear", "and", "<unk>"]]
    assert model.step_weights(["dear and large"])[0].sum() == pytest.approx(1)
    score, examples, command = model.report()[:3]
    assert score.keys() == {"r2", "validation_loss"}
    assert examples[0].startswith("closest: ")
    assert examples[-1].startswith("farthest: ")
    assert command == "recurra regress DATA --model FOLDER"


# scikit-learn's rules

OTHER_LENGTHS = "(sequences, steps) are sequences of one feature, and sequences of another length may come later"
NOT_APPLICABLE = {
    "check_n_features_in": OTHER_LENGTHS,
    "check_n_features_in_after_fitting": OTHER_LENGTHS,
    "check_regressors_train": OTHER_LENGTHS,
    "check_sample_weight_equivalence_on_dense_data": "examples are drawn in batches: twice is not twice in one batch",
}


@pytest.mark.slow
@parametrize_with_checks(
    [SequenceRegressor(**TINY, epochs=15, validation=0.0)], expected_failed_checks=lambda estimator: NOT_APPLICABLE
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")  # scikit-learn's own cast
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
def test_cross_validation():
    assert cross_val_score(SequenceRegressor(epochs=40, pooling="last", **TINY), *slopes(), cv=2).mean() > 0.6


# Folders


@pytest.mark.slow
def test_a_fit_opens_again_and_a_stopped_one_is_resumed_to_the_same_bits(tmp_path):
    X, y = slopes()
    settings = TINY | {"dropout": 0.3, "epochs": 4}
    whole = SequenceRegressor(**settings).fit(X, y, out=tmp_path / "whole")
    again = SequenceRegressor.load(tmp_path / "whole")
    assert np.array_equal(again.predict(X), whole.predict(X))
    again.save(tmp_path / "kept")
    assert np.array_equal(SequenceRegressor.load(tmp_path / "kept").predict(X), whole.predict(X))
    count = iter(range(100))
    cut = SequenceRegressor(**settings).fit(X, y, out=tmp_path / "cut", stop=lambda: next(count) == 7)
    assert not np.array_equal(cut.predict(X), whole.predict(X))
    with pytest.raises(DataError, match="was trained on other data; a run is resumed only with the same X, y"):
        SequenceRegressor.resume(tmp_path / "cut", X, y[::-1])
    SequenceRegressor.resume(tmp_path / "cut", X, y)
    one, two = (tensorfiles.read(tmp_path / run / "state.safetensors", "state/1")[0] for run in ("whole", "cut"))
    assert [
        key for key in one if key.startswith(("model.", "optimizer.")) and not torch.equal(one[key], two[key])
    ] == []


# What is refused


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "requires y to be passed, but the target y is None"),
        ([1.0, 2.0], r"`y` is \(2,\); expected \(6,\) or \(6, outputs\), as `X` has 6 sequences"),
        ([1.0, 2.0, 3.0, np.nan, 5.0, 6.0], "`y`: Input y contains NaN"),
        (["a"] * 6, "`y`: could not convert string to float: 'a'"),
        (np.zeros((6, 2, 2)), "`y`: Found array with dim 3"),
    ],
)
def test_invalid_targets(y, words):
    with pytest.raises(DataError, match=words):
        SequenceRegressor(epochs=1, **TINY).fit(np.zeros((6, 4)), y)


def test_other_things_that_are_refused():
    X, y = slopes(20)
    with pytest.raises(DataError, match=r"`y` of the validation data is \(20,\); expected targets like those to learn"):
        SequenceRegressor(epochs=1, **TINY).fit(X, y, validation_data=(X, y[:, 0]))
    with pytest.raises(ConfigError, match=r"`loss` is 'square'; did you mean `squared`\?"):
        SequenceRegressor(epochs=1, loss="square", **TINY).fit(X, y)
