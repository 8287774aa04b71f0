"""Missing values inside sequences: what fills them, the mask beside them, and that they may be the sign to look for."""

import numpy as np
import pytest
import torch

from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.regression import SequenceRegressor
from recurra.tasks.sequences.config import EncoderConfig, SequencesConfig
from recurra.tasks.sequences.encoder import Encoder
from recurra.tasks.sequences.gaps import closed
from recurra.tasks.sequences.reader import Reader
from recurra.tasks.tagging import SequenceTagger

NAN = np.nan
TINY = {"hidden_size": 8, "lr": 2e-2, "average": 0.0, "dropout": 0.0, "epochs": 40, "batch_size": 16}


def test_a_gap_is_the_last_value_and_before_any_the_start():
    row = np.array([[NAN, 1], [2, NAN], [NAN, NAN], [4, 3]], np.float32)
    assert closed(row, np.array([], np.int64), 0.0).tolist() == [[0, 1], [2, 1], [2, 1], [4, 3]]
    marked = closed(row, np.array([1]), np.array([7.0, 8.0]))
    assert marked.dtype == np.float32
    assert marked.tolist() == [[7, 1, 0], [2, 1, 1], [2, 1, 1], [4, 3, 0]]
    for end in range(1, 5):
        assert np.array_equal(closed(row[:end], np.array([1]), 0.0), closed(row, np.array([1]), 0.0)[:end]), (
            "no look ahead"
        )


SCALED = {
    "features": [
        [0, -1, 0],
        [-1, -1, 1],
        [-1, 1, 0],
    ],  # means 3 and 2, standard deviations 2 and 1, over both sequences
    "sequence": [[0, -1, 0], [0, -1, 1], [0, 1, 0]],  # of the first feature one value: a constant
    "none": [[3, 1, 0], [1, 1, 1], [1, 3, 0]],
}


@pytest.mark.parametrize("standardise", SCALED)
def test_gaps_are_filled_after_scaling_beside_the_masks_of_training(standardise):
    X, data = (
        [np.array([[NAN, 1.0], [1, NAN], [NAN, 3]]), np.array([[5.0, NAN]])],
        SequencesConfig(standardise=standardise),
    )
    reader = Reader.learn(X, data, "word")
    assert (reader.features, reader.inputs) == (2, 4)
    found = reader.rows(X, data)[0]
    assert found[:, 3].tolist() == [0, 1, 0]
    assert found[:, 2].tolist() == [1, 0, 1]
    assert found[:, [0, 1, 3]].tolist() == SCALED[standardise]
    complete = Reader.learn([np.nan_to_num(row) for row in X], data, "word")
    assert complete.rows(X, data)[0].shape == (3, 2), "no mask where training missed nothing"
    assert not np.isnan(complete.rows(X, data)[0]).any()


def test_a_constant_with_gaps_keeps_its_mask():
    X = [np.array([[5.0], [NAN], [5.0]])]
    reader = Reader.learn(X, SequencesConfig(), "word")
    assert reader.rows(X, SequencesConfig())[0].tolist() == [[0, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize("convolutions", [0, 4])
@pytest.mark.parametrize("cell", ["gru", "indrnn", "sru"])
def test_masks_have_no_effect_before_they_are_learned(cell, convolutions):
    config = EncoderConfig(cell=cell, hidden_size=4, convolutions=convolutions)
    encoder = Encoder(5, config, tokens=False, zeros=2).eval()
    x = torch.randn(6, 3, 5)
    other = torch.cat([x[..., :3], 1 - x[..., 3:]], 2)
    assert torch.equal(encoder(x), encoder(other))
    assert not torch.equal(encoder(x), encoder(x.flip(2)))


def gapped(count=80, seed=0):
    """Noise of 8 steps; where the second half has more gaps than the first is the label, the values mean nothing."""
    random = np.random.default_rng(seed)
    X, late = random.normal(50, 9, (count, 8, 2)), np.arange(count) % 2 == 1
    for row, half in zip(X, late, strict=True):
        row[4 * half + random.permutation(4)[:3], 0] = NAN
    return X, late


ESTIMATORS = {
    SequenceClassifier: lambda X, late: late,
    SequenceRegressor: lambda X, late: 3.0 * late,
    SequenceTagger: lambda X, late: np.isnan(X[..., 0]).astype(int),
}


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_what_is_missing_is_learned_from_and_kept_on_disk(estimator, tmp_path, capfd):
    X, late = gapped()
    others, labels = gapped(40, seed=1)
    aim = ESTIMATORS[estimator]
    model = estimator(**TINY).fit(X, aim(X, late), out=tmp_path / "run", quiet=False)
    assert "19 % of the numbers are missing, in 1 of 2 features: filled by the last value" in capfd.readouterr().err
    assert model.n_features_in_ == 2
    assert model.score(others, aim(others, labels)) > 0.9
    again = estimator.load(tmp_path / "run")
    again.save(tmp_path / "kept")
    for one in (again, estimator.load(tmp_path / "kept")):
        assert np.array_equal(one.predict(others), model.predict(others))
    estimator.resume(tmp_path / "run", X, aim(X, late))
    elsewhere = others.copy()
    elsewhere[:, 5, 1] = NAN  # a feature that missed nothing in training
    model.predict(elsewhere)
