"""The kernels' gradients where autograd does more than one way back: checkpoints, second derivatives, forward mode."""

import pytest
import torch
from helpers.kernels import RESETS, X, make, needs_compiler
from helpers.support import assert_close, randomise, run
from torch.utils.checkpoint import checkpoint

from recurra.nn import LSTM, Recurrent

pytestmark = needs_compiler


def test_activation_checkpointing():
    layer_ = make("lstm", 4, 32)
    plain = run(layer_, X)
    assert_close(run(lambda_module(layer_), X), plain, 1e-6)


class lambda_module(torch.nn.Module):
    """A layer under torch.utils.checkpoint."""

    def __init__(self, layer_):
        super().__init__()
        self.layer = layer_

    def named_parameters(self, *args, **kwargs):
        return self.layer.named_parameters(*args, **kwargs)

    def forward(self, x):
        return checkpoint(self.layer, x, use_reentrant=False)


def saved_bytes(function) -> int:
    kept: dict[int, int] = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        held = function()
    assert held is not None
    return sum(kept.values())


def test_checkpoint_every_keeps_less():
    x = torch.randn(200, 4, 4)
    whole, pieces = make("lstm", 4, 32), make("lstm", 4, 32, checkpoint_every=20)
    pieces.load_state_dict(whole.state_dict())
    assert saved_bytes(lambda: pieces(x)) < 0.2 * saved_bytes(lambda: whole(x))
    assert_close(run(pieces, x), run(whole, x), 1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru", "layernorm-lstm", "gru-original", "minlstm"])
def test_a_second_derivative_is_the_equations(cell):
    def penalty(layer_, x):
        y, _ = layer_(x, lengths=[5, 2, 4], resets=RESETS)
        (dx,) = torch.autograd.grad(y.pow(2).sum(), x, create_graph=True)
        return torch.autograd.grad(dx.pow(2).sum() + y.sum(), [x, *layer_.parameters()])

    torch.manual_seed(0)
    layer_ = randomise(
        Recurrent(cell, 4, 6, dtype=torch.float64, backend="cpu", bidirectional=True, learn_initial=True)
    )
    x = X.double().requires_grad_()
    got = penalty(layer_, x)
    layer_.backend = "equations"
    assert_close(got, penalty(layer_, x), 1e-9)


def test_a_second_derivative_where_one_input_comes_from_another():
    results = []
    for backend in ("cpu", "equations"):
        torch.manual_seed(0)
        layer_ = randomise(Recurrent("gru", 4, 4, dtype=torch.float64, backend=backend))
        x = X.double().requires_grad_()
        y, _ = layer_(x, x[0][None].tanh())
        (dx,) = torch.autograd.grad(y.pow(2).sum(), x, create_graph=True)
        results.append([dx, torch.autograd.grad(dx.pow(2).sum(), x)])
    assert_close(*results, 1e-10)


def test_gradgradcheck():
    layer_ = make("lstm", 2, 2, dtype=torch.float64)
    x = torch.randn(3, 1, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer_(x)[0], x)
    assert torch.autograd.gradgradcheck(lambda x: layer_(x)[0], x)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # jvp's own
def test_forward_mode_and_functorch_go_to_the_equations():
    layer_ = Recurrent("gru", 4, 6)
    assert layer_.explain(X).name == "cpu"
    y, tangent = torch.func.jvp(lambda x: layer_(x)[0], (X,), (torch.ones_like(X),))
    near = (layer_(X + 1e-3)[0] - layer_(X - 1e-3)[0]) / 2e-3
    assert_close(tangent, near, 1e-2)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(X, torch.ones_like(X))
        assert_close(torch.autograd.forward_ad.unpack_dual(layer_(dual)[0]).tangent, tangent, 1e-5)


def test_an_input_changed_in_place_is_noticed():
    layer_ = make()
    x = X.clone()
    y, _ = layer_(x)
    with torch.no_grad():
        layer_.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_y_may_be_changed_in_place():
    layer_ = make("gru")
    y, _ = layer_(X)
    want = torch.autograd.grad(2 * layer_(X)[0].sum(), layer_.weight_hh_l0)
    y.mul_(2)
    assert_close(torch.autograd.grad(y.sum(), layer_.weight_hh_l0), want, 1e-6)


def test_gates_with_gradients_run_by_the_equations():
    layer_ = Recurrent("lstm", 4, 6)
    _, _, trace = layer_(X, return_gates=True)
    assert trace.gates["f"].requires_grad
    with torch.no_grad():
        assert layer_.explain(X, return_gates=True).name == "cpu"
        assert_close(layer_(X, return_gates=True)[2].gates, trace.gates, 1e-5)


def test_two_ways_back_over_one_graph():
    """What the forward pass laid out for the core serves again, with other gradients asked for, and when a hook has
    moved what was saved."""
    layer, x = LSTM(5, 7), torch.randn(4, 2, 5, requires_grad=True)
    inputs = [x, *layer.parameters()]
    y, (h, c) = layer(x)
    total = y.square().sum() + 3 * c.sum()
    everything = torch.autograd.grad(total, inputs, retain_graph=True)
    for asked in ([layer.weight_ih_l0], [x], inputs):
        found = torch.autograd.grad(total, asked, retain_graph=True)
        for got, tensor in zip(found, asked, strict=True):
            want = next(g for g, t in zip(everything, inputs, strict=True) if t is tensor)
            assert torch.equal(got, want)
    only_c = torch.autograd.grad(c.sum(), inputs, retain_graph=True)
    wanted = torch.autograd.grad(layer(x)[1][1].sum(), inputs)
    assert all(map(torch.equal, only_c, wanted))
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t.clone()):
        y, (h, c) = layer(x)
        moved = y.square().sum() + 3 * c.sum()
    assert all(map(torch.equal, torch.autograd.grad(moved, inputs), everything))
