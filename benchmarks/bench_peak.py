"""How close to the machine's limits: multiply-adds in training steps, bf16 over float32, and scans against copying.

    python benchmarks/bench_peak.py            about four minutes on two cores; needs a C++ compiler

The limits are measured in the same run, in turns with what is held against them: float32 multiply-adds that stay in
registers (peak.cpp), and copies of memory. Training steps: 100 steps, inputs as wide as the hidden units; only the matrix
products count as operations. A cell without a recurrent matrix is a scan: its
gates are written and read once and its outputs written, and these bytes over the time of the whole layer are its bandwidth,
beside a copy's (memcpy, reads and writes counted). Outputs of 16 MB are past the caches. Longer ones, of 64 MB, are printed
but not judged: PyTorch takes such memory from the system again in every call, and the page faults cost more than the work;
the column `fresh` is a copy that has to do the same.
"""

import ctypes
import sys
from functools import partial

import torch
from compiled import load
from layers import GATES, OURS, TIME, forward, operations, pair, train
from pairs import header, milliseconds, paired, ratio
from report import Report, arguments

import recurra.nn

SHARE, BF16, BANDWIDTH = 0.75, 1.6, 0.8
SIZES = [(batch, hidden) for batch in (64, 256) for hidden in (256, 512)]
SCANS = {"mingru": 2, "minlstm": 3}


def limits() -> ctypes.CDLL:
    found = load("peak.cpp", "-ffp-contract=fast")
    for function in (found.peak_float32, found.peak_bf16):
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_int, ctypes.c_long]
    found.copy.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]
    found.copy.restype = None
    return found


def peaks(found: ctypes.CDLL, report: Report, threads: int, seconds: float) -> None:
    """The limits by themselves."""
    size, rounds = 1 << 27, 1 << 20
    here, there = torch.zeros(size // 4), torch.zeros(size // 4)
    ways = {
        "float32": partial(found.peak_float32, threads, rounds),
        "bf16": partial(found.peak_bf16, threads, rounds),
        "copy": partial(found.copy, threads, here.data_ptr(), there.data_ptr(), size),
    }
    work = {"float32": ways["float32"](), "bf16": ways["bf16"](), "copy": 2 * size}
    times = paired(ways, seconds)
    best = {name: work[name] / min(times[name]) / 1e9 for name in ways}
    middle = {name: work[name] / milliseconds(times[name]) / 1e6 for name in ways}
    report.table("threads", "measure", "unit", "median", "best")
    for name, unit in dict(float32="GFLOP/s", bf16="GFLOP/s", copy="GB/s").items():
        report.row(threads, name, unit, f"{middle[name]:.1f}", f"{best[name]:.1f}")


def shares(found: ctypes.CDLL, report: Report, threads: int, options) -> None:
    """Training steps beside the peak."""
    rounds = 1 << 20
    per_call = found.peak_float32(threads, 1) * rounds
    report.table("layer", "threads", "batch", "hidden", "peak", "torch.nn", OURS, "torch share", "share")
    for kind in options.kinds:
        reached = {}
        for batch, hidden in SIZES[:1] if options.quick else SIZES:
            torch.manual_seed(0)
            theirs, ours = pair(kind, hidden, hidden)
            x = torch.randn(TIME, batch, hidden, requires_grad=True)
            dy = torch.randn(TIME, batch, hidden)
            ways = {
                "peak": partial(found.peak_float32, threads, rounds),
                "torch.nn": partial(train, theirs, x, dy),
                OURS: partial(train, ours, x, dy),
            }
            times = paired(ways, options.seconds)
            work = operations(kind, batch, hidden, training=True)
            share = {name: ratio(times["peak"], times[name]) * work / per_call for name in ("torch.nn", OURS)}
            speed = [per_call / milliseconds(times["peak"]) / 1e6]
            speed += [work / milliseconds(times[name]) / 1e6 for name in ("torch.nn", OURS)]
            shown = [f"{value:.0f}" for value in speed] + [f"{100 * value:.0f} %" for value in share.values()]
            report.row(kind, threads, batch, hidden, *shown)
            reached[batch, hidden] = share[OURS]
        where = min(reached, key=reached.get)
        words = f"{kind} training, {threads} threads: at worst {100 * reached[where]:.0f} % of the peak, at batch {where[0]}"
        report.target(f"{words}, hidden {where[1]}, wanted {100 * SHARE:.0f} %", reached[where] >= SHARE)


def half(report: Report, threads: int, options) -> None:
    """bf16 weights, inputs and outputs against float32, at 512 units."""
    report.table("layer", "threads", "batch", "hidden", "float32 ms", "bf16 ms", "ratio", "torch ratio")
    for kind in options.kinds:
        gains = []
        for batch, hidden in [(64, 512)] if options.quick else [(64, 512), (256, 512)]:
            ways = {}
            for name, layer in zip(("torch.nn", OURS), pair(kind, hidden, hidden), strict=True):
                if name == "torch.nn" and kind != "LSTM":
                    continue  # PyTorch's other layers are slower in bf16
                for dtype in (torch.float32, torch.bfloat16):
                    x = torch.randn(TIME, batch, hidden, dtype=dtype, requires_grad=True)
                    dy = torch.randn(TIME, batch, hidden, dtype=dtype)
                    copy = type(layer)(hidden, hidden, dtype=dtype)
                    ways[name, dtype] = partial(train, copy, x, dy)
            times = paired(ways, options.seconds)
            gain = {
                name: ratio(times[name, torch.float32], times[name, torch.bfloat16])
                for name in ("torch.nn", OURS)
                if (name, torch.float32) in times
            }
            ms = [f"{milliseconds(times[OURS, dtype]):.1f}" for dtype in (torch.float32, torch.bfloat16)]
            report.row(kind, threads, batch, hidden, *ms, gain[OURS], gain.get("torch.nn", "-"))
            gains.append(gain[OURS])
        words = f"{kind} training in bf16 over float32 at 512 units, {threads} threads: worst {min(gains):.2f}"
        report.target(f"{words}, wanted {BF16}", min(gains) >= BF16)


def scans(found: ctypes.CDLL, report: Report, threads: int, options) -> None:
    """minGRU and minLSTM, whose time goes into memory: bytes a second of the layer beside those of a copy."""
    report.table("cell", "mode", "threads", "y, MB", "ms", "GB/s", "copy", "fresh", "share")
    batch, hidden, inputs, block = 64, 256, 8, 1 << 27
    here, there = torch.zeros(block // 4), torch.zeros(block // 4)
    for cell, gates in SCANS.items():
        for mode in ("forward", "training"):
            for time in (256, 1024):
                layer = recurra.nn.Recurrent(cell, inputs, hidden)
                x, dy = torch.randn(time, batch, inputs), torch.randn(time, batch, hidden)
                size = dy.numel() * dy.element_size()
                ways = {
                    "copy": partial(found.copy, threads, here.data_ptr(), there.data_ptr(), block),
                    "fresh": dy.clone,
                }
                if mode == "forward":
                    ways[OURS] = partial(forward, layer, x)
                else:
                    ways[OURS] = partial(train, layer, x.requires_grad_(), dy)
                times = paired(ways, options.seconds)
                # In units of y: gates written and read, y written; then dy, gates and y read, gates' gradients written
                # and read, by the two products that end in dx and dW_x.
                count = 2 * gates + 1 if mode == "forward" else (2 * gates + 1) + (1 + gates + 1) + 3 * gates
                moved = {"copy": 2 * block, "fresh": 2 * size, OURS: count * size}
                speed = [f"{moved[name] / milliseconds(times[name]) / 1e6:.1f}" for name in (OURS, "copy", "fresh")]
                share = ratio(times["copy"], times[OURS]) * moved[OURS] / moved["copy"]
                ms = f"{milliseconds(times[OURS]):.2f}"
                report.row(cell, mode, threads, size >> 20, ms, *speed, f"{100 * share:.0f} %")
                if time == 256:
                    words = f"{cell} {mode}, {threads} threads: {100 * share:.0f} % of the copy's bandwidth"
                    report.target(f"{words}, wanted {100 * BANDWIDTH:.0f} %", share >= BANDWIDTH)


def main() -> int:
    parser = arguments(__doc__, quick=False, seconds=1.2, threads=[2, 1])
    parser.add_argument("--kinds", nargs="+", choices=list(GATES), default=list(GATES))
    options = parser.parse_args()
    found, report = limits(), Report(__doc__, options)
    report.say(header())
    for threads in options.threads:
        torch.set_num_threads(threads)
        peaks(found, report, threads, options.seconds)
        shares(found, report, threads, options)
        half(report, threads, options)
        scans(found, report, threads, options)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
