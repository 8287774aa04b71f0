"""Settings that suit a text's length and the time to be spent, known before the first step.

Measured by `benchmarks/bench_recipe.py` on other texts than those that it is reported on (see docs/decisions/0011):
a short text is overfitted by a wide model and needs many small steps; a short time is better spent on a narrow one.
"""

import math
import zlib
from collections.abc import Collection
from typing import Any

import numpy as np

WINDOW = 64
_LONG = 500_000  # tokens, from which on a text is trained on by the plain defaults
_TINY = 1000  # tokens, below which nothing can be learned
_TINY_STEPS = 100
_REPEATED = 0.02  # a text that can be packed to less is one passage again and again
_SPEED = 2.1e5  # tokens a second and processor that a layer of 128 units is trained on
_ROOM = (
    3.0  # from so many times its length on, a text is not trained on for all of the time: it would be learned by heart
)


def recipe(tokens: int, minutes: float | None, power: float, mine: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Settings by name, and the line that says which and why: `recipe(45_000, None, 1.0, {})`.

    tokens: to train on. minutes: to be spent, if that is set; where so much time is of no use, the settings have epochs, and
    minutes that are None. power: of the machine, in processors. mine: the user's settings, with which the others are to agree.
    """
    units, epochs = mine.get("hidden_size") or _units_of(tokens), _epochs(tokens)
    dropout = _between(tokens, 0.25, 0.4, 0.2, 0.4)
    why = "a long text takes a wide model" if tokens >= _LONG else "a wider model would know a short text by heart"
    fits = math.inf if minutes is None else 60 * minutes * power * _speed(units) / (epochs * tokens)
    if fits < 0.8:
        units = mine.get("hidden_size") or min(units, _units_in(60 * minutes * power))
        read = 60 * minutes * power * _speed(units) / tokens
        dropout, why = (
            min(0.4, max(0.0, 0.1 * math.log2(read / 4))),
            "a wider one would have too few steps in that time",
        )
    elif fits < _ROOM:
        dropout = min(0.5, dropout + 0.1 * max(0.0, math.log2(fits)))
    elif minutes is not None:
        why = "it would learn the text by heart in the rest of the time"
    found = {
        "hidden_size": units,
        "embedding_size": 64 if units < 256 else 128,
        "batch_size": _batch(tokens, fits),
        "lr": round(0.02 * min(1.0, (192 / units) ** (1.0 if fits < 0.8 else 1.4134)), 4),
        "warmup": 0.2 if units < 400 else 0.1,
        "dropout": round(dropout, 2),
        "input_dropout": round(dropout / 2, 2),
    }
    if fits >= _ROOM:
        found |= {"epochs": epochs, "minutes": None, "patience": 10 if tokens < _LONG else 0}
    if mine.get("tie_weights"):
        found = {name: value for name, value in found.items() if name not in ("hidden_size", "embedding_size")}
    return found, _sentence(tokens, minutes, found, mine, why)


def few(ids: np.ndarray, characters: int) -> str:
    """Why nothing can be learned from a text: it is too short, or repeats itself; "" where something can."""
    if len(ids) < _TINY:
        return f"{characters:,} characters are too few to learn from"
    packed = len(zlib.compress(ids[:100_000].tobytes(), 1)) / ids[:100_000].nbytes
    return "the text is one passage again and again" if packed < _REPEATED else ""


def few_epochs(tokens: int, batch: int = 4) -> int:
    """Passes over such a text."""
    return max(1, _TINY_STEPS // max(1, tokens // (batch * WINDOW)))


def _between(tokens: int, low: float, high: float, least: float, most: float) -> float:
    """From `low` for 45,000 tokens to `high` for 900,000, and on beyond, as much for each doubling, within bounds."""
    return min(most, max(least, low + (high - low) * math.log(tokens / 45_000) / math.log(20)))


def _speed(units: int) -> float:
    return _SPEED * (128 / units) ** 1.5


def _units_of(tokens: int) -> int:
    return _rounded(192 * (tokens / 45_000) ** (1 / 3))


def _units_in(seconds: float) -> int:
    return _rounded(144 * (seconds / 10) ** 0.25)


def _rounded(units: float) -> int:
    return min(512, max(64, round(units / 32) * 32))


def _batch(tokens: int, fits: float) -> int:
    if tokens < 20_000:
        return 4
    if tokens < 200_000:
        return 8
    return 32 if fits >= 0.8 and tokens >= _LONG else 16


def _epochs(tokens: int) -> int:
    return max(8, min(60, round(8 * (900_000 / tokens) ** 0.44)))


def _sentence(tokens: int, minutes: float | None, found: dict[str, Any], mine: Collection[str], why: str) -> str:
    words = {
        "hidden_size": "{} units",
        "batch_size": "{} streams",
        "lr": "rate {}",
        "dropout": "dropout {}",
        "epochs": "{} epochs",
    }
    chosen = ", ".join(form.format(found[name]) for name, form in words.items() if name in found and name not in mine)
    time = f" and {minutes:.3g} minute{'s' * (minutes != 1)}" if minutes else ""
    return f"for {tokens:,} tokens{time}: {chosen}; {why}"
