"""Problems that need a memory, made in code: what was seen `lag` steps ago decides what is right now.

adding           the sum of two marked numbers among `lag` of them   Hochreiter & Schmidhuber 1997
copy             five symbols, `lag` blanks, the same again          Hochreiter & Schmidhuber 1997; Arjovsky et al. 2016
selective-copy   five symbols somewhere among `lag` blanks           Jing et al. 2019; Gu & Dao 2023
parity           whether the ones so far are odd, for `lag` bits     Hochreiter & Schmidhuber 1997
brackets         the kind of bracket that each end mark closes       as in Suzgun et al. 2019
induction        what followed this symbol, `lag` steps before       Olsson et al. 2022; Gu & Dao 2023
"""

from collections.abc import Callable
from numbers import Integral
from typing import NamedTuple

import numpy as np

from recurra.errors import ConfigError, setting

SYMBOLS, ALPHABET = 5, 8  # how many symbols are copied, and of how many kinds they are
KINDS, DEPTH = 4, 4  # brackets: their kinds, and how deep they nest

Made = tuple[np.ndarray, np.ndarray, np.ndarray]
"""inputs (time, batch, features) float32; targets (time, batch), classes or numbers; counted (time, batch) bool."""


class Problem(NamedTuple):
    """One of them: `PROBLEMS["copy"].make(np.random.default_rng(0), 32, 100)`."""

    inputs: int
    """Features of a step."""
    outputs: int
    """Classes; 0 = a number."""
    shortest: int
    """The least lag it can have."""
    more: int
    """Steps of a sequence beside `lag`."""
    make: Callable[[np.random.Generator, int, int], Made]
    """(random, batch, lag) → a batch."""
    chance: float
    """The error of one who knows nothing but the numbers' mean, or guesses a class."""


def adding(random: np.random.Generator, batch: int, lag: int) -> Made:
    values, marks = random.uniform(0, 1, (lag, batch)), np.zeros((lag, batch))
    rows = np.arange(batch)
    # One mark in each half: the first has to be kept for half the lag on average.
    places = random.integers(0, lag // 2, batch), random.integers(lag // 2, lag, batch)
    total = sum(values[place, rows] for place in places)
    for place in places:
        marks[place, rows] = 1
    targets = np.zeros((lag, batch), np.float32)
    targets[-1] = total
    return np.stack([values, marks], 2).astype(np.float32), targets, _last(lag, batch, 1)


def copy(random: np.random.Generator, batch: int, lag: int) -> Made:
    symbols = random.integers(0, ALPHABET, (SYMBOLS, batch))
    return _recalled(np.concatenate([symbols, np.full((lag, batch), ALPHABET)]), symbols)


def selective_copy(random: np.random.Generator, batch: int, lag: int) -> Made:
    symbols = random.integers(0, ALPHABET, (SYMBOLS, batch))
    seen = np.full((lag, batch), ALPHABET)
    places = np.sort(random.random((lag, batch)).argsort(0)[:SYMBOLS], 0)
    seen[places, np.arange(batch)] = symbols
    return _recalled(seen, symbols)


def _recalled(seen: np.ndarray, symbols: np.ndarray) -> Made:
    """What was seen, then a mark at each step where a symbol is to be named, in their order. Blank and mark are symbols too."""
    marks = np.full(symbols.shape, ALPHABET + 1)
    ids = np.concatenate([seen, marks])
    targets = np.concatenate([np.zeros_like(seen), symbols])
    return _one_hot(ids, ALPHABET + 2), targets, _last(*ids.shape, len(symbols))


def parity(random: np.random.Generator, batch: int, lag: int) -> Made:
    bits = random.integers(0, 2, (lag, batch))
    return _one_hot(bits, 2), bits.cumsum(0) % 2, np.ones((lag, batch), bool)


def brackets(random: np.random.Generator, batch: int, lag: int) -> Made:
    ids, targets = np.zeros((lag, batch), np.int64), np.zeros((lag, batch), np.int64)
    opens, kinds = random.random((lag, batch)) < 0.5, random.integers(0, KINDS, (lag, batch))
    stack, depth, rows = np.zeros((DEPTH + 1, batch), np.int64), np.zeros(batch, np.int64), np.arange(batch)
    for t in range(lag):
        opening = (opens[t] | (depth == 0)) & (depth < DEPTH)
        ids[t] = np.where(opening, kinds[t], KINDS)  # every end mark looks the same
        top = np.where(opening, depth, depth - 1)
        targets[t] = np.where(opening, 0, stack[top, rows])
        stack[top, rows] = np.where(opening, kinds[t], stack[top, rows])
        depth += np.where(opening, 1, -1)
    return _one_hot(ids, KINDS + 1), targets, ids == KINDS


def induction(random: np.random.Generator, batch: int, lag: int) -> Made:
    rows, key = np.arange(batch), random.integers(0, ALPHABET, batch)
    # The key comes early and is seen again at the end; between, and before, there are only others.
    ids = (key + random.integers(1, ALPHABET, (lag + 2, batch))) % ALPHABET
    place = random.integers(0, max(1, lag // 4), batch)
    ids[place, rows] = ids[-1] = key
    targets = np.zeros_like(ids)
    targets[-1] = ids[place + 1, rows]
    return _one_hot(ids, ALPHABET), targets, _last(*ids.shape, 1)


def _one_hot(ids: np.ndarray, count: int) -> np.ndarray:
    return np.eye(count, dtype=np.float32)[ids]


def _last(time: int, batch: int, steps: int) -> np.ndarray:
    return np.broadcast_to(np.arange(time)[:, None] >= time - steps, (time, batch))


PROBLEMS: dict[str, Problem] = {
    "adding": Problem(2, 0, 2, 0, adding, 1 / 6),
    "copy": Problem(ALPHABET + 2, ALPHABET, 1, 2 * SYMBOLS, copy, 1 - 1 / ALPHABET),
    "selective-copy": Problem(ALPHABET + 2, ALPHABET, SYMBOLS, SYMBOLS, selective_copy, 1 - 1 / ALPHABET),
    "parity": Problem(2, 2, 1, 0, parity, 1 / 2),
    "brackets": Problem(KINDS + 1, KINDS, 2, 0, brackets, 1 - 1 / KINDS),
    "induction": Problem(ALPHABET, ALPHABET, 2, 2, induction, 1 - 1 / (ALPHABET - 1)),
}
"""The problems by name. Errors are mean squared ones where the answer is a number, else the fraction of wrong answers."""


def check_lag(name: str, lag: int) -> None:
    """ConfigError for a lag that a problem cannot have."""
    if isinstance(lag, bool) or not isinstance(lag, Integral) or lag < PROBLEMS[name].shortest:
        raise ConfigError(
            f"{setting('lags')} has {lag}; {name} needs {PROBLEMS[name].shortest} steps or more, a whole number"
        )
