"""How fast this machine trains a cell, measured at a few sizes: the work of a process of its own."""

import statistics
import time
from typing import Any

from recurra.tasks.language.compare import parameters
from recurra.tasks.language.config import LanguageConfig

_UNITS = (32, 128, 384)
_TOKENS = 64
"""Tokens of the vocabulary that is measured with."""
_EMBEDDING = 64


def measure(cell: str) -> dict[str, Any]:
    """Time some training steps of a cell: the seconds of a token by the weights it is multiplied with, of a step beyond
    that, and of a token that is generated. A second or two of work."""
    batches = {"full": (32, 64), "small": (4, 32)}
    points, generated = [], []
    for units in _UNITS:
        model = _model(cell, units)
        step = _stepper(model)
        seconds = _time(step, *batches["full"])
        points.append([weights(model.config, _TOKENS), seconds / (32 * 64)])
        if units == _UNITS[0]:
            extra = max(0.0, _time(step, *batches["small"]) - points[0][1] * 4 * 32)
        generated.append(_time_generation(model))
    return {"points": points, "step": extra, "generated": max(generated)}


def _model(cell: str, units: int):
    from recurra.tasks.language import LanguageModel
    from recurra.text import build_vocabulary

    symbols = "".join(map(chr, range(48, 48 + _TOKENS)))
    return LanguageModel(
        build_vocabulary([symbols]), LanguageConfig(cell, _EMBEDDING, units, dropout=0, input_dropout=0)
    )


def _stepper(model):
    import torch
    from torch.nn import functional as F

    optimizer = torch.optim.AdamW(model.parameters())

    def step(batch: int, window: int) -> None:
        ids = torch.randint(_TOKENS, (batch, window))
        logits, _ = model(ids)
        F.cross_entropy(logits.flatten(0, 1), ids.flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def _time(step, batch: int, window: int) -> float:
    """The usual time of a step: the first ones, which prepare and compile, are left out."""
    times = []
    for _ in range(8):
        began = time.perf_counter()
        step(batch, window)
        times.append(time.perf_counter() - began)
    return statistics.median(times[2:])


def _time_generation(model) -> float:
    began = time.perf_counter()
    model.eval().generate("", 20, seed=1)
    model.train()
    return (time.perf_counter() - began) / 20


def weights(model: LanguageConfig, tokens: int) -> int:
    """The weights that a token is multiplied with: all but the embedding, which is looked up."""
    return parameters(model, model.cell, range(tokens), model.hidden_size) - tokens * model.embedding_size
