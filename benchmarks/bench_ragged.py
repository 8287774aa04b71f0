"""Rows of unequal length: `lengths=` against torch.nn with a PackedSequence, and against the padded batch without lengths.

    python benchmarks/bench_ragged.py            about four minutes on two cores

Training step (forward and backward), 64 rows in no order, 64 inputs, 128 units. Packing and unpacking are part of PyTorch's
time, since a batch comes padded and its results are wanted padded. "One long" is one full row among rows of a tenth.
"""

import sys

import torch
from layers import GATES, check, pair
from pairs import geometric_mean, header, milliseconds, paired, ratio
from report import Report, arguments
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

SPREADS = ("all full", "0.9 to full", "half to full", "1 to full", "one long")
BATCH, INPUTS, UNITS = 64, 64, 128


def lengths_of(spread: str, time: int) -> torch.Tensor:
    if spread == "one long":
        lengths = torch.full((BATCH,), max(1, time // 10))
    else:
        least = {"all full": time, "0.9 to full": int(0.9 * time), "half to full": time // 2, "1 to full": 1}[spread]
        lengths = torch.randint(least, time + 1, (BATCH,))
    lengths[BATCH // 2] = time
    return lengths


def case(kind: str, time: int, spread: str, seconds: float) -> dict[str, list[float]]:
    torch.manual_seed(0)
    theirs, ours = pair(kind, INPUTS, UNITS)
    x, dy = torch.randn(time, BATCH, INPUTS, requires_grad=True), torch.randn(time, BATCH, UNITS)
    lengths = lengths_of(spread, time)

    def gradients(layer, y):
        return [y, *torch.autograd.grad(y, [x, *layer.parameters()], dy)]

    def packed():
        y, _ = theirs(pack_padded_sequence(x, lengths, enforce_sorted=False))
        return gradients(theirs, pad_packed_sequence(y)[0])

    ways = {
        "packed": packed,
        "lengths": lambda: gradients(ours, ours(x, lengths=lengths)[0]),
        "padded": lambda: gradients(theirs, theirs(x)[0]),
    }
    check(ways["lengths"](), ways["packed"]())
    return paired(ways, seconds)


def main() -> int:
    parser = arguments(__doc__, quick=False, seconds=1.2, threads=[2, 1])
    parser.add_argument("--kinds", nargs="+", choices=list(GATES), default=list(GATES))
    options = parser.parse_args()
    report = Report(__doc__, options)
    report.say(header())
    report.table("layer", "threads", "steps", "lengths      ", "packed ms", "lengths= ms", "over packed", "over padded")
    for threads in options.threads:
        torch.set_num_threads(threads)
        for kind in options.kinds:
            ratios = {}
            for time in (20,) if options.quick else (20, 200):
                for spread in SPREADS:
                    seconds = case(kind, time, spread, options.seconds)
                    packed, padded = (ratio(seconds[way], seconds["lengths"]) for way in ("packed", "padded"))
                    ms = [f"{milliseconds(seconds[way]):.2f}" for way in ("packed", "lengths")]
                    report.row(kind, threads, time, spread, *ms, f"{packed:.2f}", f"{padded:.2f}")
                    ratios[time, spread] = packed
            worst = min(ratios, key=ratios.get)
            words = f"{kind} with lengths= over PackedSequence, {threads} threads: mean {geometric_mean(ratios.values()):.2f}"
            at = f"worst {ratios[worst]:.2f} ({worst[0]} steps, {worst[1]}), wanted above 1"
            report.target(f"{words}, {at}", ratios[worst] > 1)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
