"""Gated recurrent unit as first published: the reset gate acts before the recurrent product.

    r = σ(W_r x + b + W_hr h + b_h)
    z = σ(W_z x + b + W_hz h + b_h)        how much of the past is kept: 1 keeps all
    n = tanh(W_n x + b + W_hn (r ⊙ h) + b_h)
    h' = (1 - z) ⊙ n + z ⊙ h

Cho et al. 2014, arXiv:1406.1078, equations 5 to 8. Two products a step, the second waiting for the first.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import GRU_GATES, Lesson
from recurra.expr import sigmoid, tanh


class GRUOriginal(Cell):
    """Gated recurrent unit, reset before the product (Cho et al. 2014)."""

    gates = "r z n"  # the same blocks as torch.nn.GRU; the weights mean something else in n
    states = "h"
    keeps = {"z": 1}
    lesson = Lesson(
        "GRU, first form",
        "The GRU as first published: the reset gate acts before the recurrent product.",
        GRU_GATES | {"n": "the candidate, from a past that was reset before the product"},
        "To match models of that form. The other one is quicker, because its products need not wait for each other.",
    )

    def step(self, x, h, s):
        r, z = sigmoid(x.r + h.r), sigmoid(x.z + h.z)
        n = tanh(x.n + h.of(r * s.h).n)
        return s.next(h=(1 - z) * n + z * s.h, r=r, z=z, n=n)
