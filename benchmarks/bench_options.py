"""What each option costs: the same training step of one layer with and without it, in turns.

    python benchmarks/bench_options.py            about four minutes on two cores

64 rows, 100 steps, float32, LSTM and GRU of 128 and 256 units with as many inputs. Every row of the lengths is full, so
that the same work is done; what shorter rows save is in bench_ragged.py. Resets fall on one step in fifty of a row, at random.
Options that change the work itself (a projection, both directions) are printed beside the plain layer, and not judged.
"""

import sys

import torch
from layers import TIME
from pairs import header, milliseconds, paired, ratio
from report import Report, arguments

from recurra.nn import Recurrent

LIMIT, BATCH = 1.15, 64


def cases(hidden: int) -> dict[str, tuple[dict, dict]]:
    """For each name the options of the layer and of the call."""
    resets = torch.rand(TIME, BATCH) < 0.02
    return {
        "recurrent dropout 0.2": ({"recurrent_dropout": 0.2}, {}),
        "zoneout 0.1": ({"zoneout": 0.1}, {}),
        "lengths, all full": ({}, {"lengths": torch.full((BATCH,), TIME)}),
        "resets": ({}, {"resets": resets}),
        "all states": ({}, {"return_states": True}),
        "learned initial states": ({"learn_initial": True}, {}),
        "weight dropout 0.2": ({"weight_dropout": 0.2}, {}),
    }


def others(hidden: int) -> dict[str, tuple[dict, dict]]:
    """Options that make another layer of it."""
    return {
        f"projection to {hidden // 2}": ({"proj_size": hidden // 2}, {}),
        "both directions": ({"bidirectional": True}, {}),
        "no bias": ({"bias": False}, {}),
    }


def step(cell: str, hidden: int, options: dict, call: dict):
    """A training step as a function, and the backend that runs it."""
    torch.manual_seed(0)
    layer = Recurrent(cell, hidden, hidden, **options)
    x = torch.randn(TIME, BATCH, hidden, requires_grad=True)
    y = layer(x, **call)[0]
    dy = torch.randn_like(y)
    wanted = [x, *layer.parameters()]

    def run():
        return torch.autograd.grad(layer(x, **call)[0], wanted, dy, allow_unused=True)

    return run, layer.explain(x, **call).name


def main() -> int:
    parser = arguments(__doc__, quick=False, seconds=1.2, threads=[2, 1])
    parser.add_argument("--cells", nargs="+", default=["lstm", "gru"])
    options = parser.parse_args()
    report = Report(__doc__, options)
    report.say(header())
    report.table("threads", "cell", "hidden", "option                ", "backend", "plain ms", "with ms", "cost")
    for threads in options.threads:
        torch.set_num_threads(threads)
        for cell in options.cells:
            for hidden in (128,) if options.quick else (128, 256):
                plain, _ = step(cell, hidden, {}, {})
                judged = cases(hidden)
                for name, (settings, call) in (judged | others(hidden)).items():
                    if "proj_size" in settings and cell != "lstm":
                        continue
                    with_it, backend = step(cell, hidden, settings, call)
                    times = paired({"plain": plain, "with": with_it}, options.seconds)
                    cost = ratio(times["with"], times["plain"])
                    ms = [f"{milliseconds(times[way]):.2f}" for way in ("plain", "with")]
                    report.row(threads, cell, hidden, name, backend, *ms, f"{100 * (cost - 1):+.0f} %")
                    if name in judged:
                        words = f"{cell} of {hidden}, {name}, {threads} threads: {100 * (cost - 1):+.0f} %"
                        report.target(f"{words}, wanted at most +{100 * (LIMIT - 1):.0f} %", cost <= LIMIT)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
