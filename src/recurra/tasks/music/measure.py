"""How well a model predicts pieces: nats a step."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recurra.data import pad
from recurra.errors import ConfigError, DataError, nearest
from recurra.tasks.music.form import KEYS
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.sources import PARTS, read

_BATCH = 32
_STEPS = 1 << 13  # of all pieces in a batch, read at once


def evaluate(model: MusicModel, source: Any, part: str = "test") -> dict[str, float]:
    """Measure a model on pieces: `evaluate(model, "chorales.json")["nats"]`.

    source: what `train` takes. part: of files that have a split, "train", "valid" or "test"; others are taken whole.
    Returns nats: minus the log-probability of a step given those before it, summed over the 88 keys (and over those that can
    be struck again, with a model that knows of it), as the mean over all steps of all pieces but each piece's first, which is
    given (Bai et al. 2018, arXiv:1803.01271); nats_with_first: the same with the first; pieces; steps.
    ConfigError for another part, DataError if there is nothing to measure on.
    """
    if part not in PARTS:
        raise ConfigError(f"`part` is {part!r}; {nearest(part, PARTS)}")
    found = read(source, steps_per_beat=model.form.steps_per_beat)
    pieces = found.parts[part] if found.split else [piece for pieces in found.parts.values() for piece in pieces]
    if not pieces:
        raise DataError(f"there is no piece to measure on: part {part!r} is empty")
    return measure(model, [piece.rows(model.strikes) for piece in pieces])


def measure(model: MusicModel, rolls: Sequence[np.ndarray]) -> dict[str, float]:
    """The same from what `Piece.rows` gives: (steps, 88 or 176) each, as the model reads them."""
    was_training, total, firsts = model.training, 0.0, 0.0
    model.eval()
    rolls = sorted(rolls, key=len)
    with torch.no_grad():
        for start in range(0, len(rolls), _BATCH):
            keys, lengths = batch(rolls[start : start + _BATCH], model.device)
            for nats, rows in _in_parts(model, keys, lengths):
                total += float(nats.double().sum())
                firsts += float(nats[rows == 0].double().sum())
    model.train(was_training)
    steps = sum(map(len, rolls))
    return {
        "nats": (total - firsts) / (steps - len(rolls)),
        "nats_with_first": total / steps,
        "pieces": len(rolls),
        "steps": steps,
    }


def batch(rolls: Sequence[np.ndarray], device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows of pieces as one array: keys (time, batch, 88 or 176) float32, and lengths (batch,)."""
    keys, lengths = pad([roll.astype(np.float32) for roll in rolls])
    return keys.transpose(0, 1).contiguous().to(device), lengths.to(device)


def step_nats(model: torch.nn.Module, keys: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The nats of every step in a batch, (steps,), and each one's place in its piece, from 0."""
    return next(_in_parts(model, keys, lengths, len(keys)))


def _in_parts(
    model: torch.nn.Module, keys: Tensor, lengths: Tensor, steps: int | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """The same for some of the steps after the other. steps: how many at once; default so many that memory is bounded."""
    head = getattr(model, "module", model).head  # under DistributedDataParallel
    steps, state, last = steps or max(1, _STEPS // keys.shape[1]), None, torch.zeros_like(keys[:1])
    for at in range(0, len(keys), steps):
        part, left = keys[at : at + steps], (lengths - at).clamp(0, steps)
        before, last = torch.cat([last, part[:-1]]), part[-1:]
        hidden, state = model(before, state, left.clamp(max=len(part)))
        time = torch.arange(len(part), device=keys.device)[:, None].expand(-1, keys.shape[1])
        there = time < left
        held = before[there][..., :KEYS] > 0 if keys.shape[-1] > KEYS else None
        yield head.nats(hidden[there], part[there], held), time[there] + at
