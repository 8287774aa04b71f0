"""Elman network: the plain recurrent cell.

    h' = φ(W_x x + b_x + W_h h + b_h)          φ = tanh unless another activation is given

Elman 1990, "Finding structure in time". With φ = relu and W_h started from the identity it is the IRNN of
Le, Jaitly & Hinton 2015, arXiv:1504.00941.
"""

from collections.abc import Callable

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.errors import CellError, nearest
from recurra.expr import relu, sigmoid, tanh

ACTIVATIONS = {"tanh": tanh, "relu": relu, "sigmoid": sigmoid}
PYTORCH = {"tanh": "rnn_tanh", "relu": "rnn_relu"}
LESSONS = {
    "tanh": Lesson(
        "Elman RNN",
        "One state, made again at each step from the input and the last state.",
        {"n": "the new state itself; nothing decides what is kept"},
        "To see what the gates of the others are good for, and where a few characters back are enough. It is the"
        " quickest a step, and its gradient fades soonest.",
    ),
    "relu": Lesson(
        "RNN with ReLU",
        "The plain cell without a ceiling: a state may grow, so that a gradient need not fade.",
        {"n": "the new state itself, nothing below 0"},
        "For experiments with long memory in a plain cell. It needs clipping and a small learning rate, or it explodes.",
    ),
}


class Elman(Cell):
    """The plain recurrent cell. activation: "tanh" (default), "relu", "sigmoid", or any elementwise function."""

    gates = "n"  # torch.nn.RNN's only block
    states = "h"

    def __init__(self, activation: str | Callable = "tanh"):
        if not callable(activation) and activation not in ACTIVATIONS:
            raise CellError(f"activation is {activation!r}; {nearest(activation, ACTIVATIONS)}, or a function")
        self.activation = activation

    @property
    def lesson(self) -> Lesson | None:
        return LESSONS.get(self.activation)

    @property
    def pytorch(self) -> str:
        return PYTORCH.get(self.activation, "")

    def step(self, x, h, s):
        activation = self.activation if callable(self.activation) else ACTIVATIONS[self.activation]
        return s.next(h=activation(x.n + h.n))

    def __repr__(self) -> str:
        return f"Elman({self.activation!r})"
