"""The card's numbers, counted by hand."""

import pytest
import torch
from torch import nn

import recurra
from recurra import cells
from recurra.errors import ConfigError
from recurra.nn import GRU, LSTM, RNN, Recurrent
from recurra.nn.card import elementwise


def test_parameters_of_four_inputs_and_eight_units():
    cards = recurra.card(RNN(4, 8), LSTM(4, 8), GRU(4, 8))
    assert [card.parameters for card in cards] == [112, 448, 336]
    assert cards[1].gates == {"i": 112, "f": 112, "g": 112, "o": 112}
    assert [card.state for card in cards] == [8, 16, 8]


@pytest.mark.parametrize("cell", cells.names())
def test_parameters_add_up(cell):
    layer = Recurrent(cell, 4, [8, 6], bidirectional=True, learn_initial=True)
    card = recurra.card(layer)
    assert card.parameters == sum(p.numel() for p in layer.parameters())
    vectors = sum(p.numel() for n, p in layer.named_parameters() if not n.startswith(("weight", "bias")))
    assert card.other == vectors


def test_operations_by_hand():
    assert elementwise(cells.LSTM()) == 13  # 4 sums, 3 sigmoids, 2 tanh, f*c, i*g, their sum, o*tanh
    assert elementwise(cells.Elman()) == 2
    assert elementwise(cells.GRU()) == 11  # 2 sums, 2 sigmoids, r*h, its sum, tanh, 1-z, (1-z)*n, z*h, their sum
    products, biases = 2 * 32 * (4 + 8), 2 * 32
    assert recurra.card(LSTM(4, 8)).operations == products + biases + 13 * 8
    assert recurra.card(LSTM(4, 8, bias=False)).operations == products + 13 * 8
    two = recurra.card(LSTM(4, 8, 2, bidirectional=True)).operations
    assert two == 2 * (products + biases + 13 * 8) + 2 * (2 * 32 * (16 + 8) + biases + 13 * 8)


def test_memory_is_what_autograd_keeps():
    small, large = (recurra.card(GRU(16, 32), batch=b, time=t).memory for b, t in ((1, 10), (8, 100)))
    assert large == pytest.approx(80 * small, rel=0.01)
    equations = recurra.card(Recurrent("layernorm-lstm", 16, 32), batch=1, time=1).memory
    assert equations > recurra.card(Recurrent("mingru", 16, 32), batch=1, time=1).memory > 4 * 32


def test_what_the_kernel_keeps():
    lstm = recurra.card(LSTM(16, 32), time=1000)
    assert lstm.kept == ("i", "f", "o", "g", "tanh(c')")
    # Of each step x, the five values, and both states: the gradient reads c before the step, W_h multiplies h.
    assert lstm.memory == pytest.approx(1000 * 4 * (16 + 7 * 32), rel=0.02)
    assert lstm.to_dict()["kept"] == list(lstm.kept)
    assert ["kept", "of", "a", "step,", "numbers", "per", "unit", "5"] in [
        line.split() for line in str(lstm).splitlines()
    ]
    assert recurra.card(LSTM(4, 8, backend="equations")).kept == ()


def test_memory_with_checkpoints():
    whole, pieces = (recurra.card(LSTM(16, 32, checkpoint_every=k), time=1000).memory for k in (0, 50))
    # x, both states 20 times, and one piece of 50 steps.
    assert pieces == pytest.approx(1000 * 4 * 16 + 20 * 4 * 64 + whole / 20, rel=0.1)
    assert pieces < 0.2 * whole
    assert recurra.card(LSTM(16, 32, checkpoint_every=50), time=50).memory == pytest.approx(whole / 20, rel=0.01)


def test_heads_multiply_less():
    whole, heads = (recurra.card(LSTM(16, 32, heads=n)) for n in (1, 4))
    assert whole.operations - heads.operations == 2 * 4 * 32 * (32 - 8)
    assert whole.parameters - heads.parameters == 4 * 32 * (32 - 8)


def test_a_whole_model_and_torchs_layers():
    model = nn.Sequential(nn.Embedding(10, 4), nn.LSTM(4, 8))
    card = recurra.card(model)
    assert card.parameters == 448 + 40
    assert card.other == 40
    assert card.name == "Sequential"
    assert card.to_dict()["parameters_by_gate"]["f"] == 112


def test_text_side_by_side():
    text = str(recurra.card(RNN(4, 8), LSTM(4, 8), batch=2, time=3))
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["RNN", "LSTM"]
    assert ["parameters", "112", "448"] in lines
    assert ["gate", "f", "112"] in lines
    assert text.splitlines()[-1].startswith("training memory, batch 2, 3 steps")


def test_errors():
    with pytest.raises(ConfigError, match="Linear holds no recurrent layer"):
        recurra.card(nn.Linear(2, 2))
    with pytest.raises(ConfigError, match="batch=0 and time=100 must be at least 1"):
        recurra.card(LSTM(2, 2), batch=0)


def test_the_card_leaves_the_layer_alone():
    layer, calls = LSTM(4, 8, 2, dropout=0.2, recurrent_dropout=0.2, zoneout=0.1), []
    layer.register_forward_hook(lambda *call: calls.append(call))
    state = torch.get_rng_state()
    card = recurra.card(layer)
    assert str(layer.explain()) == "cpu"
    assert not calls
    assert all(p.grad is None for p in layer.parameters())
    with torch.inference_mode():
        assert recurra.card(layer) == card
    assert torch.equal(torch.get_rng_state(), state)
