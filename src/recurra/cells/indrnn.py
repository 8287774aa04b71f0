"""IndRNN: each unit hears of the past its own state alone, by one learned number.

    h' = relu(W_x x + b + u ⊙ h)

Li, Li, Cook, Zhu & Gao 2018, "Independently recurrent neural network (IndRNN)", arXiv:1803.04831. u starts uniformly from 0
to 1, as there for all layers but the last. They keep |u| below 2^(1/T) for T steps; here nothing does.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.expr import relu


class IndRNN(Cell):
    """Independently recurrent network: a vector in the place of W_h."""

    gates = "n"
    states = "h"
    vectors = {"u": ("uniform", 0.0, 1.0)}
    recurrent = False
    lesson = Lesson(
        "IndRNN",
        "Each unit remembers itself alone; the units meet in the next layer.",
        {"n": "what the input adds to the state"},
        "For many layers and long sequences: its gradient can be held near 1, and a step has no matrix.",
    )

    def step(self, x, h, s, w):
        return s.next(h=relu(x.n + w.u * s.h))
