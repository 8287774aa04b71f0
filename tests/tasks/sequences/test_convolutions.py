"""Convolutions before the recurrence: padding has no effect, steps become fewer where they may, defaults follow the length."""

import numpy as np
import pytest
import torch

from recurra.errors import ConfigError
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.regression import SequenceRegressor
from recurra.tasks.sequences.convolutions import Convolutions
from recurra.tasks.tagging import SequenceTagger

TINY = {"hidden_size": 8, "epochs": 2, "batch_size": 8}
RNG = np.random.default_rng(0)


def bumps(count: int = 40, steps: int = 60):
    """Noise with a bump up or down somewhere: which."""
    X, y = 0.3 * RNG.normal(size=(count, steps)), np.arange(count) % 2
    for row, sign in zip(X, y, strict=True):
        at = RNG.integers(5, steps - 15)
        row[at : at + 8] += (1 if sign else -1) * np.sin(np.arange(8) / 7 * np.pi) * 2
    return X, y


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("stride", [1, 3])
def test_what_lies_past_a_rows_end_has_no_effect(stride, training):
    torch.manual_seed(0)
    model = Convolutions(2, 4, stride).train(training)
    lengths = torch.tensor([7, 1, 12, 0])
    x = torch.randn(12, 4, 2)
    other = x.clone()
    for row, n in enumerate(lengths):
        other[n:, row] = 1e3
    (y, short), (again, _) = (model(part, lengths) for part in (x, other))
    assert torch.equal(y, again)
    assert short.tolist() == [-(-n // stride) for n in lengths.tolist()]
    assert y.shape == (-(-12 // stride), 4, 4)
    for row, n in enumerate(short):
        assert not y[n:, row].any()
    if not training:
        alone, _ = model(x[:7, :1])
        torch.testing.assert_close(y[: short[0], :1], alone)


@pytest.mark.slow
def test_the_default_finds_shapes_and_says_what_it_chose(capfd):
    X, y = bumps(80)
    model = SequenceClassifier(hidden_size=16, epochs=25, seed=1).fit(X[:60], y[:60], quiet=False)
    assert "54 sequences of about 60 steps: convolutions before the recurrence" in capfd.readouterr().err
    assert model.score(X[60:], y[60:]) > 0.9
    assert (model.parts["model"].convolutions, model.parts["model"].stride) == (64, 1)
    assert model.parts["data"].batch_size == 8


def test_long_sequences_become_shorter_and_short_ones_have_none():
    X, y = bumps(12, 400)
    found = SequenceClassifier(**TINY).fit(X, y, quiet=True)
    assert found.parts["model"].stride == 8
    assert found.predict_proba(X).shape == (12, 2)
    short = SequenceClassifier(**TINY).fit(X[:, :7], y, quiet=True)
    assert short.parts["model"].convolutions == 0
    assert short.model.encoder.convolutions is None
    texts = SequenceClassifier(**TINY).fit(["a b c d e f g h i j k l m" * 3, "b" * 40] * 6, ["x", "y"] * 6, quiet=True)
    assert texts.model.encoder.convolutions is None
    one_way = SequenceClassifier(bidirectional=False, **TINY).fit(X, y, quiet=True)
    assert one_way.model.encoder.convolutions is None


def test_a_regressor_and_a_kept_run_have_them_too(tmp_path):
    X, y = bumps(16)
    model = SequenceRegressor(**TINY).fit(X, y * 2.0, quiet=True, out=tmp_path / "run")
    again = SequenceRegressor.load(tmp_path / "run")
    np.testing.assert_allclose(again.predict(X), model.predict(X), rtol=1e-5)
    assert any("running_mean" in name for name in again.model.state_dict())


def test_a_tagger_keeps_every_step_and_refuses_a_stride():
    X = [RNG.normal(size=n) for n in (30, 41, 25, 60)]
    y = [(row > 0).astype(int) for row in X]
    model = SequenceTagger(**TINY).fit(X, y, quiet=True)
    assert model.parts["model"].convolutions == 64
    assert [len(tags) for tags in model.predict(X)] == [30, 41, 25, 60]
    with pytest.raises(ConfigError, match=r"`stride` is 4; here each step has its own label"):
        SequenceTagger(stride=4, **TINY).fit(X, y, quiet=True)


def test_each_steps_weight_still_adds_up_to_one():
    X, y = bumps(12, 400)
    model = SequenceClassifier(pooling="mean", **TINY).fit(X, y, quiet=True)
    x = torch.from_numpy(np.stack(model.learned.rows(list(X[:, :, None]), model.parts["data"]))).transpose(0, 1)
    _, weights = model.model(x, torch.tensor([400] * 12), return_weights=True)
    assert weights.shape == (12, 400)
    torch.testing.assert_close(weights.sum(1), torch.ones(12))
