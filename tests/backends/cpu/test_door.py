"""The core reads and writes only what is there: whatever a tensor is, a call is right or refused in one line."""

import pytest
import torch
from helpers.kernels import needs_compiler
from helpers.support import assert_close, randomise

from recurra.backends.cpu import door, execute, operator
from recurra.backends.cpu.structures import structures
from recurra.errors import DtypeError, ShapeError
from recurra.nn import LSTM, Recurrent

pytestmark = needs_compiler

X = torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(0))
WAYS = {"inference": {}, "training": {}, "lengths": {"lengths": [3, 1]}, "resets": {"resets": torch.zeros(3, 2).bool()}}


def make(**options):
    return randomise(LSTM(5, 7, backend="cpu", **options))


def call(layer, way, x=X, state=None):
    with torch.set_grad_enabled(way != "inference"):
        return layer(x, state, **WAYS[way])


def negated(tensor):
    """The same numbers, lazily negated: what lies in memory has the other sign."""
    twin = torch._neg_view(-tensor.detach())
    assert twin.is_neg()
    return twin


def freed(tensor, size=0):
    """The tensor with its storage cut to so many bytes."""
    tensor.detach().untyped_storage().resize_(size)
    return tensor


def replaced(layer, name, data):
    getattr(layer, name).data = data


WEIGHTS = {
    "fewer rows": (lambda w: w[:-1], r"`weight_hh_l0` is \(27, 7\); the layer was made for \(28, 7\)"),
    "more": (lambda w: torch.zeros(56, 7), r"`weight_hh_l0` is \(56, 7\); the layer was made for \(28, 7\)"),
    "flat": (lambda w: w.flatten(), r"`weight_hh_l0` is \(196,\); the layer was made for \(28, 7\)"),
    "turned": (lambda w: w.t().contiguous(), r"`weight_hh_l0` is \(7, 28\)"),
}


@pytest.mark.parametrize("first", [True, False], ids=["after a call", "at once"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("change", WEIGHTS)
def test_a_weight_replaced_by_another_shape(change, way, first):
    layer = make()
    data, words = WEIGHTS[change]
    if first:
        call(layer, way)
    replaced(layer, "weight_hh_l0", data(layer.weight_hh_l0.data))
    with pytest.raises(ShapeError, match=words):
        call(layer, way)


@pytest.mark.parametrize("size", [0, 8])
@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"])
@pytest.mark.parametrize("way", WAYS)
def test_a_weight_that_was_freed_or_shrunk(name, way, size):
    layer = make()
    call(layer, way)
    freed(getattr(layer, name), size)
    with pytest.raises(
        ShapeError, match=rf"`{name}` .* bytes of its storage, which holds {size}: it was freed or shrunk"
    ):
        call(layer, way)


def test_a_weight_as_large_as_before_is_right_again():
    layer = make()
    want = call(layer, "inference")[0]
    data = layer.weight_hh_l0.data
    replaced(layer, "weight_hh_l0", data[:3])
    with pytest.raises(ShapeError):
        call(layer, "inference")
    replaced(layer, "weight_hh_l0", data)
    assert torch.equal(call(layer, "inference")[0], want)


CHANGES = {
    "another shape": lambda layer: replaced(layer, "weight_hh_l0", torch.zeros(3, 7)),
    "freed": lambda layer: freed(layer.weight_hh_l0),
    "shrunk": lambda layer: freed(layer.weight_ih_l0, 8),
}


@pytest.mark.parametrize("way", ["training", "lengths"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_weight_changed_between_forward_and_backward(change, way):
    layer = make()
    y, _ = call(layer, way)
    CHANGES[change](layer)
    with pytest.raises(ShapeError, match=r"`weight_.h` "):
        y.sum().backward()


@pytest.mark.parametrize("way", WAYS)
def test_an_input_and_a_state_that_were_freed(way):
    layer = make()
    for size in (0, 16):
        with pytest.raises((ShapeError, RuntimeError), match=r"freed or shrunk|not allocated"):
            call(layer, way, freed(X.clone(), size))
        state = torch.zeros(1, 2, 7), freed(torch.zeros(1, 2, 7), size)
        with pytest.raises(ShapeError, match=r"`c0` .* freed or shrunk"):
            call(layer, way, state=state)


def test_an_input_freed_before_the_way_back():
    layer, x = make(), X.clone()
    y, _ = layer(x)
    freed(x)
    with pytest.raises(ShapeError, match=r"`x` .* freed or shrunk"):
        y.sum().backward()


def test_a_hook_that_frees_what_is_saved():
    """What lies between two layers is looked at again, and the zeros that a layer starts from are made again."""
    layer = make(num_layers=2)
    want = layer(X)[0]

    def pack(tensor):
        if isinstance(tensor, torch.nn.Parameter):
            return tensor
        twin = tensor.clone()
        freed(tensor)
        return twin

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        pytest.raises((ShapeError, RuntimeError), match=r"`output of a layer, or state` .* freed|not allocated"),
    ):
        layer(X.clone())
    assert torch.equal(layer(X)[0], want)


class Freed(torch.autograd.Function):
    """Passes on a gradient whose storage is gone."""

    @staticmethod
    def forward(ctx, y):
        return y.clone()

    @staticmethod
    def backward(ctx, gradient):
        return freed(torch.ones(gradient.shape), 4)


def test_a_gradient_that_was_freed():
    y, (_, c) = make()(X)
    with pytest.raises(ShapeError, match=r"`gradient of y` .* freed or shrunk"):
        Freed.apply(y).sum().backward(retain_graph=True)
    with pytest.raises(
        RuntimeError, match=r"out of bounds for storage of size 4"
    ):  # PyTorch's own, of the states' stack
        Freed.apply(c).sum().backward()


def test_a_gradient_of_another_shape():
    """Autograd looks at this by itself, but whoever calls the operator has no autograd."""
    work = []
    with pytest.MonkeyPatch.context() as patch:
        run = operator.run
        patch.setattr(operator, "run", lambda given, *form: work.append(given) or run(given, *form))
        make()(X)
    packed, operands = structures(work[0]), work[0].operands
    made, keep = execute.forward(work[0], packed)
    wanted = [True] * len(operands.flat())
    wrong = made._replace(y=made.y[:2])
    with pytest.raises(ShapeError, match=r"`gradient of y` is \(2, 2, 7\); expected \(3, 2, 7\)"):
        execute.backward(packed, operands.flat(), keep, wrong, operands, wanted)


@pytest.mark.parametrize("way", WAYS)
def test_lazily_negated_numbers(way):
    layer, x = make(), X.clone()
    state = torch.randn(1, 2, 7), torch.randn(1, 2, 7)
    want = call(layer, way, x, state)
    assert_close(call(layer, way, negated(x), tuple(map(negated, state))), want, 1e-6)
    assert_close(call(layer, way, x[..., :].mT.contiguous().mT, state), want, 1e-6)
    twin = make()
    for name, weight in layer.named_parameters():
        replaced(twin, name, negated(weight))
    assert_close(call(twin, way, x, state), want, 1e-6)


def test_a_lazily_negated_gradient():
    layer = make()
    gradient = torch.randn(3, 2, 7)
    want = torch.autograd.grad(layer(X)[0], [*layer.parameters()], gradient)
    assert_close(list(torch.autograd.grad(layer(X)[0], [*layer.parameters()], negated(gradient))), list(want), 1e-6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_a_default_device(way, device):
    layer = make(bidirectional=True)
    want = call(layer, way)
    with torch.device(device):
        got = call(layer, way)
        if way != "inference":
            got[0].sum().backward()
    assert_close(got, want, 0)
    assert layer.weight_hh_l0.grad is None or layer.weight_hh_l0.grad.is_cpu


ODD = {
    "meta": (lambda: X.to("meta"), DtypeError, "`x` is on meta, the weights are on cpu"),
    "sparse": (lambda: X.to_sparse(), DtypeError, "`x` is sparse_coo; expected a dense tensor"),
    "mkldnn": (lambda: X.to_mkldnn(), DtypeError, "`x` is _mkldnn; expected a dense tensor"),
    "nested": (
        lambda: torch.nested.nested_tensor([X[0], X[1]]),
        DtypeError,
        "`x` is a nested tensor; expected a dense tensor",
    ),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.parametrize("kind", ODD)
def test_tensors_that_are_not_dense(kind):
    made, error, words = ODD[kind]
    with pytest.raises(error, match=words):
        make()(made())


def test_what_the_door_refuses():
    with pytest.raises(DtypeError, match=r"`w` is meta; the compiled kernels read dense tensors on the CPU"):
        door.dense(torch.zeros(2, device="meta"), "w", (2,), torch.float32)
    with pytest.raises(ShapeError, match=r"`w` is \(2,\); expected \(3,\)"):
        door.dense(torch.zeros(2), "w", (3,), torch.float32)
    with pytest.raises(ShapeError, match=r"`w` \(4, 4\) needs 64 bytes of its storage, which holds 60"):
        door.dense(freed(torch.zeros(4, 4), 60), "w", (4, 4), torch.float32)
    strided = freed(torch.zeros(4, 4), 60)[:, :3]
    assert door.dense(strided, "w", (4, 3), torch.float32).is_contiguous()  # it does not reach the end
    with torch.device("meta"):
        assert door.empty((2,), torch.float32).is_cpu


def test_other_cells_and_widths_are_checked_too():
    layer = Recurrent("layernorm-lstm", 5, 8, num_layers=2)
    layer.shift_f_l1.data = torch.zeros(4)
    with pytest.raises(ShapeError, match=r"`shift_f_l1` is \(4,\); the layer was made for \(8,\). Make a new layer"):
        layer(X)


def retyped(tensor):
    """The same bytes read as whole numbers, by the tensor itself."""
    tensor.data = tensor.data.view(torch.int32)


@pytest.mark.parametrize("way", ["training", "resets"])  # with lengths the layer reads a copy of x
def test_a_type_changed_between_the_passes(way):
    layer, x = make(), X.clone()
    y = call(layer, way, x)[0]
    retyped(x)
    with pytest.raises(DtypeError, match=r"`x` is int32; the forward pass read it as float32\. Leave its type until"):
        y.sum().backward()


def test_a_type_changed_where_the_forward_pass_made_copies():
    layer = make(bias=False)
    layer.weight_ih_l0.data = layer.weight_ih_l0.data.t().contiguous().t()  # not dense: the core reads a copy
    x = X.clone()
    y = layer(x)[0]
    retyped(x)
    with pytest.raises(DtypeError, match="`x` is int32; the forward pass read it as float32"):
        y.sum().backward()


@pytest.mark.parametrize("way", WAYS)
def test_a_frozen_weight_read_as_whole_numbers(way):
    layer = make().requires_grad_(False)
    call(layer, way)
    retyped(layer.weight_hh_l0)
    with pytest.raises(DtypeError, match="`weight_hh` is int32; expected float32"):
        call(layer, way, X.clone().requires_grad_())


KEPT = {
    "shorter": lambda keep: keep[: len(keep) // 2].clone(),
    "gone": lambda keep: keep[:0],
    "of another type": lambda keep: keep.view(torch.float32),
}


@pytest.mark.parametrize("way", ["training", "lengths"])
@pytest.mark.parametrize("change", KEPT)
def test_what_was_kept_comes_back_as_something_else(change, way):
    def unpack(tensor):
        return KEPT[change](tensor) if tensor.dtype is torch.uint8 else tensor

    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, unpack):
        y = call(make(), way)[0]
    with pytest.raises(ShapeError, match=r"`keep` is \(\d+,\) \w+; the backward pass reads \d+ bytes.* must give back"):
        y.sum().backward()


def test_a_template_follows_its_weights():
    """What is kept of a layer from call to call holds the addresses of its weights, not more."""
    layer, resets = make(num_layers=2), WAYS["resets"]["resets"]
    layer(X, resets=resets)
    for scale in (2.0, 0.5):
        with torch.no_grad():
            layer.weight_hh_l1.mul_(scale)
        layer.weight_hh_l0.data = layer.weight_hh_l0.data * scale
        layer.bias_ih_l1 = torch.nn.Parameter(layer.bias_ih_l1.detach() + 1)
        twin = make(num_layers=2)
        twin.load_state_dict(layer.state_dict())
        assert_close(layer(X, resets=resets), twin(X, resets=resets), 0)
