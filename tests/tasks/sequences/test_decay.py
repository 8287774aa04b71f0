"""GRU-D in the estimators: time since a measurement and decay of old values, by hand in float64, and what they teach."""

import numpy as np
import pytest
import torch
from helpers.support import assert_close, randomise

from recurra import cells
from recurra.errors import CellError
from recurra.nn import Recurrent
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.regression import SequenceRegressor
from recurra.tasks.sequences import gaps
from recurra.tasks.sequences.config import EncoderConfig
from recurra.tasks.sequences.encoder import Encoder
from recurra.tasks.sequences.task import together
from recurra.tasks.tagging import SequenceTagger

NAN = np.nan


def holes(lengths=(9, 4, 1, 7), features=3, part=0.6, seed=0):
    """Raw rows with many gaps, some of whole steps; each has a value, and each feature has one somewhere."""
    random, rows = np.random.default_rng(seed), []
    for steps in lengths:
        row = random.normal(5, 2, (steps, features))
        row[random.random(row.shape) < part] = NAN
        row[random.random(steps) < 0.3] = NAN
        row[random.integers(steps), random.integers(features)] = 4.0
        rows.append(row)
    return rows


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def time_since(row):
    """(steps,) delta of Che et al.: 0 at first, then 1 behind a step where something was measured, else one more each step."""
    found = [0]
    for before in row[:-1]:
        found.append(found[-1] + 1 if np.isnan(before).all() else 1)
    return found


def read(row, mean, deviation, decay):
    """(steps, features + masks): each value, or the last one on its way to the mean, beside the masks."""
    inputs, last, age = [], None, None
    rate, shift = decay
    for values in row:
        missing = np.isnan(values)
        if last is None:
            last, age = np.array(mean, float), np.zeros(len(mean))
        age = np.where(missing, age + 1, 0)
        last = np.where(missing, last, values)
        gamma = np.exp(-np.maximum(0, rate * age + shift))
        now = np.where(missing, gamma * last + (1 - gamma) * mean, values)
        inputs.append([*(now - mean) / deviation, *missing])
    return np.array(inputs, float)


def gru_d(layers, inputs, dt, suffix):
    """(steps, units): the equations of Che et al. over the steps of one row."""
    w = {
        n.removesuffix(f"_{suffix}"): p.detach().numpy()
        for n, p in layers.named_parameters()
        if n.endswith(f"_{suffix}")
    }
    (Wr, Wz, Wn), (br, bz, bn) = np.split(w["weight_ih"], 3), np.split(w["bias_ih"], 3)
    (Ur, Uz, Un), (cr, cz, cn) = np.split(w["weight_hh"], 3), np.split(w["bias_hh"], 3)
    h, ys = np.zeros(len(br)), []
    for x, d in zip(inputs, dt, strict=True):
        h = np.exp(-np.maximum(0, w["rate"] * d + w["shift"])) * h
        r, z = sigmoid(Wr @ x + br + Ur @ h + cr), sigmoid(Wz @ x + bz + Uz @ h + cz)
        h = (1 - z) * h + z * np.tanh(Wn @ x + bn + Un @ (r * h) + cn)
        ys.append(h)
    return np.array(ys)


@pytest.mark.parametrize("standardise", ["features", "none"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_encoder_is_its_equations(bidirectional, standardise):
    rows = holes()
    model = SequenceClassifier(
        cell="gru-d", hidden_size=5, bidirectional=bidirectional, standardise=standardise, validation=0, epochs=1
    ).fit(rows, [0, 1, 0, 1])
    encoder = randomise(model.model.encoder.double().eval())
    assert (encoder.decay.rate != 0).all()
    mean, deviation = (np.array([f(np.concatenate(rows)[:, k]) for k in range(3)]) for f in (np.nanmean, np.nanstd))
    x, lengths = together(model.learned.rows(rows, model.parts["data"]), torch.device("cpu"))
    found = encoder(x.double(), lengths)
    decay = [p.detach().numpy() for p in (encoder.decay.rate, encoder.decay.shift)]
    for i, row in enumerate(rows):
        if standardise == "none":
            inputs = read(row, mean, np.ones(3), decay)
            inputs[:, :3] += mean
        else:
            inputs = read(row, mean, deviation, decay)
        want = gru_d(encoder.layers, inputs, time_since(row), "l0")
        if bidirectional:
            back = gru_d(encoder.layers, inputs[::-1], time_since(row[::-1]), "l0_reverse")[::-1]
            want = np.concatenate([want, back], 1)
        assert_close(found[: len(row), i], torch.tensor(want), 1e-5)  # the rows are float32
        assert not found[len(row) :, i].any()


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("alike", [False, True])
def test_the_time_since_a_measurement(alike, stride):
    rows = holes((8, 8, 8) if alike else (9, 4, 1, 7), part=0.7, seed=3)
    layers = Recurrent("cfc", 3, 2, bidirectional=True)
    masks = [np.isnan(row).astype(np.float32) for row in rows]
    x, lengths = together(masks, torch.device("cpu"))
    forward, backward = gaps.times(layers, x, lengths, 3, stride)["dt"]
    for i, row in enumerate(rows):
        short = np.array([np.nanmax([*row[k : k + stride].flat, -9]) for k in range(0, len(row), stride)])[:, None]
        short[short == -9] = NAN
        assert forward[: len(short), i].tolist() == time_since(short)
        assert backward[: len(short), i].tolist() == time_since(short[::-1])[::-1]
    assert len(forward) == -(-len(x) // stride)
    alone = gaps.times(Recurrent("cfc", 3, 2), x, lengths, 3, stride)["dt"]
    assert torch.equal(alone, forward)
    assert gaps.times(Recurrent("gru", 3, 2), x, lengths, 3) == {}
    complete = gaps.times(layers, x, None)["dt"]
    assert complete[0][:, 0].tolist() == [0] + [1] * (len(x) - 1) == complete[1][:, 0].tolist()[::-1]


def test_a_step_has_a_value_where_a_feature_has_no_gaps():
    rows = [np.where([True, False], row, 1.0) for row in holes(features=2)]
    model = SequenceClassifier(cell="gru-d", hidden_size=4, validation=0, epochs=1).fit(rows, [0, 1, 0, 1])
    assert model.model.encoder.masks == 0
    assert model.learned.masks == 1
    assert len(model.model.encoder.decay.rate) == 1


def asked(count, seed, steps=12):
    """A value at random steps; label: whether the last one is old. The values mean nothing, and are none at the end."""
    random = np.random.default_rng(seed)
    X, old = random.normal(size=(count, steps, 1)), np.arange(count) % 2 == 1
    for row, late in zip(X, old, strict=True):
        row[random.permutation(steps - 1)[: steps // 2]] = NAN
        row[-7 if late else -4 :] = NAN
        row[-8 if late else -5] = random.normal()
    return X, old


AIMS = {
    SequenceClassifier: lambda X, old: old,
    SequenceRegressor: lambda X, old: 3.0 * old,
    SequenceTagger: lambda X, old: [[int(d > 2) for d in time_since(row)] for row in X],
}


def test_the_state_starts_to_fade_behind_steps_without_a_value():
    encoder = Encoder(4, EncoderConfig(cell="gru-d", hidden_size=3, num_layers=2), tokens=False, masks=2)
    x, late = torch.zeros(2, 1, 4), torch.zeros(3, 1, 4)
    late[1, :, 2:] = 1
    for layer in ("l0", "l1_reverse"):
        rate, shift = (getattr(encoder.layers, f"{name}_{layer}") for name in ("rate", "shift"))
        assert rate.min() > 0
        assert torch.equal(shift, -rate)
    found = gaps.times(encoder.layers, x, None, 2)["dt"], gaps.times(encoder.layers, late, None, 2)["dt"]
    assert [[part.max().item() for part in pair] for pair in found] == [[1, 1], [2, 2]]


@pytest.mark.slow
@pytest.mark.parametrize("estimator", AIMS)
def test_how_long_ago_a_value_was_measured_is_learned_and_kept_on_disk(estimator, tmp_path):
    X, old = asked(120, 0)
    others, labels = asked(60, 1)
    aim, one_way = AIMS[estimator], {} if estimator is SequenceTagger else {"pooling": "last"}
    model = estimator(
        cell="gru-d", hidden_size=8, bidirectional=False, lr=2e-2, average=0.0, dropout=0.0, epochs=40, **one_way
    ).fit(X, aim(X, old), out=tmp_path / "run")
    assert model.score(others, aim(others, labels)) > 0.9
    again = estimator.load(tmp_path / "run")
    again.save(tmp_path / "kept")
    for one in (again, estimator.load(tmp_path / "kept")):
        assert np.array_equal(one.predict(others), model.predict(others))
        assert torch.equal(one.model.encoder.decay.rate, model.model.encoder.decay.rate)
    estimator.resume(tmp_path / "run", X, aim(X, old))


@pytest.mark.slow
def test_the_time_alone_can_be_learned_from(monkeypatch):
    """Where neither values nor masks reach the layer: with the time right, without it by chance."""
    monkeypatch.setattr(gaps.Decay, "forward", lambda self, x: 0 * x)
    (X, old), (others, labels) = asked(120, 0), asked(60, 1)
    model = SequenceClassifier(
        cell="gru-d", hidden_size=8, pooling="last", bidirectional=False, lr=2e-2, average=0.0, dropout=0.0, epochs=40
    )
    assert model.fit(X, old).score(others, labels) > 0.9
    monkeypatch.setattr(gaps, "since", lambda missing: torch.ones_like(missing, dtype=torch.int64))
    assert model.fit(X, old).score(others, labels) < 0.6


@pytest.mark.parametrize("cell", ["gru-d", "cfc"])
@pytest.mark.parametrize("kind", ["texts", "words", "complete", "convolutions"])
def test_cells_that_read_dt_take_data_of_every_kind(kind, cell):
    some = {"cell": cell, "hidden_size": 4, "epochs": 1}
    if kind == "texts":
        SequenceClassifier(**some).fit(["ab", "bca"] * 8, [0, 1] * 8).predict(["a"])
    elif kind == "words":
        SequenceTagger(**some, character_size=3).fit([["ab", "c"], ["a"]] * 8, [[0, 1], [0]] * 8).predict([["ab"]])
    elif kind == "complete":
        model = SequenceRegressor(**some).fit(np.ones((16, 5, 2)), np.arange(16.0))
        assert model.model.encoder.decay is None
    else:
        X = np.stack(holes((30,) * 16))
        model = SequenceClassifier(**some, stride=4, convolutions=4).fit(X, [0, 1] * 8)
        assert model.predict(X[:, :29]).shape == (16,)
        assert (model.model.encoder.decay is None) == (cell == "cfc")


def test_a_cell_that_reads_more_than_dt_is_refused():
    class Told(cells.GRUD):
        given = "dt price"

    with (
        cells.registered(),
        pytest.raises(CellError, match="which reads dt, price at each step; this model has no such numbers"),
    ):
        SequenceClassifier(cell=Told, epochs=1).fit(np.ones((16, 5, 2)), [0, 1] * 8)
