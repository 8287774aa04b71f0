"""Gates that are shut or wide open: the fraction of time each unit's gate is saturated.

Karpathy, Johnson & Fei-Fei 2015, "Visualizing and understanding recurrent networks", arXiv:1506.02078.
"""

from typing import NamedTuple

import numpy as np
import torch

from recurra.cells import Cell, facts
from recurra.inside.reading import Reading

SHUT, OPEN = 0.1, 0.9


class Saturation(NamedTuple):
    """Shares of the steps, (units,) each, from 0 to 1."""

    left: np.ndarray
    """Steps at which the gate is below 0.1: shut."""
    right: np.ndarray
    """Steps at which it is above 0.9: open."""


def saturation(reading: Reading) -> list[dict[str, Saturation]]:
    """For each layer and gate how often it is shut and open: `saturation(reading)[0]["f"].right` is (units,).

    Only gates between 0 and 1; a candidate that goes through tanh is none. Empty for a cell that shows no gate.
    """
    names = squashed(reading.cell)
    return [{name: _saturation(layer[name]) for name in names} for layer in reading.gates]


def _saturation(gate: np.ndarray) -> Saturation:
    return Saturation((gate < SHUT).mean(0), (gate > OPEN).mean(0))


def squashed(cell: Cell) -> tuple[str, ...]:
    """The gates that a cell shows and that stay between 0 and 1 whatever comes in: `squashed(LSTM())` is ("i", "f", "o")."""
    # Found by trying, because a cell's step may squash in any way: by a sigmoid, three lines, or a quotient.
    random = torch.Generator().manual_seed(0)

    def numbers(_=None) -> torch.Tensor:
        return 10 * torch.randn(64, 64, generator=random, dtype=torch.float64, device="cpu")

    def product(_, gate: int | None):
        return numbers() if gate is not None else tuple(map(numbers, cell.gate_names))

    by_name = ({name: numbers() for name in names} for names in (cell.gate_names, cell.state_names))
    vectors = {name: torch.ones(64, dtype=torch.float64, device="cpu") for name in cell.vectors}
    given = {name: numbers() for name in cell.given_names}
    shown = cell.step(*cell.arguments(next(by_name), product, next(by_name), vectors, given=given)).gates
    return tuple(name for name in facts(cell).shown if shown[name].min() >= 0 and shown[name].max() <= 1)
