"""Sequences with missing values: GRU, whose gaps hold the last value beside a mask, and GRU-D, where value and state also fade.

    python benchmarks/bench_missing.py                       digits and GunPoint, by which the start of the decay was chosen
    python benchmarks/bench_missing.py --half report         Japanese Vowels: choose nothing by it
    python benchmarks/bench_missing.py --cells gru cfc --seeds 1

To choose by: 400 digits of scikit-learn to learn from, 1,397 to label, as 8 steps of 8 numbers; and GunPoint, 50 and 150 series
of 150 steps. To report: Japanese Vowels, 270 and 370 series of 7 to 29 steps of 12 numbers. GunPoint and the vowels come from
RECURRA_DATA. So many percent of the numbers are removed at random, or of the steps whole, both of what is learned from and of
what is labelled; the cells get the same gaps. All defaults but 60 epochs. Percent that are right and the loss in nats are of
what is labelled, as the mean over the seeds; seconds are of the processor, for fit.
"""

import itertools
import sys
import time

import numpy as np
import torch
from bench_classification import series
from bench_labels import load
from pairs import header
from report import Report, arguments

from recurra.tasks.classification import SequenceClassifier

KINDS = ("numbers", "steps")
SETS = {
    "choose": {
        "digits": lambda seed: load("digits-400", seed, None),
        "gunpoint": lambda seed: series("gunpoint/GunPoint"),
    },
    "report": {"vowels": lambda seed: series("japanese_vowels/JapaneseVowels")},
}
"""(X, y) to learn from and (X, y) to label, by half, name and seed."""


def holed(X: list[np.ndarray], kind: str, part: float, random: np.random.Generator) -> list[np.ndarray]:
    """The sequences with NaN for a part of the numbers, or of the steps; each keeps a value."""
    found = []
    for row in X:
        gone = random.random(row.shape if kind == "numbers" else (len(row), 1)) < part
        if gone.all():
            gone[random.integers(len(row))] = False
        found.append(np.where(gone, np.nan, row))
    return found


def measured(cell: str, train: tuple, test: tuple, seed: int, epochs: int) -> tuple[float, float, float]:
    """Percent right, the loss in nats, and CPU seconds of `fit`."""
    start = time.process_time()
    model = SequenceClassifier(cell=cell, epochs=epochs, seed=seed).fit(*train)
    seconds = time.process_time() - start
    y, chances = test[1], model.predict_proba(test[0])
    right = np.searchsorted(model.classes_, y)
    return (
        100 * (chances.argmax(1) == right).mean(),
        float(-np.log(chances[np.arange(len(y)), right].clip(1e-12)).mean()),
        seconds,
    )


def main() -> None:
    parser = arguments(__doc__, threads=1)
    parser.add_argument("--half", choices=tuple(SETS), default="choose")
    parser.add_argument("--cells", nargs="+", default=["gru", "gru-d"])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--percent", nargs="+", type=int, default=[0, 20, 50, 80])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report = Report(__doc__, options)
    report.say(header())
    report.table("set", "removed       ", "cell", "right %", "each seed      ", "loss, nats", "s")
    for (name, load_set), kind, percent in itertools.product(
        SETS[options.half].items(), options.kinds, options.percent
    ):
        if kind != options.kinds[0] and (not percent or load_set(1)[0][0][0].shape[1] == 1):
            continue  # the same as the first kind
        found = {cell: [] for cell in options.cells}
        for seed in range(1, options.seeds + 1):
            random = np.random.default_rng(seed)
            parts = [(holed(X, kind, percent / 100, random), y) for X, y in load_set(seed)]
            for cell, runs in found.items():
                runs.append(measured(cell, *parts, seed, options.epochs))
        for cell, runs in found.items():
            right, loss, seconds = np.mean(runs, 0)
            each = " ".join(f"{run[0]:.1f}" for run in runs)
            report.row(name, f"{percent} % of {kind}", cell, f"{right:.1f}", each, f"{loss:.3f}", f"{seconds:.0f}")
    sys.exit(report.end())


if __name__ == "__main__":
    main()
