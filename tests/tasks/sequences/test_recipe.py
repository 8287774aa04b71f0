"""Settings by the data: scales of sequences that are far apart are seen, and each is then read at its own scale too."""

import numpy as np
import pytest

from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.sequences.recipe import far_apart, recipe

TINY = {"hidden_size": 8, "epochs": 2, "batch_size": 8}
OPEN = {"stride": None, "bidirectional": True, "convolutions": None, "epochs": 0, "minutes": None, "standardise": None}
OPEN |= {"batch_size": 32}


def waves(count: int = 60, apart: float = 1.0, seed: int = 0):
    """Sine waves and saw-teeth of 40 steps, which is the label; the loudest is so many times as loud as the quietest."""
    random = np.random.default_rng(seed)
    labels, gains = np.arange(count) % 2, apart ** random.permutation(np.linspace(0, 1, count))
    phases = np.arange(40) / 10 + random.uniform(0, 1, (count, 1))
    X = np.where(labels[:, None], np.sin(2 * np.pi * phases), 2 * (phases % 1) - 1)
    return gains[:, None, None] * X[..., None], labels


@pytest.mark.parametrize(("apart", "far"), [(1, False), (50, False), (1000, True), (1e9, True)])
def test_scales_that_are_far_apart_are_seen_in_any_unit(apart, far):
    X, _ = waves(apart=apart)
    assert [far_apart(X * unit) for unit in (1, 1e-9, 1e9)] == [far] * 3
    assert far_apart(list(X) * 40) == far, "more of them than are looked at"


def test_scales_are_of_each_feature_and_of_most_of_them():
    far, near = waves(apart=1e4)[0], waves(apart=2)[0]
    assert not far_apart(np.concatenate([near, 1000 * near], 2)), "two units"
    assert not far_apart(np.concatenate([near, near, far], 2)), "one of three"
    assert far_apart(np.concatenate([near, far, far], 2))


def test_constants_and_gaps_have_no_scale():
    near = waves(apart=2)[0]
    near[:20] = 5.0
    near[30, 3] = np.nan
    assert not far_apart(near)
    assert not far_apart(np.ones((5, 40, 1)))


def test_the_line_names_it_and_what_the_user_set_stays():
    X, _ = waves(apart=1e4)
    found, why = recipe(X, OPEN, True)
    assert found["standardise"] == "both"
    assert "convolutions before the recurrence, each also at its own scale, as scales are far apart, 60 epochs" in why
    for mine in ({"standardise": "features"}, {"bidirectional": False}, {"convolutions": 0}):
        found, why = recipe(X, OPEN | mine, True)
        assert "standardise" not in found
        assert "scale" not in why


def test_quiet_sequences_are_told_apart():
    X, y = waves(120, apart=1e6)
    settings = {"hidden_size": 16, "epochs": 12, "validation": 0, "lr": 1e-2}
    found = [SequenceClassifier(standardise=one, **settings).fit(X[:80], y[:80]) for one in (None, "features")]
    assert found[0].parts["data"].standardise == "both"
    assert found[0].n_features_in_ == 1
    ours, before = (model.score(X[80:], y[80:]) for model in found)
    assert ours > 0.95 > 0.8 > before


def test_near_scales_are_read_as_ever():
    X, y = waves(20, apart=2)
    model = SequenceClassifier(**TINY).fit(X, y)
    assert model.parts["data"].standardise == "features"
    assert model.model.encoder.convolutions.layers[0].in_channels == 1
    texts = SequenceClassifier(**TINY).fit(["a b", "c d"] * 6, ["x", "y"] * 6)
    assert texts.parts["data"].standardise == "features"


@pytest.mark.parametrize(
    ("count", "batch", "epochs"),
    [(60, 32, 60), (120, 32, 60), (1056, 32, 60), (1057, 32, None), (1057, 64, 60), (200, 4, None)],
)
def test_few_sequences_are_passed_often_and_many_as_ever(count, batch, epochs):
    found, why = recipe(np.random.default_rng(0).normal(size=(count, 20, 1)), OPEN | {"batch_size": batch}, True)
    assert found.get("epochs") == epochs
    assert ("60 epochs" in why) == (epochs == 60)
