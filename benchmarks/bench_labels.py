"""Labels for sequences with all defaults, beside MiniRocket, LSTM-FCN and logistic regression, on sets that packages have.

    python benchmarks/bench_labels.py                                    the half on which defaults are chosen
    python benchmarks/bench_labels.py --half report                      the half that is only reported: choose nothing by it
    python benchmarks/bench_labels.py digits-60 --seeds 5 --set validation=0 --set monitor=training
    python benchmarks/bench_labels.py PLAID --folds 3                    within the training part, which may choose

The halves below were fixed before the first run, but for PLAID, which came later. Series come from aeon and sktime
(`pip install aeon sktime`), or from their data folders (`--data`); the digits from scikit-learn, read as 8 steps of 8 numbers.
Times are CPU seconds. MiniRocket is aeon's, with its ridge classifier; LSTM-FCN is sktime's on PyTorch, with the settings that
it has by default, for sequences of one length. Without a package its rows are left out, and a line reports it. Logistic
regression and MiniRocket take sequences of unequal lengths with zeros behind, up to the longest of the training part.
"""

import functools
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from pairs import header
from report import Report, arguments, row_of
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recurra.fitting.split import held_out
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.classification.files import read_files

CHOOSE = ("digits-40", "digits-60", "digits-100", "digits-400", "UnitTest", "ArrowHead", "GunPoint")
"""What defaults are chosen by. digits-60: sixty digits to learn from, drawn again by each seed; the others are labelled."""
REPORT = (
    "ItalyPowerDemand", "OSULeaf", "BasicMotions", "JapaneseVowels", "PickupGestureWiimoteZ", "ACSF1", "PLAID", "digits-200",
)  # fmt: skip
"""What is only reported."""


class Labelled(NamedTuple):
    """Sequences, and their labels."""

    X: Any
    y: np.ndarray

    def take(self, numbers: np.ndarray) -> "Labelled":
        return Labelled([self.X[i] for i in numbers], self.y[numbers])


def load(name: str, seed: int, folders: list[Path]) -> list[Labelled]:
    """What to learn from, and what to label."""
    if name.startswith("digits-"):
        digits = load_digits()
        rows = Labelled(digits.images.astype(np.float32), digits.target)
        rest, train = held_out(len(rows.y), int(name.split("-")[1]), seed, rows.y)
        return [rows.take(train), rows.take(rest)]
    folder = next((one for one in folders if (one / name).is_dir()), None)
    if folder is None:
        raise SystemExit(f"no folder {name} in {', '.join(map(str, folders)) or 'any package'}; see --data")
    return [Labelled(*read_files(folder / name / f"{name}_{part}.ts")) for part in ("TRAIN", "TEST")]


def rounds(name: str, options: Any) -> Iterator[tuple[int, Labelled, Labelled]]:
    """Each seed, with what to learn from and what to label: the test part, or each fold of the training part in turn."""
    for seed in range(1, options.seeds + 1):
        train, test = load(name, seed, options.data)
        if not options.folds:
            yield seed, train, test
            continue
        for rest, fold in StratifiedKFold(options.folds, shuffle=True, random_state=seed).split(train.y, train.y):
            yield seed, train.take(rest), train.take(fold)


def logistic(seed: int, settings: dict):
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


@functools.cache
def compiled() -> None:
    """MiniRocket's first fit compiles it, and is not measured."""
    from aeon.classification.convolution_based import MiniRocketClassifier

    X, y = np.random.default_rng(0).normal(size=(8, 2, 20)), np.arange(8) % 2
    for part in (X, X[:, :1]):
        MiniRocketClassifier().fit(part, y).predict(part)


def minirocket(seed: int, settings: dict):
    from aeon.classification.convolution_based import MiniRocketClassifier

    compiled()
    return MiniRocketClassifier(random_state=seed)


def lstm_fcn(seed: int, settings: dict):
    from sktime.classification.deep_learning.lstmfcn import LSTMFCNClassifierTorch

    return LSTMFCNClassifierTorch(random_state=seed)


def channels(X: Any, steps: int) -> np.ndarray:
    """(sequences, features, steps), as others take them: shorter ones with zeros behind, longer ones cut."""
    rows = np.zeros((len(X), np.shape(X[0])[1], steps))
    for row, x in zip(rows, X, strict=True):
        row[:, : len(x)] = x[:steps].T
    return rows


class Model(NamedTuple):
    make: Callable[[int, dict], Any]
    form: Callable[[Any, int], Any]
    """How it takes sequences. steps: of the longest of the training part."""
    package: str | None = None
    ragged: bool = True
    """Whether sequences of unequal lengths are given to it."""


MODELS = {
    "recurra": Model(lambda seed, settings: SequenceClassifier(seed=seed, **settings), lambda X, steps: X),
    "logistic": Model(logistic, lambda X, steps: channels(X, steps).reshape(len(X), -1)),
    "minirocket": Model(minirocket, lambda X, steps: channels(X, max(steps, 9)), "aeon"),  # it refuses less than 9
    "lstm-fcn": Model(lstm_fcn, channels, "sktime", ragged=False),
}


def parsed(pairs: list[list[str]]) -> dict:
    """Settings of the classifier, from names and values. One that is not set by default is a whole number, or else a word."""
    known = {name: value for part in SequenceClassifier().parts.values() for name, value in vars(part).items()}
    of = {name: int if known[name] is None and value.isdigit() else type(known[name] or "") for name, value in pairs}
    return {name: of[name](value) for name, value in pairs}


def measure(name: str, kind: str, settings: dict, options: Any, report: Report) -> None:
    """A row: a model on a set."""
    model, scores, times = MODELS[kind], [], []
    for seed, train, test in rounds(name, options):
        lengths = [len(row) for row in train.X]
        if not model.ragged and len({*lengths, *map(len, test.X)}) > 1:
            report.say(f"{name}: {kind} is left out, as its sequences differ in length")
            return
        fitted = model.make(seed, settings)
        start = time.process_time()
        fitted.fit(model.form(train.X, max(lengths)), train.y)
        learned = time.process_time()
        scores.append(100 * np.mean(fitted.predict(model.form(test.X, max(lengths))) == test.y))
        times.append((learned - start, time.process_time() - learned))
    # Folds of one seed are one score.
    each = np.reshape(scores, (options.seeds, -1)).mean(1)
    fit, predict = np.mean(times, 0)
    report.row(name, kind, len(train.y), f"{each.mean():.1f}", fit, predict, " ".join(f"{one:.1f}" for one in each))


def main() -> None:
    parser = arguments(__doc__, threads=1)
    parser.add_argument("rows", nargs="*", type=row_of(CHOOSE + REPORT), help="sets; default: all of the half")
    parser.add_argument("--half", choices=("choose", "report"), default="choose")
    parser.add_argument("--models", nargs="+", choices=tuple(MODELS), default=list(MODELS))
    parser.add_argument(
        "--folds", type=int, help="cross-validate within the training parts, and leave the test parts alone"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the classifier")
    parser.add_argument("--data", type=Path, nargs="+", help="folders of sets; default: those of aeon and sktime")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = {name: importlib.util.find_spec(name) for name in ("aeon", "sktime")}
    options.data = options.data or [Path(spec.origin).parent / "datasets/data" for spec in found.values() if spec]
    settings = parsed([pair.split("=", 1) for pair in options.set])
    report = Report(__doc__, options)
    report.say(f"{header()}; settings: {settings or 'the defaults'}")
    for kind in options.models:
        if (package := MODELS[kind].package) and not found[package]:
            report.say(f"{package} is not installed: no rows of {kind}")
    kinds = [kind for kind in options.models if found.get(MODELS[kind].package, True)]
    report.table(
        "set" + " " * 18, "model" + " " * 5, "examples", "accuracy %", "fit s", "predict s", "each seed" + " " * 20
    )
    for name in options.rows or (CHOOSE if options.half == "choose" else REPORT):
        for kind in kinds:
            measure(name, kind, settings, options, report)
    sys.exit(report.end())


if __name__ == "__main__":
    main()
