"""Drop-in means drop-in: torch.nn's constructors, shapes, names and numbers, over a grid of options."""

import itertools

import pytest
import torch
from helpers.support import assert_close, random_state, run
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import recurra.nn

LIMIT = {torch.float64: 1e-10, torch.float32: 2e-5}
GRID = [
    dict(zip(("num_layers", "bias", "batch_first", "bidirectional"), values, strict=True))
    for values in itertools.product((1, 2), (True, False), (True, False), (True, False))
]
KINDS = [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("GRU", {}), ("LSTM", {}), ("LSTM", {"proj_size": 3})]
KIND_IDS = ["rnn", "rnn-relu", "gru", "lstm", "lstm-projected"]


def pair(name, *args, dtype=torch.float64, device="cpu", **options):
    """torch.nn's layer and Recurra's, with the same weights loaded through the state_dict."""
    theirs = getattr(torch.nn, name)(*args, dtype=dtype, device=device, **options)
    ours = getattr(recurra.nn, name)(*args, dtype=dtype, device=device, **options)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


@pytest.mark.parametrize("backend", ["cpu", "torch", "equations"])
@pytest.mark.parametrize("dtype", LIMIT, ids=str)
@pytest.mark.parametrize(("name", "more"), KINDS, ids=KIND_IDS)
@pytest.mark.parametrize("options", GRID, ids=lambda o: "-".join(f"{k}={v}" for k, v in o.items()))
def test_outputs_states_and_gradients_are_torchs(name, more, options, dtype, backend, device):
    theirs, ours = pair(name, 4, 5, dtype=dtype, device=device, **options, **more)
    ours.backend = backend
    x = torch.randn(*((2, 6) if options["batch_first"] else (6, 2)), 4, dtype=dtype, device=device)
    state = random_state(ours, 2, dtype)
    state = tuple(s.to(device) for s in state) if isinstance(state, tuple) else state.to(device)
    assert_close(run(ours, x, state), run(theirs, x, state), LIMIT[dtype])
    assert_close(run(ours, x), run(theirs, x), LIMIT[dtype])


@pytest.mark.parametrize(("name", "more"), KINDS, ids=KIND_IDS)
def test_single_sequence(name, more):
    theirs, ours = pair(name, 4, 5, 2, bidirectional=True, **more)
    x = torch.randn(6, 4, dtype=torch.float64)
    assert_close(run(ours, x), run(theirs, x), 1e-10)
    state = theirs(x)[1]
    assert_close(run(ours, x, state), run(theirs, x, state), 1e-10)


@pytest.mark.parametrize("enforce_sorted", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("name", "more"), KINDS, ids=KIND_IDS)
def test_packed_sequences(name, more, bidirectional, enforce_sorted):
    theirs, ours = pair(name, 4, 5, 2, bidirectional=bidirectional, **more)
    x = torch.randn(6, 4, 4, dtype=torch.float64)
    lengths = [6, 4, 4, 1] if enforce_sorted else [4, 1, 6, 4]
    packed = pack_padded_sequence(x, lengths, enforce_sorted=enforce_sorted)
    state = random_state(ours, 4)
    for given in ((), (state,)):
        (y, ended), (want, want_ended) = ours(packed, *given), theirs(packed, *given)
        assert_close([y, ended], [want, want_ended], 1e-10)
        assert_close(pad_packed_sequence(y)[0], pad_packed_sequence(want)[0], 1e-10)
    assert y.sorted_indices is None or torch.equal(y.sorted_indices, want.sorted_indices)


@pytest.mark.parametrize(("name", "more"), KINDS, ids=KIND_IDS)
def test_state_dicts_go_both_ways(name, more):
    theirs = getattr(torch.nn, name)(4, 5, 2, bidirectional=True, **more)
    ours = getattr(recurra.nn, name)(4, 5, 2, bidirectional=True, **more)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = torch.randn(6, 2, 4)
    theirs.load_state_dict(ours.state_dict())
    assert_close(ours(x)[0], theirs(x)[0], 1e-5)
    assert [[w.shape for w in ws] for ws in ours.all_weights] == [[w.shape for w in ws] for ws in theirs.all_weights]


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_the_same_seed_starts_the_same(name):
    layers = []
    for module in (torch.nn, recurra.nn):
        torch.manual_seed(7)
        layers.append(getattr(module, name)(4, 5, 2, bidirectional=True))
    for theirs, ours in zip(*(layer.parameters() for layer in layers), strict=True):
        assert torch.equal(theirs, ours)


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_dropout_draws_as_torch_does(name):
    theirs, ours = pair(name, 4, 5, 3, dropout=0.5, bidirectional=True)
    x = torch.randn(6, 2, 4, dtype=torch.float64)
    torch.manual_seed(3)
    want = theirs(x)
    torch.manual_seed(3)
    assert_close(list(ours(x)), list(want), 1e-10)
    torch.manual_seed(4)
    assert not torch.allclose(ours(x)[0], want[0]), "another seed must drop other units"
    assert_close(list(ours.eval()(x)), list(theirs.eval()(x)), 1e-10)


def test_positional_order():
    theirs, ours = pair("RNN", 4, 5, 2, "relu", False, True, 0.0, True)
    x = torch.randn(2, 6, 4, dtype=torch.float64)
    assert_close(list(ours(x)), list(theirs(x)), 1e-10)
    theirs, ours = pair("LSTM", 4, 5, 2, False, True, 0.0, True, 3)
    assert_close(list(ours(x)), list(theirs(x)), 1e-10)
    theirs, ours = pair("GRU", 4, 5, 2, False, True, 0.0, True)
    assert_close(list(ours(x)), list(theirs(x)), 1e-10)
    assert_close(list(ours(input=x, hx=None)), list(theirs(input=x, hx=None)), 1e-10)


def test_dropout_of_one_layer_warns_as_in_torch():
    with pytest.warns(UserWarning, match=r"LSTM: dropout=0.5 has no effect with num_layers=1"):
        recurra.nn.LSTM(4, 5, dropout=0.5)


def test_gradient_in_evaluation_mode(device):
    theirs, ours = pair("LSTM", 4, 5, 2, device=device)
    x = torch.randn(6, 2, 4, dtype=torch.float64, device=device)
    assert_close(run(ours.eval(), x), run(theirs.train(), x), 1e-10)


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_optimiser_and_deepcopy_and_pickle_free_saving(name, tmp_path):
    import copy

    from safetensors.torch import load_file, save_file

    ours = getattr(recurra.nn, name)(4, 5)
    x = torch.randn(6, 2, 4)
    twin = copy.deepcopy(ours)
    assert torch.equal(twin(x)[0], ours(x)[0])
    before = ours(x)[0].detach()
    ours(x)[0].sum().backward()
    torch.optim.SGD(ours.parameters(), lr=0.1).step()
    assert not torch.equal(ours(x)[0], before)
    save_file(twin.state_dict(), tmp_path / "w.safetensors")
    ours.load_state_dict(load_file(tmp_path / "w.safetensors"))
    assert torch.equal(ours(x)[0], before)
