"""Temperatures and sets of labels: what they promise, where they come from, and what is refused."""

import numpy as np
import pytest
from helpers.series import ramps

from recurra.errors import ConfigError, DataError
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.classification.calibration import LEAST, bound, likelier, temperature

TINY = {"hidden_size": 8, "bidirectional": False, "lr": 2e-2, "average": 0.0, "dropout": 0.0, "batch_size": 16}


def drawn(count, sharpness, classes=5, seed=0):
    """Scores that are so many times too large, and labels drawn by the right ones."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(count, classes)) * 2
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    y = (p.cumsum(1) < random.random((count, 1))).sum(1)
    return scores * sharpness, y, np.ones(count)


@pytest.mark.parametrize("sharpness", [0.5, 1.6, 3.0])
def test_scores_that_are_too_large_or_too_small_are_found_out(sharpness):
    assert temperature(*drawn(4000, sharpness)) == pytest.approx(sharpness, rel=0.1)


def test_one_temperature_where_another_is_not_shown_to_be_better():
    assert temperature(*drawn(4000, 1.0)) == pytest.approx(1.0, rel=0.08)
    assert temperature(*drawn(LEAST - 1, 3.0)) == 1.0
    scores, y, _ = drawn(200, 3.0)
    assert temperature(scores, y, np.zeros(200)) == 1.0
    chosen = [temperature(*drawn(40, 1.0, seed=seed)) for seed in range(40)]
    assert np.mean(np.array(chosen) == 1.0) > 0.6, "forty sequences are mostly too few to claim anything"


def test_scores_that_are_all_right_are_not_made_ever_larger():
    y = np.arange(40) % 2
    surest = temperature(np.eye(2)[y] * 2.0, y, np.ones(40))
    p = 1 / (1 + np.exp(-2.0 / surest))
    assert 0.95 < p < 0.995, "about 1 in 40 + 1 may still be wrong"


def test_a_weight_counts_as_so_many_sequences():
    scores, y, _ = drawn(300, 2.0)
    heavy = np.arange(300) % 10 < 5
    weights = np.where(heavy, 1.0, 0.0)
    assert temperature(np.where(heavy[:, None], scores, scores * 9), y, weights) == pytest.approx(2.0, rel=0.4)


def test_what_is_likelier_by_hand():
    p = np.array([[0.2, 0.5, 0.3], [0.25, 0.25, 0.5]])
    assert likelier(p) == pytest.approx(np.array([[0.8, 0.0, 0.5], [0.5, 0.75, 0.0]]))


def test_the_bound_is_the_quantile_of_one_sequence_more():
    held = np.array([0.5, 0.0, 0.9, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7])
    assert [bound(held, coverage) for coverage in (0.9, 0.85, 0.8, 0.1, 0.05)] == [0.9, 0.9, 0.7, 0.0, 0.0]


@pytest.mark.parametrize("coverage", [0.6, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
def test_sets_keep_their_promise_whatever_the_scores_are_like(coverage, sharpness):
    scores, y, _ = drawn(40_000, sharpness)
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    before = likelier(p)
    inside = before <= bound(before[np.arange(10_000), y[:10_000]], coverage)
    assert inside.any(1).all(), "never empty"
    held = inside[10_000:][np.arange(30_000), y[10_000:]].mean()
    top = (p.argmax(1) == y)[10_000:].mean()
    assert held == pytest.approx(max(coverage, top), abs=0.015)


def noisy(count=200, seed=0):
    """Ramps, of which a fifth have the label of the other kind, and a third kind at random."""
    X, y = ramps(count, seed=seed)
    random = np.random.default_rng(seed)
    return X, np.where(random.random(count) < 0.3, random.choice(["down", "up", "odd"], count), y)


def test_sets_of_a_classifier_and_their_way_to_disk(tmp_path):
    X, y = noisy()
    others, labels = noisy(seed=1)
    model = SequenceClassifier(epochs=8, validation=60, **TINY).fit(X, y, out=tmp_path / "run")
    assert 58 <= len(model.learned.held) <= 62
    assert model.learned.temperature == temperature(*held_out(model, X, y))
    sets, p = model.predict_set(others, coverage=0.9), model.predict_proba(others)
    assert [one[0] for one in sets] == model.predict(others).tolist()
    order = model.classes_[np.argsort(-p, 1)]
    assert all(one.tolist() == row[: len(one)].tolist() for one, row in zip(sets, order, strict=True))
    assert np.mean([label in one for label, one in zip(labels, sets, strict=True)]) > 0.8
    assert np.mean([len(one) for one in model.predict_set(others, 0.6)]) < np.mean([len(one) for one in sets])
    model.save(tmp_path / "kept")
    for again in (SequenceClassifier.load(tmp_path / "run"), SequenceClassifier.load(tmp_path / "kept")):
        assert np.array_equal(again.predict_proba(others), p)
        assert all(map(np.array_equal, again.predict_set(others), sets))
    scores = model._scores(others) / model.learned.temperature
    want = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    assert np.allclose(p, want)
    longer = SequenceClassifier.resume(tmp_path / "run", X, y, epochs=10)
    assert longer.learned.temperature == temperature(*held_out(longer, X, y)), (
        "of the raw scores, not of the last temperature"
    )


def held_out(model, X, y):
    valid = model.split(model.read((X, y), "X")).valid
    return model._scores(valid.X), model.targets(valid.y), valid.sample_weight


def test_what_sets_cannot_promise():
    X, y = ramps(60)
    none = SequenceClassifier(epochs=1, validation=0, **TINY).fit(X, y)
    with pytest.raises(
        DataError, match="nothing was held out, so that no `coverage` can be promised; fit with a larger `val"
    ):
        none.predict_set(X)
    few = SequenceClassifier(epochs=1, validation=6, **TINY).fit(X, y)
    with pytest.raises(
        DataError, match=r"coverage=0.9 needs 9 held-out sequences, and this model had 6; .* take 0.85 at most"
    ):
        few.predict_set(X)
    assert len(few.predict_set(X, 0.85)) == 60
    own = SequenceClassifier(epochs=1, validation=0, **TINY).fit(X, y, validation_data=ramps(12, seed=5))
    assert len(own.predict_set(X, 0.9)) == 60
    for coverage in (0, 1, 1.5, -0.1, True, "0.9", float("nan")):
        with pytest.raises(ConfigError, match=r"`coverage` is .*; expected a fraction between 0 and 1, such as 0\.9"):
            own.predict_set(X, coverage)
