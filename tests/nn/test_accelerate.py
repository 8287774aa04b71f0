"""accelerate: the same model and results, other layers; what stays is told with its reason."""

import torch
from helpers.support import assert_close
from torch import nn

import recurra


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


def test_what_is_left_and_why():
    class Own(nn.LSTM):
        pass

    model = nn.ModuleDict({"own": Own(2, 3), "hooked": nn.GRU(2, 3), "normed": nn.LSTM(2, 3), "fine": nn.RNN(2, 3)})
    model["hooked"].register_forward_hook(lambda *_: None)
    torch.nn.utils.parametrizations.weight_norm(model["normed"], "weight_hh_l0")
    report = recurra.accelerate(model)
    assert report.replaced == ["fine"]
    assert report.left == {
        "own": "Own is not exactly a torch.nn layer, and may do more",
        "hooked": "it has hooks, which would be lost",
        "normed": "ParametrizedLSTM is not exactly a torch.nn layer, and may do more",
    }
    assert type(model["own"]) is Own


def test_a_layer_itself_is_returned_new():
    theirs = nn.LSTM(2, 3, proj_size=2)
    report = recurra.accelerate(theirs)
    x = torch.randn(4, 1, 2)
    assert isinstance(report.model, recurra.nn.LSTM)
    assert_close(list(report.model(x)), list(theirs(x)), 1e-5)


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


def test_dropout_of_everything_stays():
    report = recurra.accelerate(nn.Sequential(nn.GRU(2, 3, 2, dropout=1.0), nn.GRU(3, 3)))
    assert str(report).startswith("replaced 1: 1\nleft 0: dropout=1 lets nothing through")
