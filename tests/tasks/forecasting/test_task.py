"""Windows as batches, and their loss."""

import json

import numpy as np
import pytest
import torch
from helpers.series import waves

from recurra.tasks.forecasting import Forecaster
from recurra.tasks.forecasting.task import ForecastTask

TINY = {"preset": "tiny", "horizon": 6, "input_size": 12, "epochs": 2, "epoch_steps": 2}


def fitted_task(**settings):
    model = Forecaster(fill="zero", **TINY, **settings).fit(waves(60), quiet=True)
    return model.task(model.model, model.split(model.read(waves(60), "frame")))


def test_a_batch_without_a_measured_value_has_no_loss():
    task = fitted_task()
    (batch,) = task.batch(0, 0)
    loss, _, rows = task.loss(task.model, [batch._replace(weight=batch.weight * 0)], None)
    assert (loss.item(), rows) == (0.0, 32)
    one, _, _ = task.loss(task.model, [batch], None)
    half, _, _ = task.loss(task.model, [batch._replace(weight=batch.weight / 2)], None)
    assert half.item() == pytest.approx(one.item() / 2), "the mean over what was measured, in units of the mean weight"


@pytest.mark.slow
def test_a_series_whose_epoch_is_one_step_is_not_trained_to_the_end(monkeypatch, tmp_path):
    monkeypatch.setattr(ForecastTask, "patient_steps", 60)
    noise = waves(120).assign(y=np.random.default_rng(0).normal(size=120))
    Forecaster(horizon=6, lr=1e-2).fit(noise, out=tmp_path / "run", quiet=True)
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [row["reason"] for row in rows if row["event"] == "end"] == ["patience"]
    assert max(row["step"] for row in rows) < 1000, "of 2,000"


def test_members_have_the_mean_loss_and_each_the_gradient_of_its_own():
    task = fitted_task(members=2)
    batches = task.batch(0, 0)
    assert not torch.equal(batches[0].target, batches[1].target), "each draws by its own seed"
    loss, _, rows = task.loss(task.model, batches, None)
    loss.backward()
    assert rows == 64
    alone = [task._loss(member(batch), batch) for member, batch in zip(task.model, batches, strict=True)]
    assert loss.item() == pytest.approx(sum(alone).item() / 2)
    for member, one in zip(task.model, alone, strict=True):
        (want,) = torch.autograd.grad(one, member.mix)
        assert torch.allclose(member.mix.grad, want, atol=1e-6)


def test_losses_by_horizons_are_those_of_the_windows_that_begin_in_each():
    model = Forecaster(fill="zero", validation=26, **TINY).fit(waves(90, 80), quiet=True)
    frame = waves(90, 80)
    task = model.task(model.model, model.split(model.read(frame, "frame")))
    parts = model.losses_apart(frame)
    # 21 windows of each series: six, six, and the nine that are left.
    with torch.inference_mode():
        for numbers, found in zip(np.split(np.arange(42), [6, 12, 21, 27, 33]), parts, strict=True):
            window = task._window(task.held[0][numbers], task.held[1][numbers])
            losses = model.model[0].head.loss(model.model[0](window), window.target) * window.weight
            assert found == pytest.approx((losses.sum() / window.weight.sum()).item(), rel=1e-5)
        assert np.average(parts, weights=[6, 6, 9] * 2) == pytest.approx(task.evaluate(model.model)["loss"], rel=1e-5)
