"""CfC: a closed form of a liquid network, which moves from one answer to another as time passes.

    f = tanh(a_f)    g = tanh(a_g)    t = σ(a_a · dt + a_b)      with a = W_x x + b_x + W_h h + b_h
    h' = (1 - t) ⊙ f + t ⊙ g

dt: the time since the step before, given at each step: one number per row, or one per unit. Hasani et al. 2022, "Closed-form
continuous-time neural networks", arXiv:2106.13898, with the sign of time as in the authors' package (in the paper: σ(-a_a dt)).
Left out: the layers that x and h share before the four heads (their `backbone`).
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.expr import sigmoid, tanh


class CfC(Cell):
    """Closed-form continuous-time cell: `Recurrent("cfc", 4, 8)(x, dt=gaps)`."""

    gates = "f g a b"
    states = "h"
    given = "dt"
    lesson = Lesson(
        "CfC",
        "Two answers, and a gate that time moves from the one to the other.",
        {
            "f": "the answer at once",
            "g": "the answer after a long time",
            "a": "how fast time moves the gate",
            "b": "where the gate starts",
        },
        "For measurements at irregular times.",
    )

    def step(self, x, h, s, given):
        f, g = tanh(x.f + h.f), tanh(x.g + h.g)
        t = sigmoid((x.a + h.a) * given.dt + x.b + h.b)
        return s.next(h=(1 - t) * f + t * g)
