"""accelerate: the same model, objects and results, other kernels; what stays is reported with its reason."""

import copy
import pickle

import pytest
import torch
from helpers.support import assert_close
from torch import nn
from torch.nn.utils import prune

import recurra
from recurra.errors import BackendError
from recurra.nn.accelerate import Accelerated


class Tagger(nn.Module):
    """A model as people write them."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 4)
        self.encoder = nn.ModuleDict({"lstm": nn.LSTM(4, 5, 2, batch_first=True, bidirectional=True, dropout=0.1)})
        self.gru = nn.GRU(10, 6, batch_first=True)
        self.again = self.gru
        self.rnn = nn.RNN(6, 3, nonlinearity="relu", batch_first=True, bias=False)
        self.cell = nn.LSTMCell(3, 3)

    def forward(self, ids):
        y, _ = self.encoder["lstm"](self.embed(ids))
        y, h = self.gru(y)
        return self.rnn(y, h[..., :3].contiguous())[0]


def test_a_model_gives_the_same_and_shares_its_weights():
    model = Tagger().eval()
    ids = torch.randint(0, 11, (3, 7))
    want, parameters = model(ids), list(model.parameters())
    report = recurra.accelerate(model)
    assert_close(model(ids), want, 1e-5)
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert report.model is model
    assert sorted(report.replaced) == ["again", "encoder.lstm", "gru", "rnn"]
    assert model.again is model.gru
    assert isinstance(model.gru, recurra.nn.GRU)
    assert not model.encoder["lstm"].training
    assert model.encoder["lstm"].dropout == 0.1
    assert "left cell: LSTMCell runs one step at a time" in str(report)


class Scaled(nn.LSTM):
    """A subclass as libraries have them: its forward does more, and calls torch.nn's."""

    def forward(self, x, hx=None, scale=1.0):
        y, state = super().forward(x, hx)
        return y * scale, state


def test_what_is_left_and_why():
    class Replaced(nn.LSTM):
        def forward(self, x):
            return x

    class Stacked(nn.GRU):
        def stack(self):
            return 1

    model = nn.ModuleDict(
        {"own": Replaced(2, 3), "name": Stacked(2, 3), "attribute": nn.RNN(2, 3), "one": nn.GRU(2, 3)}
    )
    model["base"] = nn.RNNBase("LSTM", 2, 3)
    model["attribute"].cell = "mine"
    model["one"].forward = lambda x: x
    before = {name: dict(vars(layer)) for name, layer in model.items()}
    report = recurra.accelerate(model)
    assert report.replaced == []
    assert report.left == {
        "own": "Replaced.forward does not call torch.nn's by super()",
        "name": "it has what Recurra's layers call so too: stack",
        "attribute": "it has what Recurra's layers call so too: cell",
        "one": "its forward was replaced on the layer itself",
        "base": "RNNBase is none of torch.nn's RNN, LSTM and GRU",
    }
    assert all(vars(layer) == before[name] for name, layer in model.items())


LAYERS = {
    "lstm": lambda: nn.LSTM(4, 5, 2, bidirectional=True, dropout=0.5),
    "gru": lambda: nn.GRU(4, 5, batch_first=True),
    "relu": lambda: nn.RNN(4, 5, nonlinearity="relu", bias=False),
    "projected": lambda: nn.LSTM(4, 5, proj_size=2),
    "subclass": lambda: Scaled(4, 5),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(nn.LSTM(4, 5), "weight_hh_l0"),
    "pruned": lambda: prune.l1_unstructured(nn.GRU(4, 5), "weight_hh_l0", 0.5),
    "tied": lambda: tied(nn.LSTM(5, 5, 2)),
    "one layer with dropout": lambda: nn.GRU(4, 5, dropout=0.5),
}


def tied(layer):
    layer.weight_hh_l1 = layer.weight_hh_l0
    return layer


@pytest.mark.filterwarnings("ignore:dropout option adds dropout:UserWarning")
@pytest.mark.parametrize("kind", LAYERS)
def test_the_layer_stays_the_same_object_and_goes_back(kind):
    layer = LAYERS[kind]().eval()
    x, base, held = torch.randn(6, 3, layer.input_size), type(layer), dict(vars(layer))
    want = layer(x)[0]
    weights = [id(p) for p in layer.parameters()]
    assert recurra.accelerate(layer) == Accelerated(layer, ["(the model itself)"])
    assert isinstance(layer, recurra.nn.Recurrent)
    assert isinstance(layer, nn.RNNBase)
    assert layer.explain(torch.randn(6, 3, layer.input_size)).name == "cpu"
    assert_close(layer(x)[0], want, 1e-5)
    assert [id(p) for p in layer.parameters()] == weights
    copied = kind not in ("weight norm", "pruned")  # PyTorch copies no weight that is computed
    if copied:
        for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):  # noqa: S301 (our own)
            assert type(twin) is type(layer)
            assert twin._flat_weights[1] is twin.weight_hh_l0
            assert_close(twin.double().float()(x)[0], want, 1e-5)
    assert recurra.restore(layer) is layer
    assert set(vars(layer)) == set(held)
    assert layer.mode == held["mode"]
    assert type(layer).__mro__[1:] == base.__mro__[1:]
    assert not isinstance(layer, recurra.nn.Recurrent)
    assert torch.equal(layer(x)[0], want)
    if copied:
        assert torch.equal(copy.deepcopy(layer).double().float()(x)[0], want)


def test_a_subclass_keeps_its_class_and_its_forward():
    layer = Scaled(2, 3)
    x = torch.randn(4, 1, 2)
    want = layer(x, scale=3.0)[0]
    ran = []
    recurra.accelerate(layer)
    layer._fast.run = lambda *args: ran.append(args)  # Recurra's way was asked
    assert_close(layer(x, scale=3.0)[0], want, 1e-5)
    assert ran
    assert isinstance(layer, Scaled)


def test_parametrisations_come_and_go():
    layer = nn.utils.parametrizations.weight_norm(nn.LSTM(2, 3), "weight_hh_l0")
    x = torch.randn(4, 1, 2)
    want = layer(x)[0]
    recurra.accelerate(layer)
    nn.utils.parametrize.remove_parametrizations(layer, "weight_hh_l0")
    assert_close(layer(x)[0], want, 1e-5)
    assert type(layer) is type(recurra.accelerate(nn.LSTM(2, 3)).model)
    nn.utils.parametrizations.weight_norm(layer, "weight_ih_l0")
    layer(x)[0].sum().backward()
    assert layer.parametrizations.weight_ih_l0.original1.grad is not None


def test_nothing_that_was_on_a_layer_is_lost():
    """Buffers, attributes, parameters and modules of others, and every kind of hook; handles still remove them."""
    layer, calls = nn.LSTM(2, 3), []

    def note(word):
        return lambda *args, **kwargs: calls.append(word)

    layer.register_buffer("scale", torch.tensor(2.0))
    layer.tag, layer.extra, layer.head = "encoder", nn.Parameter(torch.ones(2)), nn.Linear(3, 1)
    layer.weight_ih_l0.requires_grad_(False)
    handles = [
        layer.register_forward_pre_hook(note("before")),
        layer.register_forward_hook(note("after")),
        layer.register_full_backward_hook(note("backward")),
        layer.register_full_backward_pre_hook(note("before backward")),
        layer.register_load_state_dict_pre_hook(note("before loading")),
        layer.register_load_state_dict_post_hook(note("after loading")),
        layer.register_state_dict_pre_hook(note("before saving")),
        layer._register_state_dict_hook(note("saving")),
    ]
    model = nn.Sequential(layer)
    others = [layer]  # held by something that is no module
    saved = model.state_dict()
    calls.clear()
    recurra.accelerate(model)
    assert others[0] is model[0]
    assert layer.tag == "encoder"
    assert layer.scale == 2
    assert list(model.state_dict()) == list(saved)
    model.load_state_dict(saved)
    x = torch.randn(4, 1, 2, requires_grad=True)
    model[0](x)[0].sum().backward()
    words = [
        "before saving",
        "saving",
        "before loading",
        "after loading",
        "before",
        "after",
        "before backward",
        "backward",
    ]
    assert calls == words
    assert layer.weight_ih_l0.grad is None
    assert layer.extra is model[0].extra
    for handle in handles:
        handle.remove()
    calls.clear()
    model.load_state_dict(model.state_dict())
    model(x)
    assert calls == []


def test_code_that_asks_for_the_class_takes_the_same_branch():
    model = nn.Sequential(nn.LSTM(2, 3), nn.GRU(3, 3))
    recurra.accelerate(model)
    assert [isinstance(layer, nn.LSTM) for layer in model] == [True, False]
    model.apply(lambda m: nn.init.zeros_(m.weight_hh_l0) if isinstance(m, nn.RNNBase) else None)
    assert not model[0].weight_hh_l0.any()
    assert not model[1].weight_hh_l0.any()


def test_restored_for_tools_that_know_torch_alone():
    model = nn.Sequential(
        nn.LSTM(2, 3), nn.ModuleList([recurra.nn.GRU(2, 3), recurra.nn.RNN(2, 3, nonlinearity="relu")])
    )
    recurra.accelerate(model)
    weight = model[1][0].weight_hh_l0
    assert recurra.restore(model) is model
    assert [type(m) for m in model.modules()][1:] == [nn.LSTM, nn.ModuleList, nn.GRU, nn.RNN]
    assert model[1][0].weight_hh_l0 is weight
    assert model[1][1].nonlinearity == "relu"
    assert type(recurra.restore(recurra.nn.GRU(2, 3))) is nn.GRU
    refused = {
        "LSTM cannot be made a layer of torch.nn, which has no zoneout": recurra.nn.LSTM(2, 3, zoneout=0.1),
        "LSTM cannot be made a layer of torch.nn, which has no state_clip": recurra.nn.LSTM(2, 3, state_clip=1.0),
        "RNN cannot be made a layer of torch.nn, which has no nonlinearity": recurra.nn.RNN(
            2, 3, nonlinearity=torch.sin
        ),
    }
    for words, layer in refused.items():
        with pytest.raises(BackendError, match=words):
            recurra.restore(nn.Sequential(layer))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*quantize:UserWarning")
def test_quantised_dynamically_after_it_was_restored():
    model = recurra.accelerate(nn.Sequential(nn.LSTM(4, 8))).model
    kinds = {nn.LSTM}
    if torch.backends.quantized.engine == "none":
        pytest.skip("PyTorch has no engine for quantised layers here")
    quantised = torch.ao.quantization.quantize_dynamic(recurra.restore(model), kinds)
    assert "DynamicQuantizedLSTM" in repr(quantised)


def test_a_class_made_anew_is_a_layer_too():
    kind = type(recurra.accelerate(nn.LSTM(2, 3)).model)
    assert kind(4, 5).double()(torch.randn(3, 1, 4).double())[0].shape == (3, 1, 5)


def test_twice_changes_nothing_more():
    model = nn.Sequential(nn.GRU(2, 3))
    assert recurra.accelerate(model).replaced == ["0"]
    assert str(recurra.accelerate(model)) == "replaced 0: nothing"


def test_training_goes_on_with_the_same_optimiser():
    model = nn.ModuleDict({"gru": nn.GRU(2, 3)})
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    recurra.accelerate(model)
    before = model["gru"].weight_hh_l0.detach().clone()
    model["gru"](torch.randn(4, 1, 2))[0].sum().backward()
    optimiser.step()
    assert not torch.equal(model["gru"].weight_hh_l0, before)


def test_nan_goes_through_as_it_did():
    model = nn.Sequential(nn.GRU(2, 3))
    recurra.accelerate(model)
    assert model(torch.full((1, 1, 2), float("nan")))[0].isnan().all()


def test_compiled_as_one_of_torch_nn_s():
    """torch.compile breaks its graph there, without a word and without a look into it; allow_rnn lifts that."""
    model = nn.Sequential(nn.Linear(4, 4), nn.GRU(4, 8)).eval()
    recurra.accelerate(model)
    x = torch.randn(5, 2, 4)
    want = model(x)[0]
    assert_close(torch.compile(model, backend="eager")(x)[0], want, 1e-5)
    torch._dynamo.reset()
    with torch._dynamo.config.patch(allow_rnn=True):
        assert_close(torch.compile(copy.deepcopy(model), backend="eager", fullgraph=True)(x)[0], want, 1e-5)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
def test_scripted_as_torch_nn_s_layer():
    x = torch.randn(5, 2, 4)
    for layer in (recurra.nn.LSTM(4, 8, 2, bidirectional=True), recurra.accelerate(nn.GRU(4, 8)).model):
        scripted = torch.jit.script(nn.Sequential(layer))
        assert_close(scripted(x)[0], layer(x)[0].detach(), 1e-5)
        assert scripted[0].weight_hh_l0.data_ptr() == layer.weight_hh_l0.data_ptr()
    with pytest.raises(
        BackendError, match=r"torch.jit.script reads no layer of MinGRU\(\). Use torch.jit.trace or torch"
    ):
        torch.jit.script(recurra.nn.Recurrent("mingru", 4, 8))
