"""The core sees by itself whether a stack's weights are what they were."""

import shutil

import pytest
import torch

from recurra.backends.cpu import build, door, library, stack, watch
from recurra.cells import LSTM as Cell
from recurra.nn import LSTM

if not any(shutil.which(name) for name in build.NAMES):
    pytest.skip("there is no C++ compiler here", allow_module_level=True)

X = torch.randn(1, 1, 5, generator=torch.Generator().manual_seed(0))


def put(data):
    return lambda weight: setattr(weight, "data", data(weight.data))


def resize(*sizes):
    def change(weight):
        for size in sizes:
            weight.detach().untyped_storage().resize_(size)

    return change


CHANGES = {
    "moved": put(torch.clone),
    "fewer rows": put(lambda w: w[:-1]),
    "flat": put(torch.flatten),
    "turned": put(torch.t),
    "one more dimension": put(lambda w: w[None]),
    "another type": put(lambda w: w.view(torch.float16)),
    "double": put(torch.Tensor.double),
    "freed": resize(0),
    "shrunk": resize(8),
    "shrunk twice": resize(16, 8),  # the second may lie where the first one's numbers were
    "grown": resize(4096),
    "swapped": lambda weight: torch.utils.swap_tensors(weight, torch.nn.Parameter(torch.zeros(7, 7))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_is_seen(change):
    core = library.made(Cell()).core
    weights = [torch.nn.Parameter(torch.ones(7, 7)) for _ in range(3)]
    watched = watch.Watch(core, weights)
    weights[1].detach().mul_(2)  # numbers may change
    assert watched.same()
    CHANGES[change](weights[1])
    assert not watched.same()
    assert change == "one more dimension" or watch.Watch(core, weights).same()


def test_a_pytorch_that_cannot_be_asked(monkeypatch):
    monkeypatch.setattr(stack, "is_possible", lambda: False)
    layer = LSTM(5, 7, backend="cpu")
    with torch.no_grad():
        y = layer(X)[0]
    assert not layer._fast.free
    torch.testing.assert_close(y, layer(X)[0])
    assert watch.is_possible.__wrapped__()


def test_a_layer_runs_on_with_weights_that_were_moved(monkeypatch):
    layer = LSTM(5, 7, backend="cpu")
    with torch.no_grad():
        for scale in (1.0, 2.0, 0.5):
            layer.weight_hh_l0.data = layer.weight_hh_l0.data * scale
            layer.bias_ih_l0 = torch.nn.Parameter(layer.bias_ih_l0 + 1)
            twin = LSTM(5, 7, backend="equations")
            twin.load_state_dict(layer.state_dict())
            torch.testing.assert_close(
                layer(X, (X[..., :1].expand(1, 1, 7),) * 2), twin(X, (X[..., :1].expand(1, 1, 7),) * 2)
            )
        # The weights of a plain call are looked at by the core alone.
        monkeypatch.setattr(door, "state_of", None)
        layer(X)
        assert len(layer._fast.free) == 1
