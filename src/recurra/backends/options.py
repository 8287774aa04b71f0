"""A layer's options that act at every step: the one record that each way through a layer reads.

A call has `options`: name → for each direction a tuple, of one tensor or of one value for each state. A row of KINDS says what
the values are; passing them on (to the core, whose field in native/fields_direction.h has the same name, through the operator,
in pieces of time) is made from it. What an option does stands in `equations`, and in the core's forward.h and backward.h.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Kind(NamedTuple):
    """What an option's values are."""

    size: str
    """"row": one tensor, (batch, outputs). "steps": for each state (time, batch, its width). "number": a float for each."""
    dtype: torch.dtype | None
    """Of its tensors; None: the arithmetic's."""
    words: str
    """What messages call the option."""


KINDS = {
    "mask": Kind("row", None, "recurrent dropout"),  # multiplied onto h before W_h, the same at every step
    "state_clip": Kind("number", None, "state_clip"),  # a new state's largest size; 0: any
    "zoneout": Kind("steps", torch.bool, "zoneout"),  # True keeps the old value
    "zone_share": Kind("number", None, "zoneout"),  # in evaluation: the fraction of the old value that is kept
}

Options = dict[str, list[tuple]]
"""By name; empty for a call without any."""


def count(name: str, states: int) -> int:
    """How many values a direction has."""
    return 1 if KINDS[name].size == "row" else states


def of_direction(options: Options, d: int) -> Options:
    """Those of one direction."""
    return {name: [parts[d]] for name, parts in options.items()}


def at_steps(options: Options, change: Callable[[Tensor], Tensor]) -> Options:
    """The same with `change` of what has steps of time."""
    return {
        name: [tuple([change(value) for value in part]) for part in parts] if KINDS[name].size == "steps" else parts
        for name, parts in options.items()
    }


def tensors(options: Options) -> list[Tensor]:
    """Every tensor, in order."""
    return [value for name, parts in options.items() if has_tensors(name) for part in parts for value in part]


def numbers(options: Options) -> list[float]:
    """Every number, in order."""
    return [value for name, parts in options.items() if not has_tensors(name) for part in parts for value in part]


def has_tensors(name: str) -> bool:
    """Whether an option's values are tensors."""
    return KINDS[name].size != "number"


def like(options: Options, values: Iterable[Any]) -> Options:
    """The same record with other values in the place of its tensors, in the order of `tensors`."""
    if not options:
        return options
    values = iter(values)
    return {
        name: [tuple([next(values) for _ in part]) for part in parts] if has_tensors(name) else parts
        for name, parts in options.items()
    }


def again(names: list[str], directions: int, states: int, tensors: Iterable, numbers: Iterable) -> Options:
    """The record that gave these tensors and numbers."""
    tensors, numbers = iter(tensors), iter(numbers)
    return {
        name: [
            tuple([next(tensors if has_tensors(name) else numbers) for _ in range(count(name, states))])
            for _ in range(directions)
        ]
        for name in names
    }
