"""RNN, LSTM, GRU, minGRU and a transformer on Tiny Shakespeare: same data, same parameters, same time.

    python benchmarks/bench_neighbours.py                                  about 25 minutes on two cores
    python benchmarks/bench_neighbours.py --markdown results/neighbours.md --minutes 1

Each is a language model of about 1,000,000 parameters, embedding and softmax included, with two layers. Its learning rate is
the best of three after a short run, chosen on the held-out tenth of the text; the same tenth gives the losses, as in what is
published for this text. The text is read from RECURRA_DATA, or fetched.
"""

import sys
import tempfile
from pathlib import Path

import torch
from pairs import header
from report import Report, arguments

from recurra.data import read_documents
from recurra.tasks.language.compare import PICTURE, draw, sizes, train_one
from recurra.tasks.language.config import settings

DRAWN = Path(__file__).parents[1] / "docs" / "pictures" / "neighbours.png"
RATES = {"transformer": (5e-4, 1e-3, 2e-3)}
OTHERS = (2e-3, 5e-3, 1e-2)
PUBLISHED = {
    "transformer, 10.7 M parameters, a GPU (nanoGPT README)": 1.4697,
    "transformer, 0.8 M parameters, 3 minutes on a CPU (nanoGPT README)": 1.88,
    "minGRU, 3 layers (Feng et al. 2024, arXiv:2410.01201)": 1.548,
}


def main() -> int:
    parser = arguments(__doc__, threads=2, seed=1)
    parser.add_argument("--cells", default="rnn,lstm,gru,mingru,transformer")
    parser.add_argument("--parameters", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--search-minutes", type=float, default=0.5, help="for each learning rate")
    parser.add_argument("--picture", type=Path, default=DRAWN)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    documents = read_documents(["tinyshakespeare"])
    found = sizes(options.cells.split(","), documents, options.parameters, settings("compare"))
    report, rows = Report(__doc__, options), []
    report.say(header())
    report.say(f"{options.minutes:g} minutes each, seed {options.seed}")
    report.table(f"{'model':>68}", "units", "parameters", "rate", "nats a character", "bits", "characters/s", "steps")
    with tempfile.TemporaryDirectory() as folder:
        for cell, size in found.items():
            values = {"cell": cell, "hidden_size": size, "seed": options.seed}

            def run(name: str, minutes: float, lr: float, values=values) -> dict:
                return train_one(
                    documents, Path(folder, name), "compare", values | {"minutes": minutes, "lr": lr}, quiet=True
                )

            rates = RATES.get(cell, OTHERS)
            tried = {lr: run(f"{cell}-{lr}", options.search_minutes, lr)["nats"] for lr in rates}
            lr = min(tried, key=tried.get)
            rows.append(row := run(cell, options.minutes, lr))
            loss = [f"{row[name]:.4f}" for name in ("nats", "bits_per_character")]
            speed = f"{row['characters_per_second']:,.0f}"
            report.row(cell, size, f"{row['parameters']:,}", f"{lr:g}", *loss, speed, f"{row['steps']:,}")
        draw(Path(folder), rows)
        options.picture.write_bytes(Path(folder, PICTURE).read_bytes())
    for name, nats in PUBLISHED.items():
        report.row(name, "", "", "", nats, "", "", "")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
