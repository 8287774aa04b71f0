"""How well a model begins: the loss of the first characters of lines, by what was read before them.

    python benchmarks/bench_first_line.py a.txt b.txt --seconds 60       four recipes a text, at so many seconds each

For lines of the held-out part: from the zero state; after a line break; as `generate` starts, behind the run's prelude; and
after the 400 characters that stand before another line there. The mean nats of the first predicted character, which
follows the line's first one, and of the first five; the loss of carried text beside it.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from bench_recipe import processor_time
from pairs import header
from report import Report, arguments
from torch.nn import functional as F

import recurra
from recurra.tasks import language

ROWS = {
    "default": {},
    "no fresh starts": {"fresh_starts": 0.0},
    "fresh starts 0.2": {"fresh_starts": 0.2},
    "256, no dropout": {"hidden_size": 256, "batch_size": 32, "dropout": 0.0, "input_dropout": 0.0, "lr": 5e-3},
}
FIRST, LINES, BEFORE = 5, 200, 400


def losses(model, valid: str) -> dict[str, np.ndarray]:
    """By what is read before: the nats of each of the first characters, (FIRST,)."""
    vocabulary = model.vocabulary
    places = [at + 1 for at, symbol in enumerate(valid) if symbol == "\n" and at > BEFORE]
    places = [at for at in places if len(valid[at : at + FIRST + 1].split("\n")[0]) == FIRST + 1][:LINES]
    others = np.roll(places, len(places) // 2)
    before = {
        "zero": lambda at, other: "",
        "line break": lambda at, other: "\n",
        "as generate starts": lambda at, other: vocabulary.decode(model.prelude),
        "400 of another place": lambda at, other: valid[other - BEFORE : other],
    }
    found = {}
    for name, read in before.items():
        rows = []
        for at, other in zip(places, others, strict=True):
            start = read(at, int(other))
            ids = torch.from_numpy(vocabulary.encode(start + valid[at : at + FIRST + 1]).astype(np.int64))[None]
            with torch.inference_mode():
                scores = model(ids)[0][0]
            first = len(ids[0]) - FIRST
            rows.append(F.cross_entropy(scores[first - 1 : -1], ids[0, first:], reduction="none").numpy())
        found[name] = np.mean(rows, 0)
    return found


def main() -> int:
    parser = arguments(__doc__, threads=1, seed=1)
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--size", type=int, default=1_000_000, help="characters of each text")
    parser.add_argument("--seconds", type=float, default=60.0, help="of processor time for each model")
    parser.add_argument("--samples", type=int, default=0, help="raw first samples to print of each default model")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report = Report(__doc__, options)
    report.say(header())
    report.table(f"{'text':>16}", f"{'recipe':>18}", "carried", f"{'read before':>22}", "first", "first five")
    for path in options.texts:
        text = path.read_text("utf-8-sig")[: options.size]
        valid = text[int(0.9 * len(text)) :]
        for name, settings in ROWS.items():
            with tempfile.TemporaryDirectory() as folder, processor_time():
                common = {"items": "off", "minutes": options.seconds / 60, "seed": options.seed, "quiet": True}
                model = recurra.train(text=text, out=Path(folder, "run"), **common, **settings)
            carried = language.evaluate(model, text=valid[:50_000])["nats"]
            for before, nats in losses(model, valid).items():
                report.row(path.stem, name, f"{carried:.3f}", before, f"{nats[0]:.2f}", f"{nats.mean():.3f}")
            for seed in range(options.samples if name == "default" else 0):
                report.say(repr(model.generate("", 60, seed=seed + 1)))
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
