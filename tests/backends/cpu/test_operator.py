"""The compiled kernels inside PyTorch: one operator a layer for whatever looks at operators; memory, threads, users' cells."""

import gc
import multiprocessing
import os
import threading
import weakref

import pytest
import torch
from helpers.kernels import RESETS, X, make, needs_compiler
from helpers.support import assert_close, prefixed, randomise, run
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import cells
from recurra.backends.cpu import abi, execute, library, operator
from recurra.backends.cpu.structures import structures
from recurra.cells import Cell
from recurra.errors import CompileWarning
from recurra.expr import sigmoid, tanh
from recurra.nn import Recurrent

pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def nothing_compiled():
    torch._dynamo.reset()


def work_of(layer_, x, **options):
    """The kernel's arguments for a layer's first call."""
    seen, run_layer = [], operator.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operator, "run", lambda work, *form: seen.append(work) or run_layer(work, *form))
        layer_(x, **options)
    return seen[0]


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
    st.sampled_from(cells.names(given=False)),
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
