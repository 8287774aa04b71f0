"""How well a model predicts a text, by the engine: the same numbers as `measure`, without PyTorch."""

import math

import numpy as np

from recurra.data.passages import fit
from recurra.engine import Engine, Row
from recurra.errors import DataError
from recurra.generation.native import raise_for
from recurra.text import Vocabulary

STREAMS, WINDOW = 32, 128
"""Passages that a text is read in side by side, and the tokens of each that a short text leaves; always these, so that numbers
of different runs can be compared."""
WINDOWS = 8192
"""Places of a text at which a model with a bounded context is measured, at least: each costs a whole context."""
_ROWS = 256
_STEPS = 4096  # tokens of each passage that are read in a call, so that memory does not grow with the text


def measure(
    engine: Engine, vocabulary: Vocabulary, ids: np.ndarray, eod: int | None, context: int = 0
) -> dict[str, float]:
    """What `recurra.tasks.language.evaluate` returns, for ids (tokens,). eod: the token after which a text starts over.

    context: 0 where the state is carried; else as many tokens are read again for each that is predicted.
    """
    if len(ids) < 2:
        raise DataError(f"the text is {len(ids)} token(s) long; measuring needs at least 2")
    characters = read = vocabulary.characters(ids)
    if context:
        total, count = sum_over_windows(engine, ids, eod, context)
        read = characters if count == len(ids) - 1 else round(characters * count / len(ids))
    else:
        total, count = sum_of_losses(engine, ids, eod), len(ids) - 1
    return measures(total / count, characters / len(ids)) | {"tokens": count, "characters": read}


def sum_over_windows(engine: Engine, ids: np.ndarray, eod: int | None, context: int) -> tuple[float, int]:
    """Minus the log-probabilities of evenly spaced tokens, each after a context that is read from a fresh state; how many."""
    window, stride = min(context, len(ids) - 1), max(1, (len(ids) - 1) // WINDOWS)
    starts = range(0, len(ids) - window, stride)
    total, targets = 0.0, np.full(window, -1)
    for first in range(0, len(starts), _ROWS):
        rows, logs = [], []
        part = starts[first : first + _ROWS]
        for start, state in zip(part, engine.start(len(part)), strict=True):
            row = Row(state, engine.tokens)
            row.call.eod = -1 if eod is None else eod
            row.reads(np.asarray(ids[start : start + window], np.int64))
            targets[-1] = ids[start + window]
            logs.append(row.predicts(targets.copy()))
            rows.append(row)
        engine.run(rows)
        for row, values in zip(rows, logs, strict=True):
            raise_for(row.call.status)
            total -= values[-1]
    return total, len(starts)


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
