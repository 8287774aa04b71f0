"""Probabilities and sets of labels: the loss with and without a temperature, and how often sets hold the right label.

    python benchmarks/bench_sets.py                     the half by which the choice of a temperature was made
    python benchmarks/bench_sets.py --half report       the half that is only reported: choose nothing by it
    python benchmarks/bench_sets.py authors --seeds 1

A tenth of the examples is held out, as by default: it chooses the weights, then the temperature and the sets. Real data is read
from RECURRA_DATA. A set holds the right label at least as often as the likeliest label alone is right.
"""

import sys
from collections.abc import Callable

import bench_classification as data
import numpy as np
import torch
from bench_labels import load
from pairs import header
from report import Report, arguments, row_of

from recurra.tasks.classification import SequenceClassifier

COVERAGES = (0.8, 0.9, 0.95)


def drawn(parts: Callable, count: int) -> Callable:
    """`count` of the examples to learn from and at most 4,000 to label, drawn by the seed."""

    def draw(seed: int):
        random = np.random.default_rng(seed)
        for (X, y), most in zip(parts(), (count, 4000), strict=True):
            chosen = random.permutation(len(y))[:most]
            yield [X[i] for i in chosen], np.asarray(y)[chosen]

    return draw


def images():
    """MNIST as 28 steps of 28 pixels."""
    return [(X.reshape(-1, 28, 28), y) for X, y in data.mnist(False)]


# name → examples by seed, settings beside the defaults
CHOOSE = {
    "digits-400": (lambda seed: load("digits-400", seed, None), {}),
    "digits-1000": (lambda seed: load("digits-1000", seed, None), {"epochs": 20}),
    "surnames": (drawn(data.surnames, 3000), {"epochs": 10}),
}
REPORT = {
    "authors": (drawn(data.authors, 3000), {"epochs": 10, "unit": "word"}),
    "mnist": (drawn(images, 1500), {"epochs": 8}),
    "vowels": (lambda seed: data.series("japanese_vowels/JapaneseVowels"), {"epochs": 30}),
}


def measured(model: SequenceClassifier, X: list, y: np.ndarray) -> list[float]:
    """Right %, the loss without and with the temperature, which it is; by coverage, sets with the right label in %, labels."""
    numbers, rows = model.targets(y), np.arange(len(y))
    scores, temperature = model._scores(X), model.learned.temperature
    found = [100 * (scores.argmax(1) == numbers).mean()]
    for one in (1.0, temperature):
        found.append(-torch.as_tensor(scores / one).log_softmax(1).numpy()[rows, numbers].mean())
    found.append(temperature)
    for coverage in COVERAGES:
        sets = model.predict_set(X, coverage)
        found += [
            100 * np.mean([label in one for label, one in zip(y, sets, strict=True)]),
            np.mean(list(map(len, sets))),
        ]
    return found


def main() -> None:
    parser = arguments(__doc__, threads=1)
    parser.add_argument("rows", nargs="*", type=row_of(CHOOSE | REPORT), help="sets; default: all of the half")
    parser.add_argument("--half", choices=("choose", "report"), default="choose")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report = Report(__doc__, options)
    report.say(f"{header()}; means of {options.seeds} seeds")
    sets = [f"{part} {100 * coverage:g}" for coverage in COVERAGES for part in ("in sets of", "labels of")]
    report.table("set" + " " * 9, "held out", "right %", "loss", "with T", "T", *sets)
    for name in options.rows or (CHOOSE if options.half == "choose" else REPORT):
        make, settings = (CHOOSE | REPORT)[name]
        found, held = [], 0
        for seed in range(1, options.seeds + 1):
            (X, y), others = make(seed)
            model = SequenceClassifier(seed=seed, **settings).fit(X, y)
            found.append(measured(model, *others))
            held = len(model.learned.held)
        means = np.mean(found, 0)
        report.row(name, held, *(f"{value:.3g}" for value in means))
        report.target(
            f"{name}: the temperature leaves the loss at {means[2]:.3f}, or lower than {means[1]:.3f}",
            means[2] <= means[1],
        )
        for coverage, inside in zip(COVERAGES, means[4::2], strict=True):
            words = f"{name}: {inside:.1f} % of the sets of {100 * coverage:g} % hold the right label, at most 3 points less"
            report.target(words, inside >= 100 * coverage - 3)
    sys.exit(report.end())


if __name__ == "__main__":
    main()
