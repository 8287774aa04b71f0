"""Minimal LSTM: the gates and the candidate see the input alone, and the two gates are made to sum to one.

    f = σ(W_f x + b)    i = σ(W_i x + b)
    h' = f / (f + i) ⊙ h + i / (f + i) ⊙ (W_n x + b)

Feng et al. 2024, "Were RNNs all we needed?", arXiv:2410.01201, section 3.2.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.expr import sigmoid, softplus


class MinLSTM(Cell):
    """Minimal LSTM: no recurrent matrix, no cell state."""

    gates = "f i n"
    states = "h"
    recurrent = False
    forget = "f"
    keeps = {"f": 1, "i": -1}
    lesson = Lesson(
        "minLSTM",
        "Two gates that see the input alone and divide the step between past and candidate.",
        {
            "f": "the past's part of the step, before the two are made to sum to one",
            "i": "the candidate's part of the step",
            "n": "the candidate, from the input alone",
        },
        "As minGRU, where keeping and writing should be learned apart.",
    )

    def step(self, x, h, s):
        # f / (f + i) from the logarithms of both, as two closed gates may both be 0 in floating point.
        f = sigmoid(softplus(-x.i) - softplus(-x.f))
        i = 1 - f
        return s.next(h=f * s.h + i * x.n, f=f, i=i, n=x.n)
