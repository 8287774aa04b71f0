"""Classic language models beside their published figures: War and Peace by character, Penn Treebank by word and character.

    python benchmarks/bench_classics.py                        every row: many hours on two cores
    python benchmarks/bench_classics.py ptb-words              some rows; --list names them
    python benchmarks/bench_classics.py "war-and-peace lstm 1x128" --epochs 4
    python benchmarks/bench_classics.py ptb-words --runs runs  kept: the same command resumes after a stop

Each model is trained on the training part, its best epoch is picked on the validation part, and the test part is read
once, with the state carried. Texts are read from RECURRA_DATA (default ../shared/data). War and Peace is split
80/10/10 by characters, as Karpathy, Johnson & Fei-Fei 2015 did; Penn Treebank comes split. Published figures: theirs
(arXiv:1506.02078, from memory, unverified), Zaremba et al. 2014 (arXiv:1409.2329) and Bai et al. 2018 (arXiv:1803.01271).
"""

import json
import math
import os
import sys
import tempfile
from pathlib import Path

import torch
from pairs import header
from report import Report, arguments

import recurra
from recurra.tasks import language

DATA = Path(os.environ.get("RECURRA_DATA", "../shared/data"))
CHARACTERS = {"batch_size": 32, "window": 100, "embedding_size": 64, "input_dropout": 0.0, "epochs": 20}
CHARACTERS |= {"lr": 6e-3, "weight_decay": 0.01, "average": 0.998}
PUBLISHED = {  # nats a character, by units and layers; the others have as many parameters as the LSTM
    ("lstm", 64): (1.449, 1.442, 1.540),
    ("rnn", 64): (1.446, 1.401, 1.396),
    ("gru", 64): (1.398, 1.373, 1.472),
    ("lstm", 128): (1.277, 1.227, 1.279),
    ("rnn", 128): (1.417, 1.286, 1.277),
    ("gru", 128): (1.230, 1.226, 1.253),
}


def war_and_peace() -> dict[str, str]:
    # A character a byte: so are the paper's 3,258,246 characters and 87 symbols counted, line ends included.
    text = (DATA / "war_and_peace/warpeace_input.txt").read_bytes().decode("latin-1")
    cuts = [0, int(0.8 * len(text)), int(0.9 * len(text)), len(text)]
    return dict(zip(("train", "valid", "test"), (text[a:b] for a, b in zip(cuts, cuts[1:], strict=False)), strict=True))


def treebank(name: str) -> dict[str, str]:
    folder, stem = name, name.replace("_", ".")
    found = {part: (DATA / folder / f"{stem}.{part}.txt").read_text("utf-8") for part in ("train", "valid", "test")}
    if name == "ptb_char":  # "_" is a space there, and spaces part the characters
        found = {part: text.replace(" ", "").replace("_", " ") for part, text in found.items()}
    return found


def rows() -> dict[str, tuple]:
    """Name → (texts, settings, measure, published)."""
    found = {}
    for (cell, units), losses in PUBLISHED.items():
        for layers, loss in enumerate(losses, 1):
            sizes = {"cell": cell, "hidden_size": _units(cell, units, layers), "num_layers": layers}
            settings = CHARACTERS | sizes | {"dropout": 0.0 if units == 64 else 0.1}
            found[f"war-and-peace {cell} {layers}x{units}"] = war_and_peace, settings, "nats", loss
    words = {
        "unit": "token",
        "embedding_size": 200,
        "hidden_size": 200,
        "num_layers": 2,
        "batch_size": 20,
        "window": 20,
    }
    words |= {"epochs": 13, "dropout": 0.3, "input_dropout": 0.1, "lr": 2e-3, "weight_decay": 0.05, "average": 0.999}
    words |= {"precision": "bfloat16"}
    found["ptb-words lstm 2x200"] = lambda: treebank("ptb"), words, "perplexity", 114.5
    large = {"embedding_size": 64, "hidden_size": 480, "num_layers": 2, "batch_size": 32, "window": 150, "epochs": 9}
    large |= {"dropout": 0.2, "input_dropout": 0.0, "lr": 4e-3, "weight_decay": 0.05, "average": 0.999}
    large |= {"precision": "bfloat16"}
    found["ptb-characters lstm 2x480"] = lambda: treebank("ptb_char"), large, "bits_per_character", 1.36
    return found


def _units(cell: str, units: int, layers: int) -> int:
    """The units at which a cell has the LSTM's parameters; the published models were made equal so."""
    gates = {"lstm": 4, "gru": 3, "rnn": 1}

    def weights(cell: str, n: int) -> int:
        inputs = [64] + [n] * (layers - 1)
        return sum(gates[cell] * n * (i + n + 2) for i in inputs) + 87 * n

    budget = weights("lstm", units)
    return min(range(1, 4 * units), key=lambda n: abs(weights(cell, n) - budget))


def measure(texts: dict[str, str], settings: dict, out: Path) -> tuple[dict, int, float, float]:
    """Train in a folder, or resume there, then read the test part once: its measures, the parameters, epochs and minutes."""
    both = texts["train"] + texts["valid"]
    share = len(texts["valid"]) / len(both)
    if settings.get("unit") == "token":  # the parts are parted by tokens there
        from recurra.text.words import Tokens

        counts = [len(Tokens.split(texts[part])) for part in ("valid", "train")]
        share = counts[0] / sum(counts)
    if (out / "state.safetensors").exists():
        model = recurra.resume(out, quiet=True)
    else:
        model = recurra.train(text=both, out=out, validation=share, quiet=True, **settings)
    found = language.evaluate(model, text=texts["test"])
    last = json.loads((out / "metrics.jsonl").read_text("utf-8").splitlines()[-1])
    return found, sum(p.numel() for p in model.parameters()), last["epoch"], last["seconds"] / 60


def main() -> int:
    parser = arguments(__doc__, threads=2, seed=1)
    parser.add_argument("rows", nargs="*", help="rows by name or by the start of it; default all")
    parser.add_argument("--list", action="store_true", help="name the rows, and stop")
    parser.add_argument("--epochs", type=int, help="passes over the training part, in place of each row's own")
    parser.add_argument("--runs", type=Path, help="keep the runs in this folder, and resume those that are there")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    chosen = {name: row for name, row in rows().items() if not options.rows or name.startswith(tuple(options.rows))}
    if options.list or not chosen:
        print("\n".join(rows()))
        return 0 if options.list else 2
    report = Report(__doc__, options)
    report.say(header())
    report.table("model" + " " * 24, "parameters", "epochs", "minutes", "measure" + " " * 11, "ours", "published")
    for name, (read, settings, what, published) in chosen.items():
        extra = {"seed": options.seed} | ({"epochs": options.epochs} if options.epochs else {})
        with tempfile.TemporaryDirectory() as folder:
            out = (options.runs or Path(folder)) / name.replace(" ", "-")
            found, parameters, epochs, minutes = measure(read(), settings | extra, out)
        ours = found[what] if what != "perplexity" else math.exp(found["loss"])
        report.row(name, f"{parameters:,}", f"{epochs:.0f}", minutes, what, f"{ours:.3f}", published)
        report.target(f"{name}: {ours:.3f}, published {published}", ours <= published)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
