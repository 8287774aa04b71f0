"""How well the next step of a Bach chorale is predicted, beside published results.

    python benchmarks/bench_music.py                            every row
    python benchmarks/bench_music.py gru "gru, nade"            some
    python benchmarks/bench_music.py --picture rolls.png        also real and generated chorales, as a picture

JSB chorales in quarter notes, the standard split of 229, 76 and 77 chorales (Boulanger-Lewandowski et al. 2012), read from
RECURRA_DATA. Trained on the first part, at random pitches; the weights are those best on the second; nats are of the
third: minus the log-probability of a step, summed over 88 keys, as the mean over all steps but each chorale's first (Bai et
al. 2018). One run a row.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import torch
from pairs import header
from report import Report, arguments, row_of

from recurra.tasks import music

CHORALES = Path(
    os.environ.get("RECURRA_DATA", Path(__file__).parents[1] / "../shared/data"),
    "jsb_chorales/jsb-chorales-quarter.json",
)

# About 300,000 parameters each, as in the published comparison; all else as `music.train` has it. A state without gates takes
# smaller steps, and does not bear that a part of it is dropped.
ROWS = {
    "rnn": {"cell": "rnn", "hidden_size": 460, "head": "independent", "lr": 4e-3, "recurrent_dropout": 0.0},
    "lstm": {"cell": "lstm", "hidden_size": 222, "head": "independent"},
    "gru": {"cell": "gru", "hidden_size": 260, "head": "independent"},
    "gru, nade": {"cell": "gru", "hidden_size": 232, "head": "nade"},
}
PUBLISHED = {
    "rnn (Bai et al. 2018)": 8.91,
    "lstm (Bai et al. 2018)": 8.45,
    "gru (Bai et al. 2018)": 8.43,
    "rnn (Boulanger-Lewandowski et al. 2012)": 8.71,
    "rnn, nade (Boulanger-Lewandowski et al. 2012)": 5.56,
    "tcn (Bai et al. 2018)": 8.10,
}
TARGET = 8.40


def measure(options: dict, folder: Path) -> tuple[music.MusicModel, dict]:
    """Train one model; its size, time and nats on the validation and the test part."""
    start = time.perf_counter()
    model = music.train(CHORALES, folder, quiet=True, **options)
    row = {"minutes": (time.perf_counter() - start) / 60}
    row["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    return model, row | {part: music.evaluate(model, CHORALES, part) for part in ("valid", "test")}


def picture(models: dict[str, music.MusicModel], path: Path) -> None:
    """A chorale of the test part above one from each model, all by four voices."""
    chorale = music.read(CHORALES).parts["test"][0].cut(64)
    rolls = {f"real: {chorale.name}": chorale}
    for name, model in models.items():
        rolls[f"generated: {name}"] = model.compose(length=len(chorale), unit="steps", voices=4, min_voices=3, seed=1)
    music.draw(rolls, path)


def main() -> None:
    parser = arguments(__doc__, quick=False, threads=2, seed=1)
    parser.add_argument("rows", nargs="*", type=row_of(ROWS), help=f"default: {', '.join(ROWS)}")
    parser.add_argument("--epochs", type=int, default=100, help="passes over the training part; default 100")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="also draw real and generated chorales")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    epochs = 4 if options.quick else options.epochs
    print(header())
    report, models = Report(__doc__, options), {}
    report.say(f"{epochs} epochs, {torch.get_num_threads()} threads, seed {options.seed}")
    columns = ("parameters", "minutes", "nats, validation", "nats, test", "nats, test, with first steps")
    report.table("model".rjust(46), *columns)
    for name in options.rows or ROWS:
        with tempfile.TemporaryDirectory() as folder:
            model, row = measure(ROWS[name] | {"epochs": epochs, "seed": options.seed}, Path(folder, "run"))
        models[name] = model
        nats = [f"{value:.3f}" for value in (row["valid"]["nats"], row["test"]["nats"], row["test"]["nats_with_first"])]
        report.row(name, f"{row['parameters']:,}", row["minutes"], *nats)
        if name in ("lstm", "gru"):
            report.target(
                f"{name}: {row['test']['nats']:.3f} nats a step, at most {TARGET:.2f}", row["test"]["nats"] <= TARGET
            )
    for name, nats in PUBLISHED.items():
        report.row(name, "", "", "", f"{nats:.2f}", "")
    if options.picture:
        picture(models, options.picture)
    sys.exit(report.end())


if __name__ == "__main__":
    main()
