"""Each kind of dropout: its mean, its masks, and that it is gone in evaluation."""

import pytest
import torch
from helpers.layers import make
from helpers.support import assert_close

from recurra import cells
from recurra.nn import Recurrent


class TestDropout:
    """Each kind in training has the right mean and is one mask where it must be; in evaluation it is gone."""

    x = torch.randn(6, 50, 8, dtype=torch.float64)

    @pytest.mark.parametrize("where", ["input_dropout", "output_dropout", "recurrent_dropout", "weight_dropout"])
    @pytest.mark.parametrize("cell", ["lstm", "gru-original"])
    def test_only_in_training(self, cell, where):
        layer = make(cell, 8, 8, **{where: 0.5})
        first, second = layer(self.x)[0], layer(self.x)[0]
        assert not torch.allclose(first, second)
        layer.eval()
        plain = make(cell, 8, 8)
        plain.load_state_dict(layer.state_dict())
        assert_close(layer(self.x)[0], plain(self.x)[0], 1e-12)

    def test_output_dropout_drops_and_scales(self):
        layer = make("gru", 8, 8, output_dropout=0.25)
        y = layer(self.x)[0]
        plain = layer.eval()(self.x)[0]
        dropped = y == 0
        assert 0.2 < dropped.double().mean() < 0.3
        assert_close(y[~dropped], (plain / 0.75)[~dropped], 1e-12)

    @pytest.mark.parametrize("variational", [False, True])
    def test_variational_is_one_mask_for_all_steps(self, variational):
        layer = make("gru", 8, 8, output_dropout=0.5, variational=variational)
        dropped = layer(self.x)[0] == 0
        same = (dropped == dropped[:1]).all()
        assert bool(same) == variational

    def test_recurrent_dropout_is_one_mask_per_sequence(self):
        # With W_x = 0 and W_h = 1, h of the plain cell with φ = identity is kept, or dropped for ever.
        layer = Recurrent(cells.Elman(lambda v: v), 8, 8, recurrent_dropout=0.5, bias=False, dtype=torch.float64)
        with torch.no_grad():
            layer.weight_ih_l0.zero_()
            layer.weight_hh_l0.copy_(torch.eye(8))
        y, _ = layer(self.x, torch.ones(1, 50, 8, dtype=torch.float64))
        kept = y[0] != 0
        assert 0.4 < kept.double().mean() < 0.6
        powers = 2.0 ** torch.arange(1, 7, dtype=torch.float64)[:, None, None]
        assert_close(y, powers * kept, 1e-12)

    @pytest.mark.parametrize("rates", [0.3, (0.3, 0.0), (0.0, 0.3)])
    def test_zoneout_keeps_old_values(self, rates):
        layer = make("lstm", 8, 8, zoneout=rates)
        _, _, trace = layer(self.x, return_states=True)
        wanted = dict(zip("hc", (0.3, 0.3) if rates == 0.3 else rates, strict=True))
        for name, rate in wanted.items():
            kept = trace.states[name][0]
            share = (kept[1:] == kept[:-1]).double().mean()
            assert abs(share - rate) < 0.06, name

    def test_zoneout_in_evaluation_is_the_expectation(self):
        layer = make("gru", 8, 8, zoneout=0.25).eval()
        plain = make("gru", 8, 8)
        plain.load_state_dict(layer.state_dict())
        y, _ = layer(self.x)
        h = torch.zeros(1, 50, 8, dtype=torch.float64)
        for t in range(6):
            h = 0.25 * h + 0.75 * plain(self.x[t : t + 1], h)[1]
            assert_close(y[t], h[0], 1e-12)

    def test_weight_dropout_drops_single_recurrent_weights(self, monkeypatch):
        layer = make("lstm", 8, 8, weight_dropout=0.5)
        seen = []
        run_ = Recurrent._call
        monkeypatch.setattr(Recurrent, "_call", lambda *a, **k: seen.append(run_(*a, **k)) or seen[-1])
        layer(self.x)
        dropped = seen[0].weights[0].w_h == 0
        assert 0.35 < dropped.double().mean() < 0.65
        assert_close(seen[0].weights[0].w_h[~dropped], 2 * layer.weight_hh_l0[~dropped], 1e-12)
