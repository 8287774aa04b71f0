"""The compiled kernels under torch.compile, torch.export and autocast, and imported again."""

import subprocess
import sys

import pytest
import torch
from helpers.kernels import RESETS, X, make, needs_compiler
from helpers.support import assert_close, prefixed, run, tensors

from recurra.backends.cpu import library
from recurra.errors import BackendError
from recurra.nn import GRU, LSTM

pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def nothing_compiled():
    torch._dynamo.reset()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize(
    "cell",
    ["lstm", "layernorm-lstm", *(pytest.param(c, marks=pytest.mark.soak) for c in ("gru", "gru-original", "mingru"))],
)
def test_torch_compile_sees_one_graph(cell, backend):
    layer_ = make(cell, 4, 12, num_layers=2, bidirectional=True)
    compiled = torch.compile(layer_, fullgraph=True, backend=backend)
    for batch in (3, 4, 5):  # the second size makes it dynamic
        x = torch.randn(5, batch, 4)
        assert_close(run(compiled, x), prefixed(run(layer_, x)), 1e-5)


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


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:DeprecationWarning")  # inductor's own
def test_torch_compile_by_inductor():
    layer_ = make("lstm")
    compiled = torch.compile(layer_, fullgraph=True)
    assert_close(run(compiled, X), prefixed(run(layer_, X)), 1e-5)


@pytest.mark.slow
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


def test_float16_goes_elsewhere():
    assert GRU(4, 6, dtype=torch.float16).explain(X.half()).passed_over["cpu"] == "it has no kernels for float16"
    with torch.autocast("cpu", torch.float16):
        assert LSTM(4, 6).explain(X).passed_over["cpu"] == "it has no kernels for float16"


@pytest.mark.slow
def test_the_package_is_imported_again_in_one_process():
    """A notebook's autoreload, an import that Ctrl-C stopped: the operators are registered again, and old layers still run."""
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
