"""How much classes and examples count: in the loss, in a run's folder; and weights that cannot be."""

import numpy as np
import pytest
from helpers.series import ramps

from recurra.errors import DataError, DtypeError, ShapeError
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.classification.task import class_weights

TINY = {"hidden_size": 8, "bidirectional": False, "lr": 2e-2, "average": 0.0, "dropout": 0.0, "batch_size": 16}


@pytest.mark.slow
def test_rare_classes_count_more_when_balanced():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 4)), np.array([0] * 190 + [1] * 10)
    X[y == 1] += 1.0
    plain = SequenceClassifier(epochs=10, **TINY).fit(X, y)
    balanced = SequenceClassifier(epochs=10, class_weight="balanced", validation=0.0, **TINY).fit(X, y)
    assert balanced.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.1
    assert class_weights("balanced", np.arange(2), y).tolist() == pytest.approx([200 / (2 * 190), 200 / (2 * 10)])
    assert class_weights((("b", 5.0),), np.array(["a", "b"]), y).tolist() == [1, 5]
    by_label = SequenceClassifier(epochs=10, class_weight={1: 10.0, 0: 10 / 19}, validation=0.0, **TINY).fit(X, y)
    assert by_label.class_weight == {1: 10.0, 0: 10 / 19}
    assert np.allclose(by_label.predict_proba(X), balanced.predict_proba(X), atol=1e-3)


def test_a_batch_of_a_class_that_does_not_count_changes_nothing():
    X, y = ramps(20)
    settings = TINY | {"batch_size": 1, "epochs": 1, "class_weight": {"down": 0.0}}
    model = SequenceClassifier(**settings).fit(X, y)
    assert np.isfinite(model.history[-1]["loss"])
    assert (model.predict(X) == "up").all()


def test_an_example_counts_as_its_weight_says():
    """As often as it is there twice; not at all at 0, in the loss that picks the best weights too."""
    X, y = ramps(20)
    settings = TINY | {"epochs": 3, "batch_size": 64, "validation": 0.0}
    weights = np.arange(20) % 3
    twice = np.repeat(np.arange(20), weights)
    one = SequenceClassifier(**settings).fit(X, y, sample_weight=weights)
    two = SequenceClassifier(**settings | {"standardise": "none"}).fit(X, y, sample_weight=list(weights))
    three = SequenceClassifier(**settings | {"standardise": "none"}).fit([X[i] for i in twice], y[twice])
    assert np.allclose(two.predict_proba(X), three.predict_proba(X), atol=1e-4)
    assert not np.allclose(one.predict_proba(X), SequenceClassifier(**settings).fit(X, y).predict_proba(X), atol=1e-3)
    told = y == "up"  # what is told of the others is wrong
    held = [SequenceClassifier(**TINY | {"epochs": 4, "validation": 0.5}).fit(X, labels, sample_weight=told * 1.0)
            for labels in (y, np.where(told, y, "down"))]  # fmt: skip
    assert held[0].history[-1]["loss"] == held[1].history[-1]["loss"]


def test_weights_belong_to_the_data_of_a_run(tmp_path):
    X, y = ramps()
    settings, weights = TINY | {"epochs": 2}, np.linspace(0, 1, len(y))
    whole = SequenceClassifier(**settings).fit(X, y, sample_weight=weights, out=tmp_path / "run")
    again = SequenceClassifier.resume(tmp_path / "run", X, y, sample_weight=weights)
    assert np.array_equal(whole.predict_proba(X), again.predict_proba(X))
    with pytest.raises(DataError, match="was trained on other data; a run is resumed only with the same X, y"):
        SequenceClassifier.resume(tmp_path / "run", X, y)


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        ([1.0], ShapeError, r"`sample_weight` is \(1,\); expected \(6,\), one for each sequence"),
        (["a"] * 6, DtypeError, "`sample_weight` holds something else than numbers"),
        ([1, 1, -1, 1, 1, 1], DataError, r"`sample_weight\[2\]` is -1; expected a number, 0 or more"),
        ([1, np.nan, 1, 1, 1, 1], DataError, r"`sample_weight\[1\]` is nan; expected a number, 0 or more"),
        ([0] * 6, DataError, "every `sample_weight` is zero; nothing could be learned"),
    ],
)
def test_weights_that_cannot_be(weights, error, words):
    with pytest.raises(error, match=words):
        SequenceClassifier(epochs=1, **TINY).fit(np.zeros((6, 4)), [0, 1] * 3, sample_weight=weights)


def test_weights_by_label_are_kept(tmp_path):
    """For a run that is killed before its first state is written, and for a fit of what was loaded."""
    X, y = ramps()
    settings = TINY | {"epochs": 1, "class_weight": {np.str_("up"): np.float32(3)}}
    model = SequenceClassifier(**settings).fit(X, y, out=tmp_path / "run")
    model.set_params(class_weight=None).save(tmp_path / "saved")
    for folder in ("run", "saved"):
        assert SequenceClassifier.load(tmp_path / folder).class_weight == {"up": 3.0}
    for name in ("state", "model"):
        (tmp_path / f"run/{name}.safetensors").unlink()
    again = SequenceClassifier.resume(tmp_path / "run", X, y)
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    alike = SequenceClassifier(**settings | {"class_weight": None}).fit(X, y)
    assert not np.allclose(again.predict_proba(X), alike.predict_proba(X), atol=1e-3)
