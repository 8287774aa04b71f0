"""Dropout in six places on one small text: how far each keeps a model from learning it by heart, as a table and curves.

    python benchmarks/bench_dropout.py                                    minutes on two cores
    python benchmarks/bench_dropout.py --markdown results/dropout.md      also as a page

The text is the first 100,000 characters of Tiny Shakespeare (RECURRA_DATA, or fetched), the last fifth of it held out. Every
row is the same model, seed and number of steps; the rates are not tuned. The best loss is the lowest one that an evaluation on
the held-out part showed, so it is chosen there; it compares the rows and is no test result.
"""

import sys
import tempfile
import time
from pathlib import Path

import torch
from pairs import header
from report import Report, arguments

import recurra
from recurra.data import corpus_text

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "dropout.png"
NONE = {"dropout": 0.0, "input_dropout": 0.0, "output_dropout": 0.0}
PLACES = {
    "none": {},
    "input": {"input_dropout": 0.4},
    "between": {"dropout": 0.4},
    "output": {"output_dropout": 0.4},
    "recurrent": {"recurrent_dropout": 0.4},
    "weight": {"weight_dropout": 0.4},
    "zoneout": {"zoneout": 0.2},
    "input, between, output": {"input_dropout": 0.4, "dropout": 0.4, "output_dropout": 0.4},
}


def measure(text: str, place: str, options) -> dict:
    """One model: its evaluations, its lowest loss, its last one, and the training loss then."""
    rows, began = [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        recurra.train(
            text=text,
            out=Path(folder, "run"),
            preset="compare",
            quiet=True,
            listeners=[rows.append],
            validation=0.2,
            hidden_size=options.units,
            epochs=options.epochs,
            evaluate_every=options.every,
            schedule="constant",
            lr=2e-3,
            warmup=0.02,
            weight_decay=0.0,
            seed=options.seed,
            **NONE | PLACES[place],
        )
    curve = [row for row in rows if row["event"] == "evaluate"]
    best = min(curve, key=lambda row: row["loss"])
    return {"place": place, "curve": curve, "best": best, "last": curve[-1], "seconds": time.perf_counter() - began}


def draw(results: list[dict], path: Path) -> None:
    """A panel a place: the held-out loss, the training loss, and the held-out loss without dropout behind them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.8), dpi=100, layout="constrained")
    panels = figure.subplots(2, -(-len(results) // 2), sharex=True, sharey=True).ravel()
    plain = results[0]["curve"]
    for axes, one in zip(panels, results, strict=False):
        epochs = [row["epoch"] for row in one["curve"]]
        axes.plot(
            [row["epoch"] for row in plain], [row["loss"] for row in plain], color="0.75", lw=2, label="held out, none"
        )
        axes.plot(epochs, [row["training_loss"] for row in one["curve"]], "--", color="C0", lw=1, label="training")
        axes.plot(epochs, [row["loss"] for row in one["curve"]], color="C1", label="held out")
        axes.set_title(f"{one['place']}: {one['best']['loss']:.3f}", fontsize=10)
        axes.grid(alpha=0.3)
    for axes in panels[len(results) :]:
        axes.set_axis_off()
    panels[0].legend(fontsize=8)
    panels[0].set_ylim(0.9, 2.6)
    figure.supxlabel("epochs")
    figure.supylabel("nats per character")
    figure.savefig(path)


def main() -> int:
    parser = arguments(__doc__, threads=2, seed=1)
    parser.add_argument("--characters", type=int, default=100_000)
    parser.add_argument("--units", type=int, default=192)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--every", type=int, default=39, help="steps between evaluations")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    text = corpus_text("tinyshakespeare")[: options.characters]
    report, results = Report(__doc__, options), []
    report.say(header())
    report.say(
        f"Two LSTM layers of {options.units} units, {len(text):,} characters, the last fifth held out, {options.epochs} epochs,"
        f" seed {options.seed}; nats a character"
    )
    report.table(
        f"{'dropped':>22}", "best, held out", "at epoch", "at the end, held out", "at the end, training", "seconds"
    )
    for place in PLACES:
        results.append(one := measure(text, place, options))
        best, last = one["best"], one["last"]
        losses = [f"{loss:.3f}" for loss in (last["loss"], last["training_loss"])]
        report.row(place, f"{best['loss']:.3f}", f"{best['epoch']:.0f}", *losses, f"{one['seconds']:.0f}")
    draw(results, options.picture)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
