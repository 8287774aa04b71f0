"""Train the small models that ship in the package: an LSTM, a GRU and an RNN that have read the embedded manual.

    python tools/packaged_models.py              all three, about four minutes of a core each
    python tools/packaged_models.py --cells rnn  one of them

The same Python, whose manual it is, and the same torch give the same weights; other versions held-out losses within 0.01
nats. The models have 128 units: large enough for words, small enough that all three take less than 1 MB.
"""

import argparse
import tempfile
from pathlib import Path

from recurra.models import FOLDER
from recurra.tasks import language

CELLS = ("lstm", "gru", "rnn")
SETTINGS = {
    "embedding_size": 32,
    "hidden_size": 128,
    "num_layers": 1,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "lr": 1e-2,
    "warmup": 0.05,
    "weight_decay": 0.01,
    "average": 0.0,
    "batch_size": 32,
    "epochs": 24,
    "seed": 1,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=",".join(CELLS), help="names, with commas between them")
    parser.add_argument("--to", type=Path, default=FOLDER, help="the folder that gets a folder for each")
    options = parser.parse_args()
    for cell in options.cells.split(","):
        with tempfile.TemporaryDirectory() as folder:
            estimator = language.LanguageEstimator(cell=cell, **SETTINGS).fit(
                "manual", out=Path(folder) / cell, quiet=True
            )
            estimator.model.save(options.to / f"manual-{cell}")
        best = min(row["validation_loss"] for row in estimator.history if "validation_loss" in row)
        print(f"manual-{cell}: {best:.4f} nats a character on the held-out part", flush=True)


if __name__ == "__main__":
    main()
