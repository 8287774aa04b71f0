"""A call of the compiled kernel as records: its tensors in their places, its results, the sizes that follow from them."""

import functools
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import NamedTuple

import torch
from torch import Tensor

from recurra.backends import options
from recurra.backends.call import Operands, Weights
from recurra.backends.cpu import abi, library
from recurra.backends.cpu.library import Made
from recurra.backends.options import Options
from recurra.cells import WEIGHTS

IO = {torch.float32: abi.F32, torch.bfloat16: abi.BF16, torch.float64: abi.F64}
DTYPES = {io: dtype for dtype, io in IO.items()}
MATRICES = Weights._fields[:-1]  # as abi.Direction calls them
LABELS = [dict(zip(MATRICES, [name + end for name in WEIGHTS], strict=True)) for end in ("", "_reverse")]
"""What error messages call the weights of each direction."""


class Work(NamedTuple):
    """One call of the compiled kernel. D directions, S states."""

    cell: str  # key of the compiled cell
    io: int  # type of x and y: abi.F32, BF16, F64
    threads: int
    keep_states: bool
    keep_gates: bool
    train: bool  # keep what the backward pass needs
    batch_major: bool  # y lies batch first in memory
    operands: Operands  # x (T, B, I), or with tokens the table (V, G*H)
    lengths: Tensor | None
    resets: Tensor | None
    options: Options
    tokens: Tensor | None  # (T, B) int64

    @property
    def directions(self) -> int:
        return len(self.operands.weights)

    def flat(self) -> list[Tensor | None]:
        """Every tensor of the call."""
        return [*self.operands.flat(), *self.others()]

    def others(self) -> list[Tensor | None]:
        """Those that have no gradients."""
        return [self.lengths, self.resets, *options.tensors(self.options), self.tokens]

    def labels(self) -> list[str]:
        """What error messages call each of `flat`."""
        cell = library.by_key(self.cell).cell
        states = cell.state_names
        ends = ["", "_reverse"][: self.directions]
        found = ["x"]
        for labels, one in zip(LABELS, self.operands.weights, strict=False):
            found += [*labels.values(), *one.vectors]
        found += [f"{name}0{end}" for end in ends for name in states]
        found += [f"initial_{name}{end}" for end in ends for name in states if self.operands.initial]
        found += cell.given_names if self.operands.given else []
        found += ["lengths", "resets"]
        for name, parts in self.options.items():
            found += [options.KINDS[name].words for part in parts for _ in part if options.has_tensors(name)]
        return [*found, "ids"]

    def like(self, values: Iterable) -> "Work":
        """The same call with other values in the place of its tensors, in the order of `flat`."""
        values = iter(values)
        operands, lengths, resets = self.operands.like(values), next(values), next(values)
        return self.holding(operands, lengths, resets, options.like(self.options, values), next(values))

    def blank(self) -> "Work":
        """The same call with None in the place of its tensors."""
        _, weights, states, initial, given = self.operands
        form = len(weights), tuple(weights[0].vectors), len(states[0]), bool(initial), len(given)
        return self.holding(_blank_operands(*form), None, None, options.like(self.options, repeat(None)), None)

    def on(self, operands: Operands, threads: int, train: bool, batch_major: bool) -> "Work":
        """The same call on other operands. (`_replace` takes three times as long.)"""
        cell, io, _, keep_states, keep_gates = self[:5]
        return Work(cell, io, threads, keep_states, keep_gates, train, batch_major, operands, *self[8:])

    def holding(self, operands: Operands, lengths, resets, options: Options, tokens) -> "Work":
        """The same call with these tensors."""
        return Work(*self[:7], operands, lengths, resets, options, tokens)


@functools.lru_cache(maxsize=64)
def _blank_operands(directions: int, vectors: tuple[str, ...], states: int, initial: bool, given: int) -> Operands:
    one, each = Weights(None, None, None, None, None, dict.fromkeys(vectors)), (None,) * states
    return Operands(
        None, [one] * directions, [each] * directions, [each] * directions if initial else [], (None,) * given
    )


class Results(NamedTuple):
    """What a call gives, or their gradients: None for zero."""

    y: Tensor | None  # (T, B, D*P)
    states: list[tuple[Tensor | None, ...]]  # after the last step: for each direction and state
    kept_states: list[tuple[Tensor | None, ...]]  # (T, B, H) each, on request
    kept_gates: list[tuple[Tensor | None, ...]]  # likewise, for each gate that the cell shows

    def flat(self) -> list[Tensor | None]:
        found = [self.y]
        for part in (*self.states, *self.kept_states, *self.kept_gates):
            found += part
        return found


def results(work: Work, values: Sequence) -> Results:
    """The values of `Results.flat` as the record again."""
    states, directions = len(work.operands.states[0]), work.directions
    each = range(directions)
    if len(values) == 1 + states * directions:
        return Results(values[0], [tuple(values[1 + d * states : 1 + (d + 1) * states]) for d in each], [], [])
    first = 1 + states * directions
    second = first + states * directions * work.keep_states
    shown = (len(values) - second) // directions

    def parts(start: int, count: int) -> list[tuple]:
        return [tuple(values[start + d * count : start + (d + 1) * count]) for d in each]

    kept_states = parts(first, states) if work.keep_states else []
    return Results(values[0], parts(1, states), kept_states, parts(second, shown) if work.keep_gates else [])


class Sizes(NamedTuple):
    """What follows from a call's tensors."""

    time: int
    batch: int
    inputs: int
    units: int
    outputs: int
    heads: int

    def widths(self, states: int) -> list[int]:
        return [self.outputs, *[self.units] * (states - 1)]

    def at(self, time: int, batch: int) -> "Sizes":
        """The same layer's sizes on other tensors."""
        return Sizes(time, batch, *self[2:])


def sizes(work: Work, made: Made) -> Sizes:
    """The sizes of a call; units, projection and heads follow from the weights."""
    x, tokens, one = work.operands.x, work.tokens, work.operands.weights[0]
    time, batch = (x if tokens is None else tokens).shape[:2]
    inputs = x.shape[-1]
    units = (inputs if tokens is not None else one.w_x.shape[0]) // len(made.x_gates)
    outputs, heads = units, 1
    if one.w_r is not None:
        outputs = one.w_r.shape[0]
    elif one.w_h is not None:
        heads = max(units // max(one.w_h.shape[-1], 1), 1)
    return Sizes(time, batch, inputs, units, outputs, heads)
