"""What a model of music is measured by."""

import json

import pytest
import torch
from helpers.pieces import CADENCE, scale
from helpers.support import assert_close

from recurra.errors import ConfigError, DataError
from recurra.tasks import music
from recurra.tasks.music import measure
from recurra.tasks.music.config import MusicConfig
from recurra.tasks.music.model import MusicModel


def test_no_step_is_off_by_one():
    """The model reads the steps before the one it is asked about, all of them and no other."""
    torch.manual_seed(0)
    model = MusicModel(MusicConfig(cell="gru", hidden_size=8, head="independent", dropout=0.0)).eval()
    keys, lengths = measure.batch([scale(6).roll, scale(4, 40).roll], model.device)
    nats, place = measure.step_nats(model, keys, lengths)
    for steps in (1, 3, 5):  # in parts, by the state between them
        parts = list(zip(*measure._in_parts(model, keys, lengths, steps), strict=True))
        order = torch.argsort(torch.cat(parts[1]), stable=True)
        assert torch.allclose(torch.cat(parts[0])[order], nats[torch.argsort(place, stable=True)], atol=1e-5)
    assert place.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 5]
    for column, piece in enumerate([scale(6), scale(4, 40)]):
        for step in range(len(piece)):
            read = torch.cat([torch.zeros(1, 88), torch.from_numpy(piece.roll[:step]).float()])
            hidden, _ = model(read[:, None])
            want = model.head.nats(hidden[-1, 0], torch.from_numpy(piece.roll[step]).float())
            got = nats[(place == step)][min(column, int((place == step).sum()) - 1)]
            assert_close(got, want, 1e-5)


def test_the_measure_is_the_mean_over_all_steps_but_first_ones():
    torch.manual_seed(0)
    model = MusicModel(MusicConfig(hidden_size=8))
    rolls = [scale(n).roll for n in (5, 2, 9)]
    sums = []
    for roll in rolls:
        nats = measure.step_nats(model.eval(), *measure.batch([roll], model.device))[0].detach()
        sums.append((float(nats[0]), float(nats[1:].sum())))
    found = measure.measure(model, rolls)
    assert found["nats"] == pytest.approx(sum(rest for _, rest in sums) / 13, rel=1e-5)
    assert found["nats_with_first"] == pytest.approx(sum(a + b for a, b in sums) / 16, rel=1e-5)
    assert (found["pieces"], found["steps"]) == (3, 16)


def test_what_cannot_be_measured_is_told(tmp_path):
    model = MusicModel(MusicConfig(hidden_size=8))
    (tmp_path / "a.json").write_text(json.dumps({"train": [CADENCE], "valid": [CADENCE]}))
    with pytest.raises(ConfigError, match="`part` is 'tset'; did you mean `test`"):
        music.evaluate(model, tmp_path / "a.json", "tset")
    with pytest.raises(DataError, match="there is no piece to measure on: part 'test' is empty"):
        music.evaluate(model, tmp_path / "a.json")
