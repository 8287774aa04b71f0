"""The language model's whole training step against the same model in plain PyTorch: batch, forward, backward, clip, update.

    python benchmarks/bench_language.py                 about five minutes on two cores
    python benchmarks/bench_language.py --tfjs          also TensorFlow.js: installs it with npm into a temporary folder
    python benchmarks/bench_language.py --losses 300    also the validation loss after so many steps, float32 and bf16

65 characters; no dropout, which costs both sides alike. Two layers of 256 units: embedding 64, batch 32, window 128, the
state carried, AdamW (fused), clip 1. `classic`: the preset of that name, one LSTM of 128, embedding 64, batch 64, windows of
100 from zero states, the loss of the last step alone, Adam, no clipping. Plain PyTorch's side is written to be fast: time
first, so that nothing is copied, and the same fused optimiser. bf16 is torch.autocast on both sides, and is held against
PyTorch's faster type, which may be float32.
"""

import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from pairs import header, milliseconds, paired, ratio
from report import Report, arguments
from torch import nn
from torch.nn import functional as F

from recurra.data import Streams, Windows, corpus_text
from recurra.tasks.language import LanguageConfig, LanguageModel
from recurra.text import build_vocabulary

CHARACTERS = 65
RECIPES = {
    # cell, layers, units, batch, window, last step only, optimiser, clip
    "two LSTM layers of 256": ("lstm", 2, 256, 32, 128, False, torch.optim.AdamW, 1.0),
    "two GRU layers of 256": ("gru", 2, 256, 32, 128, False, torch.optim.AdamW, 1.0),
    "classic": ("lstm", 1, 128, 64, 100, True, torch.optim.Adam, 0.0),
}
TARGETS = {
    ("two LSTM layers of 256", "float32"): 1.4,
    ("two LSTM layers of 256", "bf16"): 2.0,
    ("two GRU layers of 256", "float32"): 2.0,
    ("classic", "float32"): 1.8,
}
TFJS = 25.0  # seconds after which no further batch of TensorFlow.js is begun


class Plain(nn.Module):
    """The same model as one writes it in PyTorch, with the weights of ours."""

    def __init__(self, ours: LanguageModel):
        super().__init__()
        config = ours.config
        self.embedding = nn.Embedding(CHARACTERS, config.embedding_size)
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[config.cell]
        self.layers = kind(config.embedding_size, config.hidden_size, config.num_layers)
        self.head = nn.Linear(config.hidden_size, CHARACTERS)
        self.load_state_dict(ours.state_dict())

    def forward(self, ids, state=None, last=False):
        hidden, state = self.layers(self.embedding(ids.t()), state)
        return self.head(hidden[-1:] if last else hidden).transpose(0, 1), state


def model_of(recipe: str) -> LanguageModel:
    cell, layers, units = RECIPES[recipe][:3]
    torch.manual_seed(0)
    vocabulary = build_vocabulary(["".join(map(chr, range(32, 32 + CHARACTERS)))])
    config = LanguageConfig(
        cell=cell, embedding_size=64, hidden_size=units, num_layers=layers, dropout=0.0, input_dropout=0.0
    )
    return LanguageModel(vocabulary, config).train()


def stepper(model: nn.Module, recipe: str, ids: np.ndarray, bf16: bool):
    """A function that takes one training step after the other, and returns the loss."""
    *_, batch_size, window, last, optimizer, clip = RECIPES[recipe]
    reader = Windows(ids, batch_size, window) if last else Streams(ids, batch_size, window)
    update = optimizer(model.parameters(), 1e-3 if last else 2e-3, fused=True)
    place = {"step": 0, "state": None}

    def step() -> float:
        epoch, index = divmod(place["step"], len(reader))
        batch = reader.batch(epoch, index) if last else reader.batch(index)
        place["step"] += 1
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits, state = model(batch.inputs, None if last or not index else place["state"], last=last)
        loss = F.cross_entropy(logits.float().transpose(0, 1).flatten(0, 1), batch.targets.t().flatten())
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        update.step()
        update.zero_grad()
        place["state"] = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
        return loss.item()

    return step


def speeds(report: Report, threads: int, options, ids: np.ndarray) -> dict[tuple[str, str], float]:
    """Ratios of the recipes; returns our milliseconds."""
    report.table("threads", "model                 ", "type", "PyTorch ms", "recurra ms", "ratio", "tokens/s")
    ours = {}
    for recipe in RECIPES:
        ways, precisions = {}, ("float32", "bf16") if "two" in recipe else ("float32",)
        for precision in precisions:
            model = model_of(recipe)
            plain = Plain(model)
            ways["PyTorch", precision] = stepper(plain, recipe, ids, precision == "bf16")
            ways["recurra", precision] = stepper(model, recipe, ids, precision == "bf16")
        first = {way: step() for way, step in ways.items()}
        for precision in precisions:
            off = abs(first["PyTorch", precision] - first["recurra", precision])
            if off > (1e-4 if precision == "float32" else 1e-2):
                raise SystemExit(f"{recipe}, {precision}: the first losses differ by {off:.1e}")
        times = paired(ways, options.seconds * len(ways))
        fastest = min((milliseconds(times["PyTorch", p]), p) for p in precisions)[1]
        for precision in precisions:
            ms = [milliseconds(times[side, precision]) for side in ("PyTorch", "recurra")]
            faster = ratio(times["PyTorch", precision], times["recurra", precision])
            tokens = RECIPES[recipe][3] * RECIPES[recipe][4] / ms[1] * 1e3
            report.row(threads, recipe, precision, f"{ms[0]:.1f}", f"{ms[1]:.1f}", f"{faster:.2f}", f"{tokens:,.0f}")
            ours[recipe, precision] = ms[1]
            against = precision if precision == "float32" else fastest
            faster = ratio(times["PyTorch", against], times["recurra", precision])
            if (recipe, precision) in TARGETS:
                wanted = TARGETS[recipe, precision]
                words = f"{recipe}, {precision}, {threads} threads, against PyTorch in {against}: {faster:.2f}"
                report.target(f"{words}, wanted {wanted}", faster >= wanted)
    return ours


def losses(report: Report, steps: int) -> None:
    """Validation loss after some steps on real text, in our two types and in PyTorch's float32, from the same start."""
    text = corpus_text("manual")[:600_000]
    common = sorted(set(text), key=text.count, reverse=True)[:CHARACTERS]
    numbers = {character: number for number, character in enumerate(common)}
    ids = np.array([numbers[character] for character in text if character in numbers], np.uint8)
    ids, held = ids[:-40_000], torch.from_numpy(ids[-40_000:].astype(np.int64))
    recipe = "two LSTM layers of 256"
    report.table("model", "type", "steps", "validation nats")
    found = {}
    for name, bf16 in (("PyTorch", False), ("recurra", False), ("recurra", True)):
        model = model_of(recipe)
        model = model if name == "recurra" else Plain(model)
        step = stepper(model, recipe, ids, bf16)
        for _ in range(steps):
            step()
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            rows = held[: len(held) // 32 * 32].view(32, -1)
            logits, _ = model.eval()(rows[:, :-1])
            nats = F.cross_entropy(logits.float().flatten(0, 1), rows[:, 1:].flatten()).item()
        precision = "bf16" if bf16 else "float32"
        found[name, precision] = nats
        report.row(name, precision, steps, f"{nats:.4f}")
    off = found["recurra", "bf16"] - found["recurra", "float32"]
    report.target(
        f"bf16's validation loss is {off:+.4f} nats off float32's after {steps} steps, wanted within 0.01", off < 0.01
    )


def tfjs(report: Report, ours: float) -> None:
    """The recipe classic in TensorFlow.js on its CPU backend under Node."""
    if not shutil.which("node") or not shutil.which("npm"):
        report.say("TensorFlow.js was left out: it needs node and npm.")
        return
    script = Path(__file__).with_name("tfjs_classic.mjs")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(script, folder)
        quiet = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, "@tensorflow/tfjs@4"]
        subprocess.run(quiet, check=True)
        command = ["node", script.name, str(TFJS)]
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    version, batches, seconds = done.stdout.split()
    report.table("TensorFlow.js", "batches", "s a batch", "recurra ms", "ratio")
    report.row(version, batches, float(seconds), f"{ours:.1f}", f"{1e3 * float(seconds) / ours:.0f}")


def main() -> int:
    parser = arguments(__doc__, seconds=1.2, threads=[2, 1])
    parser.add_argument("--tfjs", action="store_true", help="also TensorFlow.js, installed with npm")
    parser.add_argument(
        "--losses", type=int, default=0, metavar="STEPS", help="also validation losses after so many steps"
    )
    options = parser.parse_args()
    report = Report(__doc__, options)
    report.say(header())
    ids = np.random.default_rng(0).integers(0, CHARACTERS, 400_000).astype(np.uint8)
    classic = math.inf
    for threads in options.threads:
        torch.set_num_threads(threads)
        classic = min(classic, speeds(report, threads, options, ids)["classic", "float32"])
    torch.set_num_threads(max(options.threads))
    if options.losses:
        losses(report, options.losses)
    if options.tfjs:
        tfjs(report, classic)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
