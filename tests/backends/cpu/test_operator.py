"""The compiled kernels inside PyTorch: one operator a layer for whatever looks at operators, and its ways around one."""

import gc
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import weakref

import pytest
import torch
from helpers.support import assert_close, randomise, run, tensors
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.checkpoint import checkpoint

from recurra import cells
from recurra.backends.cpu import abi, build, execute, library, operator
from recurra.backends.cpu.structures import structures
from recurra.cells import Cell
from recurra.errors import BackendError, CompileWarning
from recurra.expr import sigmoid, tanh
from recurra.nn import GRU, LSTM, Recurrent

if not any(shutil.which(name) for name in build.NAMES):
    pytest.skip("there is no C++ compiler here", allow_module_level=True)

RESETS = torch.arange(15).reshape(5, 3) % 4 == 0


@pytest.fixture(autouse=True)
def nothing_compiled():
    torch._dynamo.reset()


def make(cell="lstm", *sizes, **options):
    return randomise(Recurrent(cell, *(sizes or (4, 6)), backend="cpu", **options))


def work_of(layer_, x, **options):
    """The kernel's arguments for a layer's first call."""
    seen, run_layer = [], operator.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operator, "run", lambda work, *form: seen.append(work) or run_layer(work, *form))
        layer_(x, **options)
    return seen[0]


X = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0))
WORKS = {
    "lstm": lambda x: work_of(make(), x),
    "both ways, everything": lambda x: work_of(
        make("gru", bidirectional=True, learn_initial=True), x, lengths=[5, 0, 2], resets=RESETS, return_states=True
    ),
    "projected": lambda x: work_of(make(proj_size=3, recurrent_dropout=0.2, zoneout=0.1), x),
    "zoneout in evaluation": lambda x: work_of(make(zoneout=0.1).eval(), x),
    "learned vectors": lambda x: work_of(make("layernorm-lstm", 4, 12), x),
    "two products, heads": lambda x: work_of(make("gru-original", heads=2), x),
    "a scan": lambda x: work_of(make("mingru"), x),
    "float64": lambda x: work_of(make(dtype=torch.float64), x.detach().double().requires_grad_()),
    "bfloat16": lambda x: work_of(make(dtype=torch.bfloat16), x.detach().bfloat16().requires_grad_()),
    "tokens": lambda x: work_of(make(), torch.arange(15).reshape(5, 3) % 4, embedding=x[0, :1].expand(4, 4).clone()),
    "batch first": lambda x: work_of(make(batch_first=True), x.detach().transpose(0, 1).contiguous().requires_grad_()),
}


def leaf(tensor):
    return None if tensor is None else tensor.detach().requires_grad_(tensor.requires_grad)


@pytest.mark.slow
@pytest.mark.parametrize("case", WORKS)
def test_opcheck(case, monkeypatch):
    # What is kept has padding that is never written; the check compares every output's every number.
    monkeypatch.setattr(execute.memory, "room", lambda room: torch.zeros(room, dtype=torch.uint8))
    work = WORKS[case](X.clone().requires_grad_())
    work = work._replace(operands=work.operands.like(map(leaf, work.operands.flat())))
    assert work.train
    checked = torch.library.opcheck(torch.ops.recurra.layer.default, operator.arguments(work))
    assert set(checked.values()) == {"SUCCESS"}


@pytest.mark.parametrize("case", WORKS)
def test_the_operator_gives_what_the_short_way_gives(case):
    x = X.clone().requires_grad_()
    work = WORKS[case](x)
    inputs = [t for t in work.operands.flat() if t is not None and t.requires_grad]
    results = []
    for out in (operator.layer(work).flat(), torch.ops.recurra.layer(*operator.arguments(work))[:-1]):
        loss = sum(part.double().pow(2).sum() for part in out)
        results.append([list(out), torch.autograd.grad(loss, inputs)])
    assert_close(*results, 1e-6 if work.io != abi.BF16 else 0.02)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(cells.names()),
    st.integers(1, 300),
    st.lists(st.integers(0, 300), min_size=1, max_size=70),
    st.integers(1, 70),
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
    st.booleans(),
)
def test_what_is_kept_is_bounded_by_the_formula(cell, time, lengths, hidden, threads, ragged, dtype, masked):
    """torch.compile sizes it without running anything."""
    masked = masked and cells.get(cell).recurrent
    layer_ = Recurrent(cell, 3, hidden, recurrent_dropout=0.5 * masked, dtype=dtype)
    lengths = [min(length, time) for length in lengths]
    x = torch.zeros(time, len(lengths), 3, dtype=dtype)
    work = work_of(layer_, x, lengths=lengths if ragged else None)._replace(threads=threads)
    made = library.by_key(work.cell)
    packed = structures(work)
    asked = made.core.keep_bytes(execute.addressof(packed.call))
    room = execute.keep_bytes(work, packed.size, made)
    assert asked <= room
    if not ragged:
        assert room <= asked + 64 * 24 * (threads + 2) + time * len(lengths), "the bound is far too high"


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "layernorm-lstm", "gru-original", "mingru"])
def test_torch_compile_sees_one_graph(cell, backend):
    layer_ = make(cell, 4, 12, num_layers=2, bidirectional=True)
    compiled = torch.compile(layer_, fullgraph=True, backend=backend)
    for batch in (3, 4, 5):  # the second size makes it dynamic
        x = torch.randn(5, batch, 4)
        assert_close(run(compiled, x), prefixed(run(layer_, x)), 1e-5)


def prefixed(results):
    """What torch.compile's wrapper calls the parameters."""
    gradient = {name if name == "x" else f"_orig_mod.{name}": g for name, g in results["gradient"].items()}
    return results | {"gradient": gradient}


def test_torch_compile_with_every_option():
    layer_ = make("lstm", bidirectional=True, learn_initial=True).eval()
    compiled = torch.compile(layer_, fullgraph=True, backend="aot_eager")
    x, lengths = torch.randn(5, 3, 4), torch.tensor([5, 0, 3])
    options = {"lengths": lengths, "resets": RESETS, "return_states": True}
    assert_close(run(compiled, x, **options), prefixed(run(layer_, x, **options)), 1e-5)


def test_torch_compile_in_training_with_every_random_mask():
    rates = dict.fromkeys(("input_dropout", "output_dropout", "recurrent_dropout", "weight_dropout", "zoneout"), 0.3)
    layer_ = make("lstm", **rates).train()
    compiled = torch.compile(layer_, fullgraph=True, backend="aot_eager")
    assert not torch.equal(compiled(X)[0], compiled(X)[0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:DeprecationWarning")  # inductor's own
def test_torch_compile_by_inductor():
    layer_ = make("lstm")
    compiled = torch.compile(layer_, fullgraph=True)
    assert_close(run(compiled, X), prefixed(run(layer_, X)), 1e-5)


def test_wrong_numbers_are_refused_where_nobody_looked():
    """Lengths and ids are not looked at while torch.compile traces; the kernel takes them for addresses."""
    layer_ = make()
    compiled = torch.compile(lambda *a, **k: layer_(*a, **k)[0], fullgraph=True, backend="eager")
    with pytest.raises(IndexError, match=r"`lengths` go from 2 to 9; expected 0 to 5"):
        compiled(X, lengths=torch.tensor([2, 9, 3]))
    with pytest.raises(IndexError, match=r"`ids` go from 0 to 7; expected 0 to 1"):
        compiled(torch.tensor([[0, 7, 1]] * 5), embedding=torch.randn(2, 4))


def test_torch_export():
    layer_ = make("gru", num_layers=2).eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    with torch.no_grad():
        program = torch.export.export(layer_, (X,), dynamic_shapes=({1: batch},))
        x = torch.randn(5, 9, 4)
        assert_close(list(program.module()(x)), list(layer_(x)), 1e-6)
    names = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert names.count("recurra.layer.default") == 2


@pytest.mark.slow
def test_an_exported_program_in_another_process(tmp_path):
    layer_ = make("gru").eval()
    with torch.no_grad():
        torch.export.save(torch.export.export(layer_, (X,)), tmp_path / "layer.pt2")
        torch.save(X, tmp_path / "x.pt")
        want = layer_(X)[0].sum().item()
    code = f"""
import torch, recurra.nn
program = torch.export.load({str(tmp_path / "layer.pt2")!r}).module()
print(program(torch.load({str(tmp_path / "x.pt")!r}))[0].sum().item())
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(want, rel=1e-4)


def test_a_program_of_an_unknown_cell_says_what_to_do():
    with pytest.raises(BackendError, match=r"a cell \(mine-0\) that is not known here. Import it first"):
        library.by_key("mine-0")


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_autocast(name):
    layer_, theirs = getattr(__import__("recurra").nn, name)(8, 16), getattr(torch.nn, name)(8, 16)
    x = torch.randn(5, 3, 8)
    want = run(layer_, x)
    with torch.autocast("cpu", torch.bfloat16):
        got = run(layer_, x)
        y, state = layer_(x)
        again, _ = layer_(x, state)
        their_y, their_state = theirs(x)
    assert y.dtype == their_y.dtype
    assert {t.dtype for t in tensors(state).values()} == {t.dtype for t in tensors(their_state).values()}
    assert not torch.equal(again, y)
    assert all(g.dtype == torch.float32 for g in got["gradient"].values())
    assert_close(got, want, 0.06)


def test_autocast_leaves_float64_alone():
    layer_ = make(dtype=torch.float64)
    with torch.autocast("cpu", torch.bfloat16):
        y, _ = layer_(X.double())
    assert torch.equal(y, layer_(X.double())[0])


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


def test_nothing_waits_for_the_garbage_collector():
    """A call that left a reference cycle would hold its tensors until Python happens to look."""
    layer_ = make("lstm", bidirectional=True, learn_initial=True)
    gc.disable()
    try:
        y, state = layer_(X, lengths=[5, 0, 3], resets=RESETS)
        node, value = weakref.ref(y.grad_fn), weakref.ref(y)
        y.sum().backward()
        del y, state
        assert value() is None
        assert node() is None
    finally:
        gc.enable()


def test_y_may_be_changed_in_place():
    layer_ = make("gru")
    y, _ = layer_(X)
    want = torch.autograd.grad(2 * layer_(X)[0].sum(), layer_.weight_hh_l0)
    y.mul_(2)
    assert_close(torch.autograd.grad(y.sum(), layer_.weight_hh_l0), want, 1e-6)


def test_several_python_threads_at_once():
    layer_ = make("lstm", 4, 32)
    xs = [torch.randn(30, 3, 4) for _ in range(4)]
    want = [run(layer_, x) for x in xs]
    got = [None] * 4

    def work(k):
        for _ in range(20):
            got[k] = run(layer_, xs[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_close(got, want, 1e-6)


def _in_child(queue, layer_, x):
    with torch.no_grad():
        queue.put(layer_(x)[0].double().sum().item())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_after_a_fork():
    """OpenMP's threads do not come along; asking for them would hang the child."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        # Large enough for two threads of ours, small enough for PyTorch's own operations not to want two.
        layer_, x = make("lstm", 64, 64), torch.randn(20, 16, 64)
        with torch.no_grad():
            want = layer_(x)[0].double().sum().item()
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        child = context.Process(target=_in_child, args=(queue, layer_, x))
        child.start()
        child.join(60)
        hung = child.is_alive()
        child.kill() if hung else None
        assert not hung
        assert queue.get() == pytest.approx(want, rel=1e-4)
    finally:
        torch.set_num_threads(before)


def test_gates_with_gradients_run_by_the_equations():
    layer_ = Recurrent("lstm", 4, 6)
    _, _, trace = layer_(X, return_gates=True)
    assert trace.gates["f"].requires_grad
    with torch.no_grad():
        assert layer_.explain(X, return_gates=True).name == "cpu"
        assert_close(layer_(X, return_gates=True)[2].gates, trace.gates, 1e-5)


class Mine(Cell):
    """A user's own cell."""

    gates = "f n"
    vectors = {"rate": 0.5}

    def step(self, x, h, s, w):
        f = sigmoid(x.f + h.f)
        return s.next(h=f * s.h + (1 - f) * tanh(x.n + w.rate * h.n), f=f)


class Untraceable(Cell):
    """Python decides on a value: only the equations can run that."""

    gates = "n"

    def step(self, x, h, s):
        v = x.n + h.n
        return s.next(h=v if bool((v * 0 == 0).all()) else s.h)


def test_a_users_cell():
    results = []
    for backend in ("cpu", "equations"):
        torch.manual_seed(0)
        results.append(run(mine(backend), X.double()))
    assert_close(*results, 1e-11)
    assert Recurrent(Mine, 4, 6).explain(X).name == "cpu"


def mine(backend):
    return randomise(Recurrent(Mine, 4, 6, dtype=torch.float64, backend=backend))


def test_a_cell_that_cannot_be_traced_runs_and_says_why(monkeypatch):
    monkeypatch.setattr(library, "_warned", set())
    layer_ = Recurrent(Untraceable, 4, 6)
    with pytest.warns(CompileWarning, match=r"Untraceable\(\) cannot be compiled and runs by its equations") as said:
        (y, _), _ = [layer_(X) for _ in range(2)]
    assert len(said) == 1
    assert torch.isfinite(y).all()
    assert layer_.explain(X).passed_over["cpu"].startswith("its step cannot be compiled: ")


def test_torch_compile_of_a_users_cell():
    layer_ = make(Mine)
    compiled = torch.compile(layer_, fullgraph=True, backend="aot_eager")
    assert_close(run(compiled, X), prefixed(run(layer_, X)), 1e-5)


def test_float16_goes_elsewhere():
    assert GRU(4, 6, dtype=torch.float16).explain(X.half()).passed_over["cpu"] == "it has no kernels for float16"
    with torch.autocast("cpu", torch.float16):
        assert LSTM(4, 6).explain(X).passed_over["cpu"] == "it has no kernels for float16"


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


@pytest.mark.slow
def test_the_package_is_imported_again_in_one_process():
    """A notebook's autoreload, an import that Ctrl-C stopped: the operators are registered anew, and old layers still run."""
    code = """
import importlib, sys, torch

def forget():
    for name in [name for name in sys.modules if name.split(".")[0] == "recurra"]:
        del sys.modules[name]

def check(layer, want):
    for run in (layer, torch.compile(layer, backend="eager", fullgraph=True)):
        torch.testing.assert_close(run(x)[0], want)

x = torch.randn(2, 1, 3)
from recurra.nn import LSTM
first = LSTM(3, 4)
want = first(x)[0].detach()
check(first, want)
forget()
from recurra.nn import LSTM
second = LSTM(3, 4)
check(second, second(x)[0].detach())
check(first, want)
importlib.reload(sys.modules["recurra.backends.cpu.operator"])
check(second, second(x)[0].detach())
forget()
real = torch.library.register_autograd
def stopped(*_, **__): raise KeyboardInterrupt
torch.library.register_autograd = stopped
try:
    from recurra.nn import LSTM
except KeyboardInterrupt:
    print("stopped")
torch.library.register_autograd = real
from recurra.nn import LSTM
third = LSTM(3, 4)
check(third, third(x)[0].detach())
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr
