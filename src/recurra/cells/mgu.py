"""Minimal gated unit: one gate both resets the past before the candidate and mixes the two.

    f = σ(W_f x + b + W_hf h + b_h)              how much is renewed: 1 takes all of the new
    n = tanh(W_n x + b + W_hn (f ⊙ h) + b_h)
    h' = (1 - f) ⊙ h + f ⊙ n

Zhou, Wu, Zhang & Zhou 2016, "Minimal gated unit for recurrent neural networks", arXiv:1603.09420. It is called a forget
gate there, but 1 forgets. Two products a step, the second waiting for the first.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.expr import sigmoid, tanh


class MGU(Cell):
    """Minimal gated unit: the original GRU with its two gates made one."""

    gates = "f n"
    states = "h"
    keeps = {"f": -1}
    lesson = Lesson(
        "MGU",
        "A GRU whose two gates are one and the same.",
        {
            "f": "how much of the past the candidate sees, and how much of the candidate is taken",
            "n": "the candidate, from a past that was reset before the product",
        },
        "Where parameters count: two thirds of a GRU's.",
    )

    def step(self, x, h, s):
        f = sigmoid(x.f + h.f)
        n = tanh(x.n + h.of(f * s.h).n)
        return s.next(h=(1 - f) * s.h + f * n, f=f, n=n)
