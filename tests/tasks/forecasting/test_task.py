"""Windows as batches, and their loss."""

import pytest
from helpers.series import waves

from recurra.tasks.forecasting import Forecaster

TINY = {"preset": "tiny", "horizon": 6, "input_size": 12, "epochs": 2, "epoch_steps": 2}


def test_a_batch_without_a_measured_value_has_no_loss():
    model = Forecaster(fill="zero", **TINY).fit(waves(60), quiet=True)
    task = model.task(model.model, model.split(model.read(waves(60), "frame")))
    batch = task.batch(0, 0)
    loss, _, rows = task.loss(model.model, batch._replace(weight=batch.weight * 0), None)
    assert (loss.item(), rows) == (0.0, 32)
    one, _, _ = task.loss(model.model, batch, None)
    half, _, _ = task.loss(model.model, batch._replace(weight=batch.weight / 2), None)
    assert one.item() == pytest.approx(half.item()), "the mean over what was measured"
