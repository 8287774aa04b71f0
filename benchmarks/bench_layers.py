"""One layer against torch.nn's: training step and forward, 16 sizes, LSTM, GRU and RNN, two threads and one.

    python benchmarks/bench_layers.py                      about eight minutes on two cores
    python benchmarks/bench_layers.py --quick --kinds GRU

100 steps, inputs as wide as the hidden units, float32; same weights and inputs on both sides, run in turns. A training step
is the forward pass and the gradients of x and of every weight; forward runs under torch.no_grad(). Before its times are
taken, each case's results are held against torch.nn's. Which code runs on PyTorch's side (seen with ONEDNN_VERBOSE=1): its
LSTM is oneDNN's primitive, the one with packed weights and vector code (brgemm) in inference and the reference (gemm) in
training; its GRU and RNN are PyTorch's own loops over time.
"""

import sys

import torch
from layers import GATES, OURS, QUICK, SIZES, TIME, Comparison, check, forward, pair, train
from pairs import header, paired
from report import Report, arguments

PEER = "torch.nn"
TARGETS = {
    ("LSTM", "training"): (1.6, 1.0),
    ("GRU", "training"): (3.5, 1.3),
    ("RNN", "training"): (3.5, 1.3),
    ("LSTM", "forward"): (1.3, 1.0),
    ("GRU", "forward"): (2.5, 1.0),
    ("RNN", "forward"): (2.5, 1.0),
}


def case(kind: str, mode: str, batch: int, hidden: int, seconds: float) -> dict[str, list[float]]:
    torch.manual_seed(0)
    theirs, ours = pair(kind, hidden, hidden)
    x = torch.randn(TIME, batch, hidden, requires_grad=True)
    dy = torch.randn(TIME, batch, hidden)
    if mode == "training":
        ways = {PEER: lambda: train(theirs, x, dy), OURS: lambda: train(ours, x, dy)}
        check(ways[OURS](), ways[PEER]())
    else:
        ways = {PEER: lambda: forward(theirs, x), OURS: lambda: forward(ours, x)}
        check([ways[OURS]()], [ways[PEER]()])
    return paired(ways, seconds)


def main() -> int:
    parser = arguments(__doc__, quick=False, seconds=1.2, threads=[2, 1])
    parser.add_argument("--kinds", nargs="+", choices=list(GATES), default=list(GATES))
    parser.add_argument("--modes", nargs="+", choices=["training", "forward"], default=["training", "forward"])
    options = parser.parse_args()
    report = Report(__doc__, options)
    report.say(header())
    comparison = Comparison(report, PEER)
    for threads in options.threads:
        torch.set_num_threads(threads)
        for kind in options.kinds:
            for mode in options.modes:
                for size in QUICK if options.quick else SIZES:
                    comparison.add(kind, mode, threads, size, case(kind, mode, *size, options.seconds))
    for kind in options.kinds:
        report.say(f"{kind} ran on: {pair(kind, 8, 8)[1].explain()}")
    comparison.summary(TARGETS)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
