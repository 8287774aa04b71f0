"""What is held out of the data, and the fingerprint by which the same data is recognised."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Halves(NamedTuple):
    """Examples to learn from, and those that choose the best weights."""

    train: Any
    valid: Any
    separate: bool = False
    """Whether the second part was handed to `fit` as `validation_data`, and not held out of the first."""


def held_out(
    count: int, validation: float, seed: int, strata: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the examples to learn from and of those held out, both sorted: `train, valid = held_out(100, 0.1, seed=1)`.

    validation: a fraction of the examples (below 1), or how many (1 or more); 0 holds out none. Where it is more than 0, at
    least one is held out, and in every case at least one is learned from.
    strata: (count,) the kind of each example. The same fraction of each kind is then held out, rounded, never all of one:
    a kind with few examples may have none there.
    """
    random = np.random.default_rng(seed)
    if strata is None:
        wanted = round(validation if validation >= 1 else validation * count) or bool(validation)
        order = random.permutation(count)
        held = max(min(wanted, count - 1), 0)
        return np.sort(order[held:]), np.sort(order[:held])
    fraction, chosen = validation / count if validation >= 1 else validation, [np.empty(0, np.int64)]
    for kind in np.unique(strata):
        members = random.permutation(np.flatnonzero(strata == kind))
        chosen.append(members[: min(round(fraction * len(members)), len(members) - 1)])
    valid = np.sort(np.concatenate(chosen))
    return np.setdiff1d(np.arange(count), valid), valid


def fingerprint(*data: Any) -> str:
    """SHA-256, in hex, of nested data: texts, numbers, arrays, dataclasses and lists, tuples and dicts of those.

    The same values give the same fingerprint whether they come as a list, a tuple or a row of an array's rows.
    """
    total = hashlib.sha256()
    for one in data:
        _add(total, one)
    return total.hexdigest()


def _add(total: Any, value: Any) -> None:
    if dataclasses.is_dataclass(value):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif isinstance(value, Mapping):
        value = list(value.items())
    if isinstance(value, np.ndarray) and value.dtype != object:
        _put(total, f"{value.dtype.str}{value.shape}", np.ascontiguousarray(value).tobytes())
    elif isinstance(value, list | tuple | np.ndarray):
        _put(total, "[", str(len(value)).encode())
        for one in value:
            _add(total, one)
    elif hasattr(value, "detach"):
        _add(total, value.detach().cpu().numpy())
    else:
        value = value.item() if isinstance(value, np.generic) else value
        _put(total, type(value).__name__, str(value).encode("utf-8", "surrogatepass"))


def _put(total: Any, kind: str, content: bytes) -> None:
    # Lengths first: no two different values give the same bytes.
    total.update(f"{kind}:{len(content)}:".encode() + content)
