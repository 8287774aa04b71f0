"""How well a model predicts a text, by the engine: the same numbers as `measure`, without PyTorch."""

import math

import numpy as np

from recurra.data.passages import fit
from recurra.engine import Engine, Row
from recurra.generation.native import raise_for
from recurra.text import Vocabulary

STREAMS, WINDOW = 32, 128
"""Passages that a text is read in side by side, and the tokens of each that a short text leaves; always these, so that numbers
of different runs can be compared."""
_STEPS = 4096  # tokens of each passage that are read in a call, so that memory does not grow with the text


def measure(engine: Engine, vocabulary: Vocabulary, ids: np.ndarray, eod: int | None) -> dict[str, float]:
    """What `recurra.tasks.language.evaluate` returns, for ids (tokens,). eod: the token after which a text starts anew."""
    total, count = sum_of_losses(engine, ids, eod), len(ids) - 1
    characters = vocabulary.characters(ids)
    return measures(total / count, characters / len(ids)) | {"tokens": count, "characters": characters}


def sum_of_losses(engine: Engine, ids: np.ndarray, eod: int | None) -> float:
    """Minus the log-probabilities, in nats, of every token but the first, passage by passage."""
    targets = len(ids) - 1
    count = fit(STREAMS, targets, WINDOW)
    length = -(-targets // count)
    ends = [(first, min(first + length, targets)) for first in range(0, targets, length)]
    rows = [Row(state, engine.tokens) for state in engine.start(len(ends))]
    total = 0.0
    for at in range(0, length, _STEPS):
        going, logs = [], []
        for row, (first, end) in zip(rows, ends, strict=True):
            start, stop = first + at, min(first + at + _STEPS, end)
            if start >= stop:
                continue
            # A passage starts from a fresh state, whatever came before it.
            previous = int(ids[start - 1]) if at else -1
            row.call.eod = -1 if eod is None else eod
            row.reads(np.asarray(ids[start:stop], np.int64), previous)
            logs.append(row.predicts(np.asarray(ids[start + 1 : stop + 1], np.int64)))
            going.append(row)
        engine.run(going)
        for row, values in zip(going, logs, strict=True):
            raise_for(row.call.status)
            total -= math.fsum(values)
    return total


def measures(loss: float, characters_per_token: float) -> dict[str, float]:
    """What a mean loss in nats a token means."""
    # A text of special tokens alone has no characters; and no exponential beyond what a float holds.
    nats = loss / characters_per_token if characters_per_token else math.nan
    perplexity = math.exp(min(loss, 700.0))
    return {"loss": loss, "nats": nats, "bits_per_character": nats / math.log(2), "perplexity": perplexity}
