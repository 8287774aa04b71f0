"""Cells of one's own: an LSTM written by a user beside the built-in one, layer norm inside it, a Python loop, compile times.

    python benchmarks/bench_cells.py                  about three minutes on two cores
    python benchmarks/bench_cells.py --compile        also the Python loop under torch.compile (minutes to compile)

Training steps of 100 steps in float32, inputs as wide as the hidden units. The Python loop is what one writes in PyTorch
without this package: the input's product for all steps at once, then a step of F.linear and F.layer_norm, in eager mode.
Compile times: a process of its own per measurement with an empty cache folder, then another one with the folder that
the first has filled; what counts is the first call less a later one, so it holds tracing, generating, compiling and loading.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial

import torch
from layers import OURS, TIME, check, train
from pairs import geometric_mean, header, milliseconds, paired, ratio
from report import Report, arguments
from torch import Tensor, nn
from torch.nn import functional as F

import recurra.nn
from recurra.cells import Cell
from recurra.expr import sigmoid, tanh

SIZES = [(1, 128), (16, 128), (64, 128), (64, 256)]
OWN, NORM, LOOP, COLD, CACHED = 1.05, 1.4, 4.0, 5.0, 0.05


class OwnLSTM(Cell):
    """The LSTM's equations as a user would write them; another class, so nothing made for the built-in one is used."""

    gates = "i f g o"
    states = "h c"

    def step(self, x, h, s):
        c = sigmoid(x.f + h.f) * s.c + sigmoid(x.i + h.i) * tanh(x.g + h.g)
        return s.next(h=sigmoid(x.o + h.o) * tanh(c), c=c)


class Loop(nn.Module):
    """The cell `layernorm-lstm` as a loop in PyTorch, with the weights of a layer of ours."""

    def __init__(self, layer: recurra.nn.Recurrent):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor):
        w = dict(self.layer.named_parameters())
        size = (self.layer.hidden_size,)
        a = F.linear(x, w["weight_ih_l0"], w["bias_ih_l0"])
        h = c = x.new_zeros(x.shape[1], *size)
        ys = []
        for step in a:
            gates = (step + F.linear(h, w["weight_hh_l0"], w["bias_hh_l0"])).chunk(4, 1)
            i, f, g, o = (
                F.layer_norm(gate, size, w[f"gain_{name}_l0"], w[f"shift_{name}_l0"])
                for name, gate in zip("ifgo", gates, strict=True)
            )
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * F.layer_norm(c, size, w["gain_c_l0"], w["shift_c_l0"]).tanh()
            ys.append(h)
        return torch.stack(ys), (h, c)


def layer_of(cell, hidden: int) -> recurra.nn.Recurrent:
    torch.manual_seed(0)
    return recurra.nn.Recurrent(cell, hidden, hidden)


def side_by_side(report: Report, threads: int, options) -> None:
    """Own LSTM, layer-norm LSTM and the loop, beside the built-in LSTM."""
    report.table(
        "threads", "batch", "hidden", "lstm ms", "own", "layer norm", "loop ms", "own/lstm", "norm/lstm", "loop/norm"
    )
    own, norm, loop = {}, {}, {}
    for batch, hidden in [(64, 128)] if options.quick else SIZES:
        layers = {"lstm": layer_of("lstm", hidden), "own": layer_of(OwnLSTM, hidden)}
        layers["norm"] = layer_of("layernorm-lstm", hidden)
        layers["loop"] = Loop(layers["norm"])
        x, dy = torch.randn(TIME, batch, hidden, requires_grad=True), torch.randn(TIME, batch, hidden)
        check(train(layers["own"], x, dy), train(layers["lstm"], x, dy))
        check(train(layers["norm"], x, dy)[:2], train(layers["loop"], x, dy)[:2])
        ways = {name: partial(train, layer, x, dy) for name, layer in layers.items()}
        times = paired(ways, options.seconds)
        own[batch, hidden], norm[batch, hidden] = (ratio(times[name], times["lstm"]) for name in ("own", "norm"))
        loop[batch, hidden] = ratio(times["loop"], times["norm"])
        shown = [f"{milliseconds(times[name]):.2f}" for name in layers]
        shown += [f"{one[batch, hidden]:.2f}" for one in (own, norm, loop)]
        report.row(threads, batch, hidden, *shown)
    for name, values, limit in (("a user's LSTM", own, OWN), ("layer-norm LSTM", norm, NORM)):
        mean, worst = geometric_mean(values.values()), max(values.values())
        words = f"{name}, {threads} threads: {mean:.2f} times the built-in LSTM's time in the mean, worst {worst:.2f}"
        report.target(f"{words}, wanted at most {limit}", mean <= limit)
    words = (
        f"layer-norm LSTM over the loop at batch 64, hidden 128, {threads} threads: {loop[64, 128]:.1f} times as fast"
    )
    report.target(f"{words} (worst {min(loop.values()):.1f}), wanted {LOOP}", loop[64, 128] >= LOOP)
    report.say(f"own LSTM ran on: {layers['own'].explain()}; layer norm on: {layers['norm'].explain()}")


def first_call() -> None:
    """In a child: seconds that the first training step of an own cell takes more than a later one."""
    layer = layer_of(OwnLSTM, 32)
    ready = layer_of("lstm", 32)  # PyTorch's own first times are not ours to count
    x, dy = torch.randn(10, 2, 32, requires_grad=True), torch.randn(10, 2, 32)
    train(ready, x, dy)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        train(layer, x, dy)
        seconds.append(time.perf_counter() - start)
    print(seconds[0] - statistics.median(seconds[1:]), layer.explain().name)


def compile_times(report: Report, runs: int) -> None:
    """Of an own cell: with an empty cache, and with a filled one."""

    def child(folder: str) -> float:
        command = [sys.executable, __file__, "--first-call"]
        environment = os.environ | {"RECURRA_CACHE": folder}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
        seconds, backend = done.stdout.split()
        backends.add(backend)
        return float(seconds)

    cold, cached, backends = [], [], set()
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            cold.append(child(folder))
            cached += [child(folder) for _ in range(3)]
    report.table("an own cell's first call", "median s", "worst s")
    for name, times, limit in (("empty cache", cold, COLD), ("filled cache", cached, CACHED)):
        middle = statistics.median(times)
        report.row(name, f"{middle:.3f}", f"{max(times):.3f}")
        words = f"first call, {name}, on {', '.join(backends)}: {middle:.3f} s"
        # Nothing is compiled where the reference runs, and that takes no time.
        report.target(f"{words}, wanted at most {limit} on cpu", middle <= limit and backends == {"cpu"})


def compiled_loop(report: Report) -> None:
    """What torch.compile makes of the loop, at batch 64 and 128 units."""
    norm = layer_of("layernorm-lstm", 128)
    loop = torch.compile(Loop(norm))
    x, dy = torch.randn(TIME, 64, 128, requires_grad=True), torch.randn(TIME, 64, 128)
    start = time.perf_counter()
    y, _ = loop(x)
    torch.autograd.grad(y, [x, *norm.parameters()], dy)
    seconds = time.perf_counter() - start

    def step():
        y, _ = loop(x)
        return torch.autograd.grad(y, [x, *norm.parameters()], dy)

    times = paired({"compiled": step, OURS: lambda: train(norm, x, dy)}, 5.0)
    report.table("torch.compile s", "then ms", f"{OURS} ms", "ratio")
    report.row(f"{seconds:.0f}", *(milliseconds(times[name]) for name in times), ratio(times["compiled"], times[OURS]))


def main() -> int:
    parser = arguments(__doc__, quick=False, seconds=1.2, threads=[2, 1])
    parser.add_argument("--compile", action="store_true", help="also the loop under torch.compile")
    parser.add_argument(
        "--first-call", action="store_true", help="measure one first call (what the script starts itself)"
    )
    options = parser.parse_args()
    if options.first_call:
        first_call()
        return 0
    report = Report(__doc__, options)
    report.say(header())
    for threads in options.threads:
        torch.set_num_threads(threads)
        side_by_side(report, threads, options)
    compile_times(report, 1 if options.quick else 3)
    if options.compile:
        compiled_loop(report)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
