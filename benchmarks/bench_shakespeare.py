"""How low a character model gets on Tiny Shakespeare, beside published results.

    python benchmarks/bench_shakespeare.py                      all rows, about an hour on two cores
    python benchmarks/bench_shakespeare.py default gru          some

The first 90 % of the characters are for training, the last 10 % for validation (nanoGPT's split); losses are nats a
character on the whole validation part, with the state carried. The text is read from RECURRA_DATA, or fetched.
"""

import sys
import tempfile
import time
from pathlib import Path

from pairs import header

import recurra

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
    losses = [(row["nats"], row["epoch"]) for row in rows if row["event"] == "evaluate"]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": parameters, "best": min(losses), "epochs": losses[-1][1], "seconds": seconds}


def main() -> None:
    names = sys.argv[1:] or list(ROWS)
    print(header())
    print(f"{'model':54}{'parameters':>12}{'epochs':>8}{'minutes':>9}{'nats/char':>11}")
    for name in names:
        row = measure(ROWS[name])
        nats, minutes = row["best"][0], row["seconds"] / 60
        print(f"{name:54}{row['parameters']:12,}{row['epochs']:8.1f}{minutes:9.1f}{nats:11.4f}", flush=True)
    for name, nats in PUBLISHED.items():
        print(f"{name:54}{'':29}{nats:>11}")


if __name__ == "__main__":
    main()
