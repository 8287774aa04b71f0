"""What the training loop costs over a bare PyTorch loop of the same model: paired steps in turns, median ratio.

    python benchmarks/bench_training_loop.py            a minute or two; exits 1 where the loop costs more than 5 %

Both sides take the same steps of the same batches with the same optimiser, clipping and schedule; the bare side is what
one writes by hand: no display, no numbers, no checkpoint. One step of each in turns, because other work on the machine
then slows both alike. Ours writes metrics.jsonl, a row per step (a run of more than 200 steps writes fewer). Saving the
state happens once a minute: its time is measured apart and added in that proportion. Evaluations and samples are left
out on both sides.
"""

import argparse
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import recurra
from recurra import training
from recurra.data import Streams
from recurra.fitting.listeners import metrics_file
from recurra.tasks.language import LanguageConfig, LanguageModel
from recurra.tasks.language.measure import by_time
from recurra.text import build_vocabulary
from recurra.training import TrainingConfig, fit, rate

LIMIT = 1.05
BATCH, WINDOW = 32, 128
SAVE_EVERY = TrainingConfig().save_every


class Task(training.Task):
    """A language model on random text; the loop's side of the comparison."""

    unit = "characters"

    def __init__(self, model, streams):
        self.model, self.streams, self.steps = model, streams, len(streams)

    def batch(self, epoch, index):
        return self.streams.batch(index)

    def loss(self, model, batch, carry):
        logits, state = model(batch.inputs, carry)
        return F.cross_entropy(*by_time(logits, batch.targets)), state, batch.targets.numel()

    def evaluate(self, model):
        return {}

    def measures(self, loss):
        return {"nats": loss, "bits_per_character": loss / math.log(2)}


def model_of(vocabulary, hidden: int) -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(vocabulary, LanguageConfig(hidden_size=hidden)).train()


def bare(model, streams, config: TrainingConfig):
    """The loop that one writes by hand; each `next` is one step."""
    groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, config.lr, (config.beta1, config.beta2), fused=True)
    steps, state = config.epochs * len(streams), None
    for step in range(steps):
        batch = streams.batch(step)
        for group in optimizer.param_groups:
            group["lr"] = rate(config, step / steps)
        logits, state = model(batch.inputs, state)
        loss = F.cross_entropy(*by_time(logits, batch.targets))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        optimizer.zero_grad()
        state = tuple(part.detach() for part in state)
        yield


def compare(vocabulary, hidden: int, streams, config: TrainingConfig) -> tuple[list[tuple[float, float]], float]:
    """Seconds of the bare step and of ours, for each step; and the seconds of a save."""
    other = bare(model_of(vocabulary, hidden), streams, config)
    pairs, saves, began, last = [], [], [0.0], [0.0]

    def listen(event):
        now = time.perf_counter()
        if event["event"] == "train":
            next(other)
            theirs = time.perf_counter() - now
            pairs.append((theirs, now - began[0]))
        elif event["event"] == "save":
            saves.append(now - last[0])
        last[0] = time.perf_counter()
        if event["event"] in ("start", "train"):
            began[0] = last[0]

    with tempfile.TemporaryDirectory() as folder:
        fit(Task(model_of(vocabulary, hidden), streams), config, folder, listeners=[metrics_file(Path(folder)), listen])
    return pairs[5:], statistics.median(saves)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", type=int, nargs="+", default=[128, 256], help="units of the two layers")
    parser.add_argument("--steps", type=int, default=150, help="pairs of steps")
    options = parser.parse_args()
    print(f"recurra {recurra.__version__}, torch {torch.__version__}, Python {platform.python_version()}")
    print(f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    print(f"two LSTM layers, embedding 64, batch {BATCH}, windows of {WINDOW}, dropout 0.2, AdamW, clip 1")
    vocabulary = build_vocabulary(["".join(map(chr, range(32, 97)))])
    ids = np.random.default_rng(0).integers(0, 65, BATCH * WINDOW * options.steps + 1).astype(np.uint8)
    streams, worst = Streams(ids, BATCH, WINDOW), 0.0
    config = TrainingConfig(epochs=1, evaluate_every=options.steps)
    for hidden in options.hidden:
        pairs, save = compare(vocabulary, hidden, streams, config)
        ratio = statistics.median(ours / theirs for theirs, ours in pairs) + save / SAVE_EVERY
        ms = [1000 * statistics.median(side) for side in zip(*pairs, strict=True)]
        print(
            f"hidden {hidden:4}: bare {ms[0]:7.2f} ms a step, recurra {ms[1]:7.2f} ms, a save {1000 * save:.0f} ms;"
            f" median ratio with saves {ratio:.3f}"
        )
        worst = max(worst, ratio)
    print(f"limit {LIMIT}: {'kept' if worst <= LIMIT else 'broken'}")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
