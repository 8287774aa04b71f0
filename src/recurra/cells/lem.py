"""LEM: long expressive memory, two states that leak at speeds of their own, learned from the input.

    a = Δt σ(a_a)    z' = (1 - a) ⊙ z + a ⊙ tanh(a_n)
    b = Δt σ(a_b)    h' = (1 - b) ⊙ h + b ⊙ tanh(W_m x + b_x + W_hm z' + b_h)

with a_a, a_b, a_n rows of W_x x + b_x + W_h h + b_h. Rusch, Mishra, Erichson & Mahoney 2022, "Long expressive memory for
sequence modeling", arXiv:2110.04744, and their code (github.com/tk-rusch/LEM), step by step the same; h is their y. Two
products a step, the second waiting for the first.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.expr import sigmoid, tanh


class LEM(Cell):
    """Long expressive memory. dt: the longest step of time, Δt."""

    gates = "a b n m"
    states = "h z"
    keeps = {"a": -1, "b": -1}
    lesson = Lesson(
        "LEM",
        "Two states, each with a clock that the input sets: fast and slow changes side by side.",
        {
            "a": "how fast the inner state changes",
            "b": "how fast the output changes",
            "n": "what the inner state moves to",
            "m": "what the output moves to, seen from the inner state",
        },
        "For signals with several time scales, and for series from physics.",
    )

    def __init__(self, dt: float = 1.0):
        self.dt = dt

    def step(self, x, h, s):
        a, b = self.dt * sigmoid(x.a + h.a), self.dt * sigmoid(x.b + h.b)
        n = tanh(x.n + h.n)
        z = (1 - a) * s.z + a * n
        m = tanh(x.m + h.of(z).m)
        return s.next(h=(1 - b) * s.h + b * m, z=z, a=a, b=b, n=n, m=m)
