"""Four kinds of attention in one translator, and none: dates, and how long a word can be reversed, as a table and a picture.

    python benchmarks/bench_attention.py                    twenty minutes on one core
    python benchmarks/bench_attention.py general none       some kinds

Every row is the same encoder and decoder, `Translator`'s defaults, seed and pairs, as often through them. Words of random
letters, 2 to 20 long, are to be reversed: to write the first letter, the last has to be kept, or looked up. Each is scored on
words that it has not learned from, by length, up to 30 letters, which is longer than any that it has seen. Bahdanau, Cho &
Bengio 2015 (arXiv:1409.0473, figure 2) showed the same of sentences: without attention, long ones are lost.
"""

import sys
import time
from collections import defaultdict
from pathlib import Path

import torch
from pairs import header
from report import Report, arguments, row_of

from recurra.tasks.translation import Translator, dates, reversed_words

KINDS = ("none", "dot", "general", "additive", "multi-head")
PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
DRAWN = "general"  # the kind whose looks are drawn
LONGEST, FURTHER = 20, 30
GROUPS = ((2, 8), (9, 14), (15, LONGEST), (LONGEST + 1, FURTHER))


def unseen(pairs: list, known: list) -> list:
    """Those pairs whose translation is none of the known ones."""
    targets = {target for _, target in known}
    return [pair for pair in pairs if pair[1] not in targets]


def learn(kind: str, pairs: list, options) -> tuple[Translator, float]:
    began = time.perf_counter()
    settings = {"cell": options.cell, "attention": kind, "epochs": options.epochs, "seed": options.seed}
    plain = {"dropout": 0.1, "token_dropout": 0.0, "label_smoothing": 0.0, "monitor": "validation", "validation": 0.1}
    size = {"unit": "character", "min_count": 1, "hidden_size": 128, "embedding_size": 64}
    return Translator(**settings, **plain, **size).fit(pairs), time.perf_counter() - began


def by_length(model: Translator, words: list) -> dict[int, list[bool]]:
    """Whether each word came out right, by its number of letters."""
    found = defaultdict(list)
    for (word, wanted), output in zip(words, model.translate([word for word, _ in words], beam=1), strict=True):
        found[len(word)].append(output == wanted)
    return dict(sorted(found.items()))


def draw(curves: dict[str, dict[int, list[bool]]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    for kind, found in curves.items():
        shares = [100 * sum(right) / len(right) for right in found.values()]
        axes.plot(
            list(found), shares, "--" if kind == "none" else "-", label="no attention" if kind == "none" else kind
        )
    axes.axvline(LONGEST, color="0.6", lw=1)
    axes.annotate("the longest learned from", (LONGEST, 30), (LONGEST + 0.3, 30), color="0.4", fontsize=8)
    axes.set_xlabel("letters in the word")
    axes.set_ylabel("reversed without a fault, %")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=9)
    figure.savefig(path)


def main() -> int:
    parser = arguments(__doc__, threads=1, seed=1)
    parser.add_argument("kinds", nargs="*", type=row_of(KINDS), help=f"of {', '.join(KINDS)}; default all")
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=40_000)
    parser.add_argument("--pictures", type=Path, default=PICTURES, metavar="FOLDER", help="where they are drawn")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report, curves = Report(__doc__, options), {}
    report.say(header())
    report.say(f"{options.cell}, {options.pairs:,} pairs of each sort, {options.epochs} epochs; % right, greedy")
    report.table(
        "attention   ", "parameters", "dates", *(f"{a} to {b} letters" for a, b in GROUPS), "seconds, dates", "words"
    )
    learned = {
        "dates": dates(options.pairs, seed=1),
        "words": reversed_words(options.pairs, seed=1, longest=LONGEST),
    }
    fresh = {
        "dates": unseen(dates(5000, seed=2), learned["dates"]),
        "words": unseen(reversed_words(6000, seed=2, longest=FURTHER), learned["words"]),
    }
    for kind in options.kinds or KINDS:
        on_dates, first = learn(kind, learned["dates"], options)
        model, seconds = learn(kind, learned["words"], options)
        found = curves[kind] = by_length(model, fresh["words"])
        groups = [[right for n, one in found.items() if a <= n <= b for right in one] for a, b in GROUPS]
        shares = [f"{100 * sum(right) / len(right):.1f}" for right in groups]
        size = sum(p.numel() for p in model.model.parameters())
        report.row(
            kind,
            f"{size:,}",
            f"{100 * on_dates.score(fresh['dates']):.1f}",
            *shares,
            f"{first:.0f}",
            f"{seconds:.0f}",
        )
        if kind == DRAWN:
            on_dates.alignment("Sunday, 3 May 1987").draw(options.pictures / "attention-dates.png")
            model.alignment("recurrent").draw(options.pictures / "attention-reversed.png")
    draw(curves, options.pictures / "attention-lengths.png")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
