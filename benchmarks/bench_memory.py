"""The memory bench: which cell solves which problem by when, as a table and a picture.

    python benchmarks/bench_memory.py                                six problems, five cells, lags 20 and 60
    python benchmarks/bench_memory.py --markdown results/memory.md   also as a page

Every cell has the same units, layers, batches, learning rate and number of steps; nothing is tuned for one of them. There are
no published figures for these sizes; docs/guide/memory.md has what is known of the problems.
"""

import sys
import time
from pathlib import Path

import torch
from pairs import header
from report import Report, arguments

from recurra.cli.bench import shown
from recurra.tasks.memory import PROBLEMS, bench, draw
from recurra.tasks.memory.measure import CELLS

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "memory.png"


def main() -> int:
    parser = arguments(__doc__, threads=2, seed=1)
    parser.add_argument("--tasks", default=",".join(PROBLEMS))
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--lags", default="20,60")
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tasks, cells = options.tasks.split(","), options.cells.split(",")
    lags = [int(lag) for lag in options.lags.split(",")]
    report, began = Report(__doc__, options), time.monotonic()
    rows = bench(
        tasks,
        cells,
        lags,
        steps=options.steps,
        hidden_size=options.units,
        seed=options.seed,
        report=lambda row: print(row, flush=True),
    )
    minutes = (time.monotonic() - began) / 60
    draw(rows, options.picture)
    report.say(header())
    report.say(
        f"{options.units} units, 2 layers, batches of 32 new sequences, learning rate 0.003, at most {options.steps:,} steps,"
        f" seed {options.seed}; {minutes:.0f} minutes in all. Steps (seconds) until the error on 256 held-out sequences was at"
        " most 0.01, looked at every 50 steps; or no, and the lowest error."
    )
    columns, lines = shown(rows)
    report.table(*(f"{column:>16}" for column in columns))
    for line in lines:
        report.row(*line)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
