"""What a step of training will take, from the sizes alone."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from recurra.errors import ConfigError
from recurra.tasks.video import FramePredictor, VideoClassifier
from recurra.training import footprint


def test_it_counts_what_is_kept_for_the_way_back_once():
    layer = nn.Linear(50, 50, bias=False)

    def loss(x):
        y = layer(x)  # keeps x
        return (torch.relu(y) * torch.relu(y)).sum()  # keeps each relu

    found = footprint.kept(loss, (1000, 50))
    assert found == pytest.approx(1.2 * 4 * (1000 * 50 * 3), rel=0.01)


def test_nothing_is_allocated():
    assert footprint.kept(lambda x: nn.Linear(1, 4)(x).square().sum(), (1 << 40, 1)) > 1 << 44


def test_what_depends_on_numbers_is_not_known():
    assert footprint.kept(lambda x: x.sum() if x.sum() > 0 else x.mean(), (3,)) is None


def test_a_recurrent_layer_is_counted():
    from recurra.nn import LSTM

    layer = LSTM(8, 16)
    small, large = (footprint.kept(lambda x: F.relu(layer(x)[0]).sum(), (time, 64, 8)) for time in (100, 400))
    assert 3 < large / small < 5


def test_more_than_there_is_names_both(monkeypatch):
    monkeypatch.setattr(footprint, "available", lambda: 2_000_000_000)
    footprint.check(1_000_000_000, "")
    footprint.check(None, "")
    with pytest.raises(ConfigError, match=r"would take 3.5 GB of memory, and 2.0 GB are free; try less"):
        footprint.check(3_500_000_000, "try less")


def test_there_is_some_memory():
    found = footprint.available()
    assert found is None or found > 1 << 20


@pytest.mark.parametrize("kind", ["frames", "labels"])
def test_large_clips_are_refused_before_the_first_step(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(footprint, "available", lambda: 500_000_000)
    clips = [np.zeros((20, 360, 640, 3), np.uint8)] * 4
    model = FramePredictor(epochs=1) if kind == "frames" else VideoClassifier(epochs=1)
    labels = () if kind == "frames" else ([0, 1, 0, 1],)
    with pytest.raises(
        ConfigError, match=r"a step of training would take \d+\.\d GB .* of 640×360. Try a smaller"
    ) as error:
        model.fit(clips, *labels, out=tmp_path / "run", validation_data=None)
    assert [one.name for one in error.value.settings] == ["shorter_side", "batch_size", "channels"]
    assert not (tmp_path / "run").exists()
