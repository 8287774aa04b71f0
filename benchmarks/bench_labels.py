"""Labels for sequences with all defaults, beside MiniRocket and logistic regression, on sets that packages bring along.

    python benchmarks/bench_labels.py                                    the half on which defaults are chosen
    python benchmarks/bench_labels.py --half report                      the half that is only reported: choose nothing by it
    python benchmarks/bench_labels.py digits-60 --seeds 5 --set validation=0 --set monitor=training

The halves below were fixed before the first run. Series come from aeon (`pip install aeon`), or from its data folder
(`--data`); the digits from scikit-learn, read as 8 steps of 8 numbers. Times are CPU seconds. MiniRocket is aeon's, with its
ridge classifier; without aeon those rows are left out, and a line reports it.
"""

import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
import torch
from pairs import header
from report import Report, arguments, row_of
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recurra.fitting.split import held_out
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.classification.files import read_files

CHOOSE = ("digits-40", "digits-60", "digits-100", "digits-400", "UnitTest", "ArrowHead", "GunPoint")
"""What defaults are chosen by. digits-60: sixty digits to learn from, drawn again by each seed; the others are labelled."""
REPORT = (
    "ItalyPowerDemand", "OSULeaf", "BasicMotions", "JapaneseVowels", "PickupGestureWiimoteZ", "ACSF1", "digits-200",
)  # fmt: skip
"""What is only reported."""


def load(name: str, seed: int, folder: Path):
    """(X, y) to learn from and (X, y) to label."""
    if name.startswith("digits-"):
        digits = load_digits()
        X, y = digits.images.astype(np.float32), digits.target
        rest, train = held_out(len(y), int(name.split("-")[1]), seed, y)
        return (X[train], y[train]), (X[rest], y[rest])
    return [read_files(folder / name / f"{name}_{part}.ts") for part in ("TRAIN", "TEST")]


def logistic(seed: int, settings: dict):
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def minirocket(seed: int, settings: dict):
    from aeon.classification.convolution_based import MiniRocketClassifier

    return MiniRocketClassifier(random_state=seed)


MODELS = {
    "recurra": (lambda seed, settings: SequenceClassifier(seed=seed, **settings), lambda X: X),
    "logistic": (logistic, lambda X: np.stack(X).reshape(len(X), -1)),
    "minirocket": (minirocket, lambda X: np.stack(X).transpose(0, 2, 1)),
}
"""Each: how it is made, and how it takes sequences."""


def parsed(pairs: list[str]) -> dict:
    """Settings of the classifier, from name=value."""
    known = {name: value for part in SequenceClassifier().parts.values() for name, value in vars(part).items()}
    return {name: type(known[name])(value) for name, value in (pair.split("=", 1) for pair in pairs)}


def main() -> None:
    parser = arguments(__doc__, threads=1)
    parser.add_argument("rows", nargs="*", type=row_of(CHOOSE + REPORT), help="sets; default: all of the half")
    parser.add_argument("--half", choices=("choose", "report"), default="choose")
    parser.add_argument("--models", nargs="+", choices=tuple(MODELS), default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the classifier")
    parser.add_argument("--data", type=Path, help="aeon's datasets/data; default: that of the aeon installed here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = importlib.util.find_spec("aeon")
    folder = options.data or (Path(found.origin).parent / "datasets/data" if found else Path("aeon"))
    settings = parsed(options.set)
    report = Report(__doc__, options)
    report.say(f"{header()}; settings: {settings or 'the defaults'}")
    if found is None and "minirocket" in options.models:
        report.say("aeon is not installed: no rows of MiniRocket")
    report.table(
        "set" + " " * 18, "model" + " " * 5, "examples", "accuracy %", "fit s", "predict s", "each seed" + " " * 20
    )
    for name in options.rows or (CHOOSE if options.half == "choose" else REPORT):
        for kind in options.models:
            if kind == "minirocket" and found is None:
                continue
            make, form = MODELS[kind]
            scores, times = [], []
            for seed in range(1, options.seeds + 1):
                (X, y), (others, labels) = load(name, seed, folder)
                if kind != "recurra" and len({len(row) for row in [*X, *others]}) > 1:
                    break
                start = time.process_time()
                model = make(seed, settings).fit(form(X), y)
                fitted = time.process_time()
                scores.append(100 * np.mean(model.predict(form(others)) == labels))
                times.append((fitted - start, time.process_time() - fitted))
            if not scores:
                report.say(f"{name}: {kind} is left out, as its sequences differ in length")
                continue
            fit, predict = np.mean(times, 0)
            each = " ".join(f"{score:.1f}" for score in scores)
            report.row(name, kind, len(y), f"{np.mean(scores):.1f}", fit, predict, each)
    sys.exit(report.end())


if __name__ == "__main__":
    main()
