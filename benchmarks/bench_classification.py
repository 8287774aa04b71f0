"""Labels for sequences and for their steps, on real data, beside published results.

    python benchmarks/bench_classification.py                            the quick rows, some minutes on two cores
    python benchmarks/bench_classification.py sequential permuted        MNIST pixel by pixel: each a quarter of an hour
    python benchmarks/bench_classification.py sequential --runs runs     the same, kept: the same command resumes after a stop
    python benchmarks/bench_classification.py authors --picture a.png    draws the attention over words

Real data is read from RECURRA_DATA. Settings were picked by judgement, without a search; a test part is read once, at
the end, by the weights that were best on the held-out part, or the last ones where nothing is held out (`validation` 0).
"""

import gzip
import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch
from pairs import header
from report import Report, arguments, row_of

from recurra.fitting.split import held_out
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.classification.files import read_files
from recurra.tasks.tagging import SequenceTagger, span_f1

DATA = Path(os.environ.get("RECURRA_DATA", Path(__file__).parents[2] / "shared/data"))

# Data: each gives (train X, train y), (test X, test y)


def series(stem: str):
    return [read_files(DATA / f"{stem}_{part}.ts") for part in ("TRAIN", "TEST")]


def mnist(permuted: bool):
    """784 steps of one pixel each; permuted: the pixels of all images in one random order, that of seed 0."""
    order = np.random.default_rng(0).permutation(784) if permuted else np.arange(784)

    def read(name: str, kind: str, header: int) -> np.ndarray:
        with gzip.open(DATA / "mnist" / f"{name}-{kind}-ubyte.gz") as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    parts = []
    for name in ("train", "t10k"):
        images = read(name, "images-idx3", 16).reshape(-1, 784)[:, order, None].astype(np.float32) / 255
        parts.append((images, read(name, "labels-idx1", 8).astype(np.int64)))
    return parts


def surnames():
    """A fifth of each nationality for the test, drawn with seed 0; a name that a nationality has twice counts once."""
    X, y = read_files(DATA / "names")
    pairs = sorted(set(zip(X, y.tolist(), strict=True)))
    X, y = [name for name, _ in pairs], np.array([kind for _, kind in pairs])
    return [([X[i] for i in part], y[part]) for part in held_out(len(y), 0.2, 0, y)]


BOOKS = {"Shakespeare": "tinyshakespeare/input.txt", "Tolstoy": "war_and_peace/warpeace_input.txt"}


def words_of(book: str) -> list[str]:
    """Small letters only: neither punctuation, nor capitals, nor the layout of a play tells the two apart."""
    text = (DATA / BOOKS[book]).read_text("utf-8-sig").lower()
    text = re.sub(r"^[a-z ]+:$", "", text, flags=re.M)  # who speaks
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text)


def authors(length: int = 12):
    """Passages of twelve words and who wrote them; the last fifth of each book is for the test."""
    parts: list[tuple[list[str], list[str]]] = [([], []), ([], [])]
    for book in BOOKS:
        words = words_of(book)[:120_000]
        passages = [" ".join(words[at : at + length]) for at in range(0, len(words) - length, length)]
        cut = len(passages) * 4 // 5
        for (X, y), chosen in zip(parts, (passages[:cut], passages[cut:]), strict=True):
            X += chosen
            y += [book] * len(chosen)
    return parts


def unspaced(length: int = 12):
    """Twelve words of War and Peace without the spaces, and where a word begins; the last fifth is for the test."""
    words = words_of("Tolstoy")[:100_000]
    passages = [words[at : at + length] for at in range(0, len(words) - length, length)]
    cut = len(passages) * 4 // 5
    labels = [[label for word in row for label in "B" + "I" * (len(word) - 1)] for row in passages]
    texts = ["".join(row) for row in passages]
    return [(texts[:cut], labels[:cut]), (texts[cut:], labels[cut:])]


PIXELS = {
    "bidirectional": False,
    "hidden_size": 150,
    "batch_size": 64,
    "validation": 1 / 12,
    "dropout": 0.1,
    "epochs": 6,
    "precision": "bfloat16",
}
BAI = "Bai et al. 2018, 70K parameters: LSTM 87.2, GRU 96.2, RNN 21.5"
BAI_PERMUTED = "Bai et al. 2018, 70K parameters: LSTM 85.7, GRU 87.3, RNN 25.3"
SMALL = {"validation": 0.0, "batch_size": 16, "dropout": 0.3, "convolutions": 0}

# name → data, settings, seeds, published (% of the test part)
ROWS = {
    "japanese vowels": (
        lambda: series("japanese_vowels/JapaneseVowels"),
        SMALL | {"pooling": "mean", "epochs": 60},
        3,
        "LSTM-FCN 99, FCN 99.3, TWIESN 96.5, MLP 97.6",
    ),
    "gunpoint": (
        lambda: series("gunpoint/GunPoint"),
        SMALL | {"pooling": "max", "epochs": 300},
        3,
        "LSTM-FCN 100, TWIESN 96.1, MLP 92.7",
    ),
    "arrowhead": (
        lambda: series("arrowhead/ArrowHead"),
        SMALL | {"pooling": "max", "epochs": 300},
        3,
        "ALSTM-FCN 92.6, LSTM-FCN 90.9, TWIESN 65.9, MLP 77.8",
    ),
    "surnames": (surnames, {"epochs": 12, "dropout": 0.4, "hidden_size": 192}, 1, "none found"),
    "authors": (
        authors,
        {"unit": "word", "min_count": 2, "pooling": "attention", "epochs": 4, "dropout": 0.4, "input_dropout": 0.2},
        1,
        "none: our split",
    ),
    "sequential": (lambda: mnist(False), PIXELS | {"pooling": "max", "lr": 6e-3}, 1, BAI),
    "permuted": (lambda: mnist(True), PIXELS | {"pooling": "last", "lr": 2e-2, "hidden_size": 176}, 1, BAI_PERMUTED),
    "permuted, 70K": (lambda: mnist(True), PIXELS | {"pooling": "last", "lr": 2e-2}, 1, BAI_PERMUTED),
    "unspaced": (unspaced, {"epochs": 4}, 1, "none: our split"),
    "unspaced, crf": (unspaced, {"epochs": 4, "crf": True}, 1, "none: our split"),
}
QUICK = [name for name in ROWS if not name.startswith(("sequential", "permuted"))]


def fitted(name: str, settings: dict, seed: int, train, runs: Path | None):
    """The estimator of a row, fitted; with `runs`, in a folder there, resumed where that exists."""
    estimator = SequenceTagger if name.startswith("unspaced") else SequenceClassifier
    out = runs and runs / f"{name}-{seed}"
    if out and (out / "state.safetensors").exists():
        return estimator.resume(out, *train, quiet=False)
    return estimator(seed=seed, **settings).fit(*train, out=out, quiet=runs is None)


def picture(model: SequenceClassifier, texts: list[str], labels: list[str], path: Path) -> None:
    """Passages with each word's background as dark as its part of the attention."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colours = dict(zip(model.classes_, ("tab:blue", "tab:orange"), strict=True))
    found, sure = model.predict(texts), model.predict_proba(texts).max(1)
    figure = Figure(figsize=(11, 0.42 * len(texts) + 0.5), dpi=110)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 110), ylim=(-len(texts), 0.6))
    axes.axis("off")
    axes.text(1, 0, "written by → recognised as, and how surely; the darker a word, the more it counted", fontsize=9)
    for row, (words, weights) in enumerate(zip(model.tokens(texts), model.step_weights(texts), strict=True), 1):
        y = -row + 0.15
        axes.text(1, y, f"{labels[row - 1]} → {found[row - 1]} {sure[row - 1]:.0%}", fontsize=9, family="monospace")
        x = 31.0
        for word, weight in zip(words, weights, strict=True):
            shade = {"facecolor": colours[found[row - 1]], "alpha": min(1.0, float(weight) * 2), "pad": 1.5, "lw": 0}
            axes.text(x, y, word, fontsize=9, family="monospace", bbox=shade)
            x += 0.88 * (len(word) + 1)
    FigureCanvasAgg(figure).print_png(path)


def main() -> None:
    parser = arguments(__doc__, threads=2)
    parser.add_argument("rows", nargs="*", type=row_of(ROWS), help=f"default: the quick ones, {', '.join(QUICK)}")
    parser.add_argument("--runs", type=Path, help="keep the runs in this folder, and resume those that are there")
    parser.add_argument("--picture", type=Path, help="draw the attention of the row authors into this file")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report = Report(__doc__, options)
    report.say(header())
    columns = (
        "row" + " " * 12,
        "cell, pooling" + " " * 10,
        "parameters",
        "seeds",
        "minutes",
        "test %",
        "each seed" + " " * 10,
    )
    report.table(*columns, "published %")
    for name in options.rows or QUICK:
        load, settings, seeds, published = ROWS[name]
        train, test = load()
        scores, began = [], time.perf_counter()
        for seed in range(1, seeds + 1):
            model = fitted(name, settings, seed, train, options.runs)
            scores.append(100 * model.score(*test))
        minutes = (time.perf_counter() - began) / 60 / seeds
        size = f"{sum(p.numel() for p in model.model.parameters()):,}"
        cell = "bidirectional " * model.bidirectional + model.cell
        form = ", ".join([cell, "crf" if settings.get("crf") else getattr(model, "pooling", "steps")])
        each = " ".join(f"{score:.2f}" for score in scores)
        report.row(name, form, size, seeds, minutes, f"{np.mean(scores):.2f}", each, published)
        if name.startswith("unspaced"):
            report.say(f"{name}: F1 of whole words {100 * span_f1(test[1], model.predict(test[0])):.2f} %")
        if name == "authors" and options.picture:
            chosen = np.random.default_rng(0).permutation(len(test[0]))[:12]
            picture(model, [test[0][i] for i in chosen], [test[1][i] for i in chosen], options.picture)
    sys.exit(report.end())


if __name__ == "__main__":
    main()
