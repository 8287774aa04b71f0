"""What a backend is asked to do and what it gives back: one layer, one or both directions, over a whole sequence."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from recurra.backends.options import Options
from recurra.cells import Cell, Facts


class Weights(NamedTuple):
    """One direction's weights. H units, I inputs, P outputs (H, or fewer with a projection); X gates in W_x, G in W_h: those
    that the cell's step reads, in the cell's order."""

    w_x: Tensor  # (X*H, I)
    w_h: Tensor | None  # (G*H, P); (G*H, H/heads) with heads; None for a cell without a recurrent matrix
    b_x: Tensor | None  # (X*H,)
    b_h: Tensor | None  # (G*H,)
    w_r: Tensor | None = None  # (P, H) projection of the output
    vectors: dict[str, Tensor] = {}  # learned vectors by name, each (H,)

    def flat(self) -> list[Tensor | None]:
        """The weights in this order, the vectors last."""
        return [*self[:5], *self.vectors.values()]

    def like(self, values: Iterable) -> "Weights":
        """The same record of other values, in this order; from an iterator just so many are taken."""
        values = iter(values)
        return Weights(*islice(values, 5), {name: next(values) for name in self.vectors} if self.vectors else {})


class Operands(NamedTuple):
    """What of a call may have gradients; they come in the same record, None for what has none."""

    x: Tensor
    weights: list[Weights]  # one for each direction
    states: list[tuple[Tensor, ...]]  # for each direction, in the cell's order
    initial: list[tuple[Tensor, ...]]  # likewise; empty without resets
    given: tuple[Tensor, ...] = ()  # (T, B, H) each, in the cell's order

    def flat(self) -> list[Tensor | None]:
        """All of it in one list, in this order."""
        x, weights, states, initial, given = self
        found = [x]
        for part in weights:
            found += part[:5]
            found += part.vectors.values()
        for part in states:
            found += part
        for part in initial:
            found += part
        found += given
        return found

    def like(self, values: Iterable) -> "Operands":
        """The same record of other values, in the order of `flat`."""
        values, (_, weights, states, initial, given) = iter(values), self
        return Operands(
            next(values),
            [part.like(values) for part in weights],
            [tuple(islice(values, len(part))) for part in states],
            [tuple(islice(values, len(part))) for part in initial] if initial else [],
            tuple(islice(values, len(given))) if given else (),
        )


@dataclass
class Call:
    """One layer's work. Directions are 0 (forward in time) and, in a bidirectional layer, 1 (backward in time)."""

    cell: Cell
    facts: Facts
    """What the cell's step reads and shows."""
    x: Tensor
    """Input, (time, batch, features); with an embedding ids, (time, batch), whole numbers."""
    weights: list[Weights]
    """One for each direction."""
    states: list[tuple[Tensor, ...]]
    """States before the first step: for each direction, in the cell's order, (batch, units)."""
    lengths: Tensor | None = None
    """Steps of each row, (batch,); outputs past them are zero and the state stays as it was."""
    resets: Tensor | None = None
    """(time, batch) bool: the states become `initial` before this step (before the step that follows in time, backwards)."""
    initial: list[tuple[Tensor, ...]] = field(default_factory=list)
    """What a reset sets, for each direction in the cell's order, (batch, units)."""
    options: Options = field(default_factory=dict)
    """What else acts at every step, as `backends.options` has it."""
    keep_states: bool = False
    keep_gates: bool = False
    embedding: Tensor | None = None
    """(tokens, features): what the ids in `x` stand for."""
    kept: dict | None = None
    """Where a backend keeps what the next call on the same weights can use; None: nowhere."""
    given: dict[str, Tensor] = field(default_factory=dict)
    """What the cell is given at each step, by name: (time, batch, units), but for `input`, which is x. Until
    `nn.pieces` runs each direction by itself also (time, batch, units, 2), the last for the two directions."""

    def embedded(self) -> "Call":
        """The same call with the embedding looked up."""
        if self.embedding is None:
            return self
        return dataclasses.replace(self, x=F.embedding(self.x, self.embedding), embedding=None)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Time, batch and hidden units."""
        gates = len(self.facts.x_gates)
        return self.x.shape[0], self.x.shape[1], self.weights[0].w_x.shape[0] // gates

    @property
    def heads(self) -> int:
        """Into how many heads W_h is cut: each multiplies its own part of h."""
        w_h, w_r = self.weights[0].w_h, self.weights[0].w_r
        return 1 if w_h is None or w_r is not None else self.sizes[2] // w_h.shape[1]


class Ran(NamedTuple):
    """What came out of a Call."""

    y: Tensor  # (time, batch, directions * outputs)
    states: list[tuple[Tensor, ...]]  # after the last step, like Call.states
    kept_states: list[dict[str, Tensor]] = []  # for each direction: name → (time, batch, units)
    kept_gates: list[dict[str, Tensor]] = []  # for each direction: name → (time, batch, units)


def active_steps(lengths: Tensor, time: int) -> Tensor:
    """(time, batch, 1) bool: True up to each row's length."""
    return (torch.arange(time, device=lengths.device)[:, None] < lengths)[..., None]


def is_transformed() -> bool:
    """Whether torch.func transforms what runs now: vmap, grad, jvp."""
    if torch.compiler.is_compiling():  # it cannot look inside this question, and traces transforms by itself
        return False
    return torch._C._functorch.peek_interpreter_stack() is not None


def flip_steps(lengths: Tensor | None, x: Tensor) -> Tensor:
    """(time, batch, 1): the index that turns each row's own steps around and leaves its padding in place."""
    steps = torch.arange(x.shape[0], device=x.device)[:, None].expand(x.shape[:2])
    ends = x.shape[0] if lengths is None else lengths
    return torch.where(steps < ends, ends - 1 - steps, steps)[..., None]


def resets_of(resets: Tensor, active: Tensor | None, backward: bool) -> Tensor:
    """Where a direction drops its state before a step that it runs. resets: (time, batch, ...) bool, where documents start.

    active: as many dimensions, up to each row's length. Backward, a document that starts at t is left before t - 1 is read.
    """
    resets = resets if active is None else resets & active
    return torch.cat([resets[1:], torch.zeros_like(resets[:1])]) if backward else resets
