"""How low a character model gets on Tiny Shakespeare, beside published results.

    python benchmarks/bench_shakespeare.py                      all rows, about an hour on two cores
    python benchmarks/bench_shakespeare.py default gru          some
    python benchmarks/bench_shakespeare.py default --seeds 3    each row with three seeds

The first 90 % of the characters are for training, the last 10 % for validation (nanoGPT's split); losses are nats a
character on the whole validation part, with the state carried. The text is read from RECURRA_DATA, or fetched.
"""

import sys
import tempfile
import time
from pathlib import Path

import torch
from pairs import header
from report import Report, arguments, row_of

import recurra
from recurra.data import corpus_text
from recurra.tasks.language import evaluate

ROWS = {
    "default": {},
    "gru": {"cell": "gru"},
    "two layers of 256": {"hidden_size": 256, "num_layers": 2, "dropout": 0.2, "input_dropout": 0.0},
}
PUBLISHED = {
    "transformer, 10.7 M parameters (nanoGPT README)": "1.4697",
    "minGRU / minLSTM / transformer (Feng et al. 2024)": "1.548 / 1.555 / 1.547",
    "small transformer on a CPU, 3 minutes (nanoGPT README)": "1.88",
}


def measure(options: dict) -> dict:
    """Train one model from start to end; its size, loss and time."""
    with tempfile.TemporaryDirectory() as folder:
        rows, start = [], time.perf_counter()
        model = recurra.train("tinyshakespeare", Path(folder, "run"), listeners=[rows.append], quiet=True, **options)
        seconds = time.perf_counter() - start
    # While training only a part of what is held out is read.
    text = corpus_text("tinyshakespeare")
    nats = evaluate(model, text=text[int(0.9 * len(text)) :])["nats"]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": parameters, "nats": nats, "epochs": rows[-1]["epoch"], "seconds": seconds}


def main() -> int:
    parser = arguments(__doc__, threads=2)
    parser.add_argument("rows", nargs="*", type=row_of(ROWS), help=f"default: {', '.join(ROWS)}")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report = Report(__doc__, options)
    report.say(header())
    report.table(f"{'model':>56}", "parameters", "epochs", "minutes", "nats a character")
    for name in options.rows or ROWS:
        for seed in range(1, options.seeds + 1):
            row = measure(ROWS[name] | {"seed": seed})
            nats, minutes = f"{row['nats']:.4f}", row["seconds"] / 60
            report.row(f"{name}, seed {seed}", f"{row['parameters']:,}", f"{row['epochs']:.1f}", minutes, nats)
    for name, nats in PUBLISHED.items():
        report.row(name, "", "", "", nats)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
