"""What a fitted model knows of its sequences: features at two scales, beside their masks."""

import numpy as np
import pytest
from numpy import nan

from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.sequences.config import SequencesConfig
from recurra.tasks.sequences.reader import Reader

BOTH = SequencesConfig(standardise="both")


def test_both_scales_stand_side_by_side():
    X = [np.array([[1.0, 10], [3, 10]]), np.array([[5.0, 40], [7, 60]])]
    reader = Reader.learn(X, BOTH, "word")
    assert (reader.features, reader.inputs, reader.masks, reader.zeros) == (2, 4, 0, 2)
    quiet, loud = reader.rows(X, BOTH)
    mean, deviation = np.concatenate(X).mean(0), np.concatenate(X).std(0)
    np.testing.assert_allclose(quiet, np.hstack([[[-1, 0], [1, 0]], (X[0] - mean) / deviation]), rtol=1e-6)
    np.testing.assert_allclose(loud, np.hstack([[[-1, -1], [1, 1]], (X[1] - mean) / deviation]), rtol=1e-6)


def test_gaps_are_filled_at_both_scales_beside_one_mask():
    X = [np.array([[1.0], [nan], [3]]), np.array([[nan], [6.0], [6]])]
    reader = Reader.learn(X, BOTH, "word")
    assert (reader.inputs, reader.masks, reader.zeros) == (3, 1, 2)
    first, second = reader.rows(X, BOTH)
    low, high = (np.array([1, 3]) - 4) / np.sqrt(4.5)
    np.testing.assert_allclose(first, [[-1, low, 0], [-1, low, 1], [1, high, 0]], rtol=1e-6)
    assert second[0].tolist() == [0, 0, 1]
    assert not second[:, 0].any(), "a constant within its sequence"


@pytest.mark.parametrize("cell", ["gru", "gru-d"])
def test_a_kept_model_reads_both_scales_again(cell, tmp_path):
    random = np.random.default_rng(0)
    X = random.normal(size=(24, 6, 2))
    X[random.random(X.shape) < 0.3] = nan
    X[:, 0] = 1.0
    model = SequenceClassifier(cell=cell, hidden_size=4, epochs=2, standardise="both").fit(
        X, [0, 1] * 12, out=tmp_path / "run"
    )
    assert model.model.encoder.masks == 2, "steps without any value are known by the masks"
    again = SequenceClassifier.load(tmp_path / "run")
    assert again.learned.twice
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    other = X.copy()
    other[:, 1:] *= 3
    assert not np.allclose(model.predict_proba(other), model.predict_proba(X))
