"""A layer's options: what each does, and that an invalid one, or one without effect, is an error."""

import pytest
import torch
from helpers.layers import call, make, parts
from helpers.support import assert_close

from recurra import cells
from recurra.cells import Cell
from recurra.errors import ConfigError
from recurra.nn import Recurrent


def test_a_list_of_widths():
    layer = make("lstm", 3, [5, 4, 2], bidirectional=True)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    y, (h, c) = layer(x)
    assert y.shape == (6, 2, 4)
    assert [t.shape for t in h] == [t.shape for t in c] == [(2, 2, 5), (2, 2, 4), (2, 2, 2)]
    forward = make("lstm", 3, [5, 4])
    first, middle = forward(x[:2])
    assert_close(torch.cat([first, forward(x[2:], middle)[0]]), forward(x)[0], 1e-12)
    _, _, trace = layer(x, return_states=True, return_gates=True)
    assert [t.shape for t in trace.gates["f"]] == [(2, 6, 2, 5), (2, 6, 2, 4), (2, 6, 2, 2)]


def test_residuals_add_each_layers_input():
    plain, residual = make("gru", 4, 4, 2), make("gru", 4, 4, 2, residual=True)
    residual.load_state_dict(plain.state_dict())
    x = torch.randn(6, 2, 4, dtype=torch.float64)
    below = make("gru", 4, 4)
    below.load_state_dict({k: v for k, v in plain.state_dict().items() if k.endswith("l0")})
    assert_close(residual(x)[0], plain(x)[0] + below(x)[0], 1e-12)


@pytest.mark.parametrize("cell", [name for name in cells.names() if cells.facts(cells.get(name)).projects])
def test_projection_is_a_matrix_behind_the_output(cell):
    layer = make(cell, 3, 5, proj_size=2)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    y, state = call(layer, x)
    assert y.shape == (6, 2, 2)
    assert parts(state)[0].shape == (1, 2, 2)
    first, middle = call(layer, x[:1])
    wide = Recurrent(cell, 3, 5, dtype=torch.float64)
    weights = {k: v for k, v in layer.state_dict().items() if "hr" not in k}
    weights |= {"weight_hh_l0": torch.zeros_like(wide.weight_hh_l0)} if layer.cell.recurrent else {}
    wide.load_state_dict(weights)
    # From a zero state the first step sees no W_h, so there the wide layer's output times W_hr must come out.
    assert_close(first, call(wide, x[:1])[0] @ layer.weight_hr_l0.T, 1e-12)
    assert_close(y[1:], call(layer, x[1:], middle)[0], 1e-12)


def test_learned_initial_states_are_where_it_starts_and_are_learned():
    layer = make("lstm", 3, 4, 2, bidirectional=True, learn_initial=True)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    given = tuple(
        torch.stack(
            [getattr(layer, f"initial_{s}_{k}").expand(2, -1) for k in ("l0", "l0_reverse", "l1", "l1_reverse")]
        )
        for s in "hc"
    )
    assert_close(layer(x)[0], layer(x, given)[0], 1e-12)
    layer(x)[0].sum().backward()
    assert all(p.grad.any() for p in layer.parameters())


class Cycled(Cell):
    """Multiplies a state other than its output by W_h."""

    gates = "n"
    states = "y h"

    def step(self, x, h, s):
        n = torch.tanh(x.n + h.of(s.h).n)
        return s.next(y=2 * n, h=n)


NO_EFFECT = {
    "dropout": ({"dropout": 0.5}, "dropout=0.5 has no effect with one layer"),
    "residual": ({"residual": True}, "residual=True has no effect with one layer"),
    "variational": ({"variational": True}, "variational=True has no effect"),
    "forget": ({"cell": "gru", "forget_bias": 1.0}, r"forget_bias=1.0 has no effect: GRU\(\) has no forget gate"),
    "forget without bias": ({"forget_bias": 1.0, "bias": False}, "no effect with bias=False"),
    "recurrent": ({"cell": "mingru", "recurrent_dropout": 0.5}, r"MinGRU\(\) has no recurrent matrix"),
    "weight": ({"cell": "mingru", "weight_dropout": 0.5}, "no recurrent matrix"),
    "rate": ({"zoneout": 1.0}, "zoneout is 1.0; expected a fraction from 0 to below 1"),
    "rates": ({"zoneout": (0.1, 0.1, 0.1)}, r"zoneout has 3 rates; LSTM\(\) has 2 states \(h, c\)"),
    "widths": ({"hidden_size": [3, 4], "num_layers": 3}, "num_layers=3 but hidden_size lists 2 widths"),
    "residual widths": ({"hidden_size": [3, 4], "residual": True}, "needs layers of equal width"),
    "sizes of states": (
        {"cell": "lstm", "state_clip": [1.0]},
        r"state_clip has 1 sizes; LSTM\(\) has 2 states \(h, c\)",
    ),
    "a size below 0": (
        {"cell": "gru", "state_clip": -1.0},
        "state_clip is -1.0; expected the largest size of a state's",
    ),
    "projection": ({"cell": "gru", "proj_size": 2}, "reads its output unit by unit, so its output cannot be projected"),
    "projection of other vectors": (
        {"cell": Cycled, "proj_size": 2},
        r"multiplies other vectors by W_h \(h.of\), so its output cannot be projected",
    ),
    "wide projection": ({"proj_size": 4}, "proj_size=4 must be smaller than hidden_size=4"),
    "init": ({"init": "ortogonal"}, "init is 'ortogonal'; did you mean `orthogonal`"),
    "size": ({"hidden_size": 0}, "`hidden_size` is 0; expected a whole number, 1 to 134,217,728"),
    "type": ({"hidden_size": 2.5}, "`hidden_size` is 2.5; expected a whole number"),
}


@pytest.mark.parametrize("case", NO_EFFECT)
def test_options_that_cannot_be_or_do_nothing_are_errors(case):
    options, words = NO_EFFECT[case]
    options = {"cell": "lstm", "input_size": 3, "hidden_size": 4, **options}
    with pytest.raises(ConfigError, match=words):
        Recurrent(**options)


@pytest.mark.parametrize("backend", ["cpu", "equations"])
def test_states_are_cut(backend):
    layer = Recurrent("lstm", 4, 6, state_clip=(0.0, 0.3), backend=backend)
    x = 3 * torch.randn(20, 2, 4)
    _, (h, c), trace = layer(x, return_states=True)
    wide = Recurrent("lstm", 4, 6, backend=backend)
    wide.load_state_dict(layer.state_dict())
    assert wide(x, return_states=True)[2].states["c"].abs().max() > 0.5
    assert trace.states["c"].abs().max() == c.new_tensor(0.3)
    assert "state_clip=(0.0, 0.3)" in repr(layer)
