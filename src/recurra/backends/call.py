"""What a backend is asked to do and what it gives back: one layer, one or both directions, over a whole sequence."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from recurra.cells import Cell, Facts


class Weights(NamedTuple):
    """One direction's weights. G gates, H units, I inputs, P outputs (H, or fewer with a projection)."""

    w_x: Tensor  # (G*H, I)
    w_h: Tensor | None  # (G*H, P); None for a cell without a recurrent matrix
    b_x: Tensor | None  # (G*H,)
    b_h: Tensor | None  # (G*H,)
    w_r: Tensor | None = None  # (P, H) projection of the output
    vectors: dict[str, Tensor] = {}  # learned vectors by name, each (H,)


@dataclass
class Call:
    """One layer's work. Directions are 0 (forward in time) and, in a bidirectional layer, 1 (backward in time)."""

    cell: Cell
    facts: Facts
    """What the cell's step reads and shows."""
    x: Tensor
    """Input, (time, batch, features)."""
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
    mask: list[Tensor] | None = None
    """Recurrent dropout: for each direction (batch, outputs), multiplied onto h before W_h, the same at every step."""
    zoneout: list[tuple[Tensor | float, ...]] | None = None
    """For each direction and state: the share kept from the step before; (time, batch, units) bool or one number."""
    keep_states: bool = False
    keep_gates: bool = False

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Time, batch and hidden units."""
        gates = len(self.cell.gate_names)
        return self.x.shape[0], self.x.shape[1], self.weights[0].w_x.shape[0] // gates


class Ran(NamedTuple):
    """What came out of a Call."""

    y: Tensor  # (time, batch, directions * outputs)
    states: list[tuple[Tensor, ...]]  # after the last step, like Call.states
    kept_states: list[dict[str, Tensor]] = []  # for each direction: name → (time, batch, units)
    kept_gates: list[dict[str, Tensor]] = []  # for each direction: name → (time, batch, units)


def active_steps(lengths: Tensor, time: int) -> Tensor:
    """(time, batch, 1) bool: True up to each row's length."""
    return (torch.arange(time, device=lengths.device)[:, None] < lengths)[..., None]
