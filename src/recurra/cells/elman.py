"""Elman network: the plain recurrent cell.

    h' = φ(W_x x + b_x + W_h h + b_h)          φ = tanh unless another activation is given

Elman 1990, "Finding structure in time". With φ = relu and W_h started from the identity it is the IRNN of
Le, Jaitly & Hinton 2015, arXiv:1504.00941.
"""

from collections.abc import Callable

from recurra.cells.base import Cell
from recurra.errors import CellError, nearest
from recurra.expr import relu, sigmoid, tanh

ACTIVATIONS = {"tanh": tanh, "relu": relu, "sigmoid": sigmoid}


class Elman(Cell):
    """The plain recurrent cell. activation: "tanh" (default), "relu", "sigmoid", or any elementwise function."""

    gates = "n"  # torch.nn.RNN's only block
    states = "h"

    def __init__(self, activation: str | Callable = "tanh"):
        if not callable(activation) and activation not in ACTIVATIONS:
            raise CellError(f"activation is {activation!r}; {nearest(activation, ACTIVATIONS)}, or a function")
        self.activation = activation

    def step(self, x, h, s):
        activation = self.activation if callable(self.activation) else ACTIVATIONS[self.activation]
        return s.next(h=activation(x.n + h.n))

    def __repr__(self) -> str:
        return f"Elman({self.activation!r})"
