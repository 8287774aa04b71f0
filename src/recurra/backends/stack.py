"""A stack of layers as it is now: the one description from which every way through it is built."""

from dataclasses import dataclass, field
from typing import NamedTuple

from recurra.backends.call import Weights
from recurra.cells import Cell, Facts


class Shape(NamedTuple):
    """Widths of a stack: for each layer what it reads, its units, and what one direction gives."""

    inputs: tuple[int, ...]
    hidden: tuple[int, ...]
    outputs: tuple[int, ...]
    directions: int
    listed: bool  # widths came as a list, so states do too
    count: int  # states of the cell

    def suffixes(self, layer: int) -> list[str]:
        """The ends of a layer's weight names, as in torch.nn: l0, l0_reverse."""
        return [f"l{layer}", f"l{layer}_reverse"][: self.directions]

    def states(self, layer: int) -> tuple[int, ...]:
        """The width of each of the cell's states: the first is the output, and may be projected."""
        return (self.outputs[layer], *[self.hidden[layer]] * (self.count - 1))


@dataclass(frozen=True)
class Stack:
    """What `Recurrent.stack()` gives out: all that follows from the layers alone, and nothing of a call."""

    cell: Cell
    facts: Facts
    """What the cell's step reads and shows."""
    shape: Shape
    names: list[list[Weights]]
    """For each layer and direction what its parameters are called, None for those that it has not."""
    weights: list[list[Weights]]
    """The same with the weights as they are now."""
    kept: list[dict] = field(default_factory=list)
    """For each layer what a backend keeps from call to call, as `Call.kept`; empty if reading them fails."""
