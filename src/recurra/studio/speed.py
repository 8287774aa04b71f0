"""How fast this machine trains a cell: measured once in a process of its own, at a few sizes, and kept beside the runs."""

import json
import statistics
import subprocess
import threading
import time
from bisect import bisect
from itertools import pairwise
from math import exp, log
from pathlib import Path
from typing import Any

import recurra
from recurra.files import write
from recurra.studio.worker import COMMAND, ENVIRONMENT
from recurra.tasks.language.config import LanguageConfig

FILE = "speed.json"
_UNITS = (32, 128, 384)
_TOKENS = 64
"""Tokens of the vocabulary that is measured with."""
_EMBEDDING = 64
_LIMIT = 120.0


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
    from recurra.tasks.language.compare import parameters

    return parameters(model, model.cell, range(tokens), model.hidden_size) - tokens * model.embedding_size


class Speeds:
    """Measured speeds by cell: `speeds.get("lstm", wait=5)`; None while they are being measured."""

    def __init__(self, folder: Path, own_cells: list[str]):
        self._path, self._own_cells = folder / FILE, own_cells
        self._lock, self._asked = threading.Lock(), {}

    def get(self, cell: str, wait: float = 0.0, quiet: bool = True) -> dict[str, Any] | None:
        """What is known of a cell's speed; it is measured where nothing is. quiet: whether nothing else computes now,
        so that measuring makes sense."""
        found = self._known().get(cell)
        if found is not None or not quiet:
            return found
        with self._lock:
            done = self._asked.get(cell)
            if done is None:
                done = self._asked[cell] = threading.Event()
                threading.Thread(target=self._measure, args=(cell, done), daemon=True).start()
        done.wait(wait)
        return self._known().get(cell)

    def _measure(self, cell: str, done: threading.Event) -> None:
        job = {"do": "measure", "cell": cell, "cells": self._own_cells}
        try:
            lines = subprocess.run(
                COMMAND,
                env=ENVIRONMENT,
                input=json.dumps(job) + "\n",
                capture_output=True,
                text=True,
                timeout=_LIMIT,
                check=False,
            ).stdout.splitlines()
            event = json.loads(lines[-1]) if lines else {}
            if event.get("event") == "measured":
                with self._lock:
                    known = self._known() | {cell: event["speed"]}
                    write(self._path, json.dumps({"recurra": recurra.__version__, "cells": known}))
        except subprocess.TimeoutExpired:
            # The card says that the speed is not known; the next question tries again.
            self._asked.pop(cell, None)
        finally:
            done.set()

    def _known(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found["cells"] if isinstance(found, dict) and found.get("recurra") == recurra.__version__ else {}


def seconds_a_token(points: list[list[float]], weights: int) -> float:
    """Between the measured sizes by their logarithms; beyond the largest in proportion, below the smallest as there."""
    if weights <= points[0][0]:
        return points[0][1]
    if weights >= points[-1][0]:
        return points[-1][1] * weights / points[-1][0]
    at = bisect([size for size, _ in points], weights)
    (low, fast), (high, slow) = list(pairwise(points))[at - 1]
    part = (log(weights) - log(low)) / (log(high) - log(low))
    return exp(log(fast) + part * (log(slow) - log(fast)))
