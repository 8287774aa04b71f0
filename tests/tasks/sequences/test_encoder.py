"""The encoder of sequences: how its gates start."""

import numpy as np
import pytest
import torch
from helpers.series import ramps

from recurra import cells
from recurra.errors import ConfigError
from recurra.nn import Recurrent
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.sequences.encoder import spread


@pytest.mark.parametrize("name", [name for name, cell in cells.built_in(given=False).items() if cell.keeps])
def test_a_spread_cell_keeps_its_memory_from_two_steps_to_the_span(name):
    layer = Recurrent(name, 2, 200, dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    spread(layer, 50)
    memory = torch.ones(1, 1, 200, dtype=torch.float64, requires_grad=True)
    states = layer.cell.state_names
    place = states.index("c") if "c" in states else len(states) - 1
    before = [
        torch.ones_like(memory) if name == "n" else torch.zeros_like(memory) for name in states
    ]  # n: a normaliser
    before[place] = memory
    _, after = layer(torch.zeros(1, 1, 2, dtype=torch.float64), tuple(before) if len(before) > 1 else memory)
    after = after[place] if isinstance(after, tuple) else after
    (kept,) = torch.autograd.grad(after.sum(), memory)
    # A memory that lasts u steps keeps 1 - 1/u of itself in one.
    lasts = 1 / (1 - kept)
    assert lasts.min() >= 2
    assert lasts.max() <= 50
    assert lasts.min() < 5
    assert lasts.max() > 40


def test_chrono_start_spreads_the_gates():
    model = SequenceClassifier(cell="lstm", span=100, epochs=1, lr=1e-9, hidden_size=64)
    layers = model.fit(*ramps()).model.encoder.layers
    i, f, _, _ = layers.bias_ih_l0.detach().chunk(4)
    assert torch.allclose(i, -f, atol=1e-5)
    assert f.min() >= 0
    assert f.max() <= np.log(99) + 1e-3
    assert f.std() > 0.5
    known = ", ".join(name for name in cells.names(given=False) if cells.get(name).keeps)
    assert known.startswith("lstm, gru, gru-original, peephole-lstm, mingru, minlstm")
    with pytest.raises(ConfigError, match=rf"`span` has no effect on Elman.*; it is for {known}"):
        SequenceClassifier(cell="rnn", span=100, epochs=1).fit(*ramps())
