"""What the defaults make of a text in a given time, beside six recipes set by hand and a plain char-rnn loop.

    python benchmarks/bench_recipe.py a.txt b.txt               the whole table for these texts: hours
    python benchmarks/bench_recipe.py a.txt --sizes 3000,50000 --seconds 10 --rows default,plain

Each text is cut to each size; its last tenth is held out. Every row trains for the same seconds of processor time, counted by
the process's own clock, so that neighbours do not matter; the figure is nats a character on all that is held out, with the
state carried, the mean over the seeds.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from math import cos, pi
from pathlib import Path
from types import SimpleNamespace

import torch
from pairs import header
from report import Report, arguments
from torch import nn
from torch.nn import functional as F

import recurra
from recurra.tasks import language
from recurra.training import clock, look, loop

ROWS = {
    "default": {},
    "512 dropout": {"hidden_size": 512, "batch_size": 32, "dropout": 0.4, "input_dropout": 0.2, "lr": 5e-3},
    "512": {"hidden_size": 512, "batch_size": 32, "dropout": 0.0, "input_dropout": 0.0, "lr": 5e-3},
    "512 batch 8": {"hidden_size": 512, "batch_size": 8, "dropout": 0.2, "input_dropout": 0.1, "lr": 3e-3},
    "256": {"hidden_size": 256, "batch_size": 32, "dropout": 0.0, "input_dropout": 0.0, "lr": 5e-3},
    "192 batch 16": {"hidden_size": 192, "batch_size": 16, "dropout": 0.1, "input_dropout": 0.0, "lr": 1e-2},
    "128 batch 8": {"hidden_size": 128, "batch_size": 8, "dropout": 0.0, "input_dropout": 0.0, "lr": 1e-2},
}
PLAIN = {"plain": 256, "plain 512": 512}


@contextlib.contextmanager
def processor_time() -> Iterator[None]:
    """Within, the clock that ends a run counts this process's time on processors."""
    modules = clock, look, loop
    try:
        for module in modules:
            module.time = SimpleNamespace(monotonic=time.process_time)
        yield
    finally:
        for module in modules:
            module.time = time


def ours(text: str, seconds: float, seed: int, settings: dict) -> tuple[float, int]:
    """Nats on the held-out tenth, and steps."""
    last = {}
    with tempfile.TemporaryDirectory() as folder, processor_time():
        options = {"out": Path(folder, "run"), "quiet": True, "items": "off", "listeners": [last.update]}
        model = recurra.train(text=text, minutes=seconds / 60, seed=seed, **options, **settings)
    return language.evaluate(model, text=text[int(len(text) * 0.9) :])["nats"], last["step"]


def plain(text: str, seconds: float, seed: int, size: int) -> tuple[float, int]:
    """The same of a loop as people write it: nn.LSTM, Adam, a warm-up, a cosine."""
    torch.manual_seed(seed)
    symbols = {c: i for i, c in enumerate(sorted(set(text)))}
    ids = torch.tensor([symbols[c] for c in text])
    train, valid = ids[: int(len(ids) * 0.9)], ids[int(len(ids) * 0.9) :]
    window = 64
    rows = max(1, min(32, len(train) // (4 * window)))
    length = (len(train) - 1) // rows
    embedding, layer, head = (
        nn.Embedding(len(symbols), 64),
        nn.LSTM(64, size, batch_first=True),
        nn.Linear(size, len(symbols)),
    )
    model = nn.ModuleList([embedding, layer, head])
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    began, step, state, best, at = time.process_time(), 0, None, float("inf"), 0
    while (done := (time.process_time() - began) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1.0, done / 0.05 + 0.01) * (0.05 + 0.95 * (1 + cos(pi * done)) / 2)
        if at + window >= length:
            at, state = 0, None
        places = torch.arange(rows)[:, None] * length + at + torch.arange(window)
        at += window
        hidden, state = layer(embedding(train[places]), state)
        loss = F.cross_entropy(head(hidden).flatten(0, 1), train[places + 1].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        state, step = tuple(part.detach() for part in state), step + 1
        if len(train) < 100_000 and step % 50 == 0:  # as those do who know that a small text is overfitted
            best = min(best, _measured(embedding, layer, head, valid))
    return min(best, _measured(embedding, layer, head, valid)), step


@torch.no_grad()
def _measured(embedding, layer, head, ids) -> float:
    total, state = 0.0, None
    for part in torch.arange(len(ids) - 1).split(2000):
        hidden, state = layer(embedding(ids[part])[None], state)
        total += F.cross_entropy(head(hidden[0]), ids[part + 1], reduction="sum").item()
    return total / (len(ids) - 1)


def measure(name: str, text: str, seconds: float, seed: int) -> tuple[float, int]:
    if name in PLAIN:
        return plain(text, seconds, seed, PLAIN[name])
    return ours(text, seconds, seed, ROWS[name])


def main() -> int:
    parser = arguments(__doc__, threads=1)
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--sizes", default="3000,50000,1000000,5000000", help="characters")
    parser.add_argument("--seconds", default="10,60,300")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", default=",".join([*ROWS, *PLAIN]))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report = Report(__doc__, options)
    report.say(header())
    report.table(f"{'text':>24}", "characters", "seconds", "recipe", "steps", "nats a character")
    for path in options.texts:
        whole = path.read_text("utf-8-sig")
        for size in map(int, options.sizes.split(",")):
            for seconds in map(float, options.seconds.split(",")):
                for name in options.rows.split(","):
                    found = [measure(name, whole[:size], seconds, seed + 1) for seed in range(options.seeds)]
                    nats = sum(nats for nats, _ in found) / len(found)
                    report.row(
                        path.stem, f"{min(size, len(whole)):,}", f"{seconds:g}", name, found[0][1], f"{nats:.4f}"
                    )
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
