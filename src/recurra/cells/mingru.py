"""Minimal GRU: the gate and the candidate see the input alone, so the recurrence is a scan.

    z = σ(W_z x + b)
    h' = (1 - z) ⊙ h + z ⊙ (W_n x + b)         z = 1 takes all of the new: the opposite of torch.nn.GRU's z

Feng et al. 2024, "Were RNNs all we needed?", arXiv:2410.01201, section 3.1.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.expr import sigmoid


class MinGRU(Cell):
    """Minimal GRU: no recurrent matrix."""

    gates = "z n"
    states = "h"
    recurrent = False
    keeps = {"z": -1}
    lesson = Lesson(
        "minGRU",
        "A GRU whose gate sees the input alone: the state is a running mean with a gate.",
        {"z": "how much of the candidate is taken: 1 takes all of it", "n": "the candidate, from the input alone"},
        "For speed on long sequences, with two layers or more: one layer alone cannot combine what it remembers.",
    )

    def step(self, x, h, s):
        z = sigmoid(x.z)
        return s.next(h=(1 - z) * s.h + z * x.n, z=z, n=x.n)
