"""PyTorch's tools on Recurra's layers: each works as with torch.nn's, or one line says what to use."""

import copy
import subprocess
import sys

import pytest
import torch
from helpers.support import assert_close
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.flop_counter import FlopCounterMode

import recurra
from recurra import nn as rn
from recurra.errors import BackendError, DtypeError, ShapeError

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.* is deprecated:DeprecationWarning")
PAIRS = {name: (getattr(rn, name), getattr(nn, name)) for name in ("LSTM", "GRU", "RNN")}
X = torch.randn(5, 2, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=[f"{name}, {way}" for name in PAIRS for way in ("recurra.nn", "accelerated")])
def layer(request):
    name, way = request.param.split(", ")
    ours, theirs = PAIRS[name]
    made = ours(4, 8) if way == "recurra.nn" else recurra.accelerate(theirs(4, 8)).model
    return made.eval()


def first(model):
    """The model's output alone, as tools for gradients want it."""
    return lambda *args: model(*args)[0]


class Head(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.rnn, self.head = layer, nn.Linear(8, 2)

    def forward(self, x):
        y, _ = self.rnn(x)
        return self.head(y)


@pytest.mark.parametrize("steps", [1, 5])
def test_traced(layer, steps):
    """Also from a single step: the trace runs other lengths, other batches, and has gradients."""
    traced, x = torch.jit.trace(layer, X[:steps, :1]), torch.randn(7, 3, 4)
    assert_close(traced(x)[0], layer(x)[0], 1e-5)
    got = torch.autograd.grad(traced(x)[0].square().sum(), [*traced.parameters()])
    want = torch.autograd.grad(layer(x)[0].square().sum(), [*layer.parameters()])
    assert_close(list(got), list(want), 1e-4)


def test_traced_by_its_equations_the_length_is_fixed_and_that_is_said():
    layer = rn.Recurrent("mingru", 4, 8).eval()
    with pytest.warns(UserWarning, match="MinGRU.* is traced by its equations: the trace is for 5 steps alone"):
        traced = torch.jit.trace(layer, X, check_trace=False)
    assert_close(traced(X[:, :1])[0], layer(X[:, :1])[0], 1e-5)
    with pytest.raises(RuntimeError):
        traced(X[:3])


def test_traced_with_resets_they_stay_an_input():
    layer = rn.GRU(4, 8).eval()
    model = nn.Module()
    model.rnn = layer
    model.forward = lambda x, resets: layer(x, resets=resets)[0]
    one, other = (torch.zeros(5, 2, dtype=torch.bool).index_fill(0, torch.tensor([step]), True) for step in (1, 3))
    with pytest.warns(UserWarning, match="GRU.* is traced by its equations"):
        traced = torch.jit.trace(model, (X, one), check_trace=False)
    assert_close(traced(X, other), layer(X, resets=other)[0], 1e-5)


def test_batched_gradients(layer):
    x = X.clone().requires_grad_()
    y = layer(x)[0]
    many = torch.randn(3, *y.shape)
    want = torch.stack([torch.autograd.grad(y, x, one, retain_graph=True)[0] for one in many])
    assert_close(torch.autograd.grad(y, x, many, is_grads_batched=True, retain_graph=True)[0], want, 1e-5)
    mapped = torch.func.vmap(lambda one: torch.autograd.grad(y, x, one, retain_graph=True)[0])(many)
    assert_close(mapped, want, 1e-5)
    slow = torch.autograd.functional.jacobian(first(layer), X)
    assert_close(torch.autograd.functional.jacobian(first(layer), X, vectorize=True), slow, 1e-5)


def test_batched_gradients_of_lengths_states_and_embeddings():
    layer, table = rn.LSTM(4, 6, 2, bidirectional=True), nn.Parameter(torch.randn(3, 4))
    ids = torch.randint(0, 3, (9, 2))
    y, (h, c) = layer(ids, embedding=table, lengths=[9, 4])
    operands = [table, *layer.parameters()]
    many = [torch.randn(2, *part.shape) for part in (y, h, c)]
    got = torch.autograd.grad([y, h, c], operands, many, is_grads_batched=True, retain_graph=True)
    each = [torch.autograd.grad([y, h, c], operands, [part[k] for part in many], retain_graph=True) for k in range(2)]
    assert_close(list(got), [torch.stack(pair) for pair in zip(*each, strict=True)], 1e-5)


def test_gradcheck_with_batches(layer):
    double = copy.deepcopy(layer).double()
    assert torch.autograd.gradcheck(first(double), X[:2, :1].double().requires_grad_(), check_batched_grad=True)


def test_one_node_of_a_symbolic_trace(layer):
    model = Head(layer).eval()
    traced = torch.fx.symbolic_trace(model)
    assert [node.target for node in traced.graph.nodes if node.op == "call_module"] == ["rnn", "head"]
    assert torch.equal(traced(X[:3]), model(X[:3]))


def test_a_symbolic_trace_keeps_options():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = rn.GRU(4, 8)

        def forward(self, x, h, lengths):
            return self.rnn(x, h, lengths=lengths)[0]

    model, h, lengths = Model(), torch.randn(1, 2, 8), torch.tensor([2, 5])
    assert torch.equal(torch.fx.symbolic_trace(model)(X, h, lengths), model(X, h, lengths))


def test_traced_by_make_fx(layer):
    graph = make_fx(first(layer))(X)
    assert_close(graph(X + 1), first(layer)(X + 1), 1e-6)


def test_operations_are_counted(layer):
    with FlopCounterMode(display=False) as counter:
        layer(X)[0].sum().backward()
    gates = layer.weight_hh_l0.shape[0]
    assert counter.get_total_flops() == 3 * 2 * 5 * 2 * gates * (4 + 8)


@pytest.mark.slow
def test_exported_and_loaded_with_recurra_alone(tmp_path):
    model = Head(rn.GRU(4, 8)).eval()
    sizes = {"x": {0: torch.export.Dim("time"), 1: torch.export.Dim("batch")}}
    torch.export.save(torch.export.export(model, (X,), dynamic_shapes=sizes), tmp_path / "model.pt2")
    torch.save([torch.ones(7, 3, 4), model(torch.ones(7, 3, 4))], tmp_path / "pair.pt")
    for imports in (
        "import recurra, torch",
        "import importlib.util as u; import recurra; u.find_spec('torch'); import torch",
    ):
        code = f"""{imports}
x, want = torch.load("pair.pt")
assert torch.allclose(torch.export.load("model.pt2").module()(x), want)"""
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


@pytest.mark.filterwarnings("ignore")
def test_exported_to_onnx_as_the_node_that_onnx_has(layer):
    pytest.importorskip("onnxscript", reason="torch.onnx.export needs onnxscript")
    program = torch.onnx.export(Head(layer).eval(), (X,), dynamo=True, verbose=False)
    nodes = [node.op_type for node in program.model.graph]
    assert layer.mode in nodes or (layer.mode == "RNN_TANH" and "Tanh" in nodes)  # PyTorch writes no node of ONNX's RNN


@pytest.mark.parametrize("name", PAIRS)
def test_what_tools_read_of_a_layer(name):
    ours, theirs = (kind(4, 8, 2, bidirectional=True) for kind in PAIRS[name])
    accelerated = recurra.accelerate(PAIRS[name][1](4, 8, 2, bidirectional=True)).model
    h = torch.zeros(4, 2, 8)
    hidden = (h, h) if name == "LSTM" else h
    for layer in (ours, accelerated):
        assert (layer.mode, layer._all_weights, layer._flat_weights_names) == (
            theirs.mode,
            theirs._all_weights,
            theirs._flat_weights_names,
        )
        assert [
            w is getattr(layer, n) for w, n in zip(layer._flat_weights, layer._flat_weights_names, strict=True)
        ] == [True] * 16
        layer.check_input(X, None)
        layer.check_forward_args(X, hidden, None)
        assert layer.get_expected_hidden_size(X, None) == (4, 2, 8)
        assert layer.permute_hidden(hidden, None) is hidden
        with pytest.raises(RuntimeError, match="must be equal to input_size"):
            layer.check_input(X[..., :3], None)
    assert rn.RNN(4, 8, nonlinearity="relu").mode == "RNN_RELU"


def test_errors_are_of_the_classes_that_torch_nn_raises(layer):
    with pytest.raises(RuntimeError, match="expected 4 features") as shape:
        layer(X[..., :3])
    with pytest.raises(ValueError, match="`x` is float64") as dtype:
        layer(X.double())
    assert (type(shape.value), type(dtype.value)) == (ShapeError, DtypeError)
    assert issubclass(ShapeError, ValueError)
    assert issubclass(DtypeError, TypeError)


@pytest.mark.parametrize("name", PAIRS)
def test_dropout_of_everything(name):
    ours, theirs = (kind(4, 8, 2, dropout=1) for kind in PAIRS[name])
    ours.load_state_dict(theirs.state_dict())
    assert_close(ours(X)[0], theirs(X)[0], 1e-5)
    assert recurra.accelerate(theirs).left == {}
    assert_close(theirs(X)[0], ours(X)[0], 1e-5)


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("both", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("batch_first", [False, True], ids=["time first", "batch first"])
@pytest.mark.parametrize("name", PAIRS)
def test_the_same_dropout_masks_for_the_same_seed(name, batch_first, both, packed):
    ours, theirs = (kind(4, 8, 3, dropout=0.5, batch_first=batch_first, bidirectional=both) for kind in PAIRS[name])
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 5, 4)
    if packed:
        x = pack_padded_sequence(x, [3, 2, 5, 1, 4], batch_first, enforce_sorted=False)
    runs = []
    for layer in (ours, theirs):
        torch.manual_seed(7)
        y = layer(x)[0]
        runs.append(y.data if packed else y)
    assert_close(*runs, 1e-5)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_the_same_types_under_autocast(name, kind):
    ours, theirs = (made(4, 8, 2) for made in PAIRS[name])
    ours.load_state_dict(theirs.state_dict())
    with torch.autocast("cpu", torch.bfloat16):
        (y, state), (want, after) = ours(X.to(kind)), theirs(X.to(kind))
    assert y.dtype is want.dtype
    states = [part if isinstance(part, tuple) else (part,) for part in (state, after)]
    assert [s.dtype for s in states[0]] == [s.dtype for s in states[1]]
    assert_close(y.float(), want.float(), 2e-2)
    y.float().sum().backward()


def test_no_steps_with_gradients(layer):
    x = X[:0].clone().requires_grad_()
    y, state = layer(x)
    assert y.shape == (0, 2, 8)
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert layer.weight_ih_l0.grad.eq(0).all()


def test_a_layer_with_more_than_torch_nn_has_is_not_scripted():
    words = "LSTM cannot be made a layer of torch.nn, which has no zoneout.* use torch.jit.trace or torch.export"
    with pytest.raises(BackendError, match=words):
        torch.jit.script(nn.Sequential(rn.LSTM(4, 8, zoneout=0.1)))
