"""Weights of series in the loss, and in all that a forecaster does."""

import numpy as np
import pytest
import torch
from helpers.series import waves

from recurra.errors import DataError
from recurra.tasks.forecasting import Forecaster

TINY = {"preset": "tiny", "horizon": 6, "input_size": 12, "epochs": 2, "epoch_steps": 6, "season": 12}


def test_the_loss_is_the_weighted_mean_over_the_windows():
    data, weights = waves(90, 80, 85), {"s0": 1, "s1": 4, "s2": 0}
    model = Forecaster(weights=weights, **TINY).fit(data, quiet=True)
    task = model.task(model.model, model.split(model.read(data, "frame")))
    assert set(task.series) == {0, 1}, "a series of weight 0 has no windows to learn from"
    mean = np.mean([list(weights.values())[s] for s in task.series])
    chosen = task.batches[0].batch(0, 0)
    loss = task.loss(model.model, task.batch(0, 0), None)[0]
    plain = task.windows.batch(task.series[chosen], task.cuts[chosen], 6)
    each = model.model.head.loss(model.model([plain])[0], plain.target)
    counts = torch.tensor([1.0, 4.0, 0.0])
    assert loss.item() == pytest.approx((each * counts[task.series[chosen]] / mean).mean().item(), rel=1e-5)
    # What is held out is weighted alike.
    series, cuts = task.held
    plain = task.windows.batch(series, cuts, 6)
    each = model.model.head.loss(model.model([plain])[0], plain.target).mean(0)
    want = (each * counts[series]).sum() / counts[series].sum()
    assert task.evaluate(model.model)["loss"] == pytest.approx(want.item(), rel=1e-5)


def test_a_series_of_weight_0_moves_no_other_forecast():
    data = waves(70, 60)
    wild = data.assign(y=np.where(data["unique_id"] == "s1", 500 * np.cos(data.index**2), data["y"]))
    found = []
    for weights in ({"s1": 0}, None):
        made = [Forecaster(weights=weights, conformal=False, **TINY).fit(d, quiet=True).predict() for d in (data, wild)]
        one, two = (frame[frame["unique_id"] == "s0"]["forecast"].to_numpy() for frame in made)
        found.append(np.array_equal(one, two))
        assert len(made[0]) == 12, "it is forecast all the same"
    assert found == [True, False]


def test_weights_are_relative_and_a_column_is_a_mapping():
    data = waves(70, 60)
    column = data.assign(w=np.where(data["unique_id"] == "s1", 9.0, 3.0))
    forecasts = [
        Forecaster(weights=weights, **TINY).fit(column, quiet=True).predict()["forecast"].to_numpy()
        for weights in ("w", {"s0": 3, "s1": 9}, {"s1": 3}, None)
    ]
    assert np.array_equal(forecasts[0], forecasts[1])
    assert np.allclose(forecasts[0], forecasts[2], rtol=1e-4)
    assert not np.allclose(forecasts[0], forecasts[3], rtol=1e-4)


@pytest.mark.parametrize("weights", ["w", {"s1": 2.0}], ids=type)
def test_weights_are_asked_for_where_something_is_learned(weights, tmp_path):
    data = waves(70, 60).assign(w=1.0)
    bare = data.drop(columns="w")
    model = Forecaster(weights=weights, **TINY).fit(data, out=tmp_path / "run", quiet=True)
    assert model.predict(frame=bare)["ds"].equals(model.predict()["ds"])
    assert len(model.cross_validate(bare, fit=False)) == 12
    assert len(model.cross_validate(data, windows=2, refit=True, quiet=True)) == 24
    assert len(model.residuals(bare)) == 128
    again = Forecaster.load(tmp_path / "run")
    assert again.parts == model.parts
    assert again.predict().equals(model.predict())
    resumed = Forecaster.resume(tmp_path / "run", data, quiet=True)
    assert resumed.predict().equals(model.predict())
    if weights == "w":
        with pytest.raises(DataError, match="was trained on other data"):
            Forecaster.resume(tmp_path / "run", data.assign(w=2.0), quiet=True)
        with pytest.raises(DataError, match="the frame has no column 'w'"):
            Forecaster(weights=weights, **TINY).fit(bare, quiet=True)


def test_weights_of_nothing_are_refused_and_some_are_reported(capsys):
    with pytest.raises(DataError, match="`weights`: every series that is long enough to learn from has a weight of 0"):
        Forecaster(weights={"s0": 0}, **TINY).fit(waves(60, 5), quiet=True)
    Forecaster(weights={"s0": 0}, **TINY).fit(waves(60, 60), quiet=False)
    assert "1 series have a weight of 0: forecast, but not learned from" in capsys.readouterr().err
