"""Gated recurrent unit, in the form of torch.nn.GRU: the reset gate acts after the recurrent product.

    r = σ(W_r x + b + W_hr h + b_h)        how much of the past the candidate sees
    z = σ(W_z x + b + W_hz h + b_h)        how much of the past is kept: 1 keeps all
    n = tanh(W_n x + b + r ⊙ (W_hn h + b_h))
    h' = (1 - z) ⊙ n + z ⊙ h

Cho et al. 2014, arXiv:1406.1078; this form, which needs one product a step, is cuDNN's. Keras calls it `reset_after`.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import GRU_GATES, Lesson
from recurra.expr import sigmoid, tanh


class GRU(Cell):
    """Gated recurrent unit, reset after the product (torch.nn.GRU)."""

    gates = "r z n"  # torch.nn.GRU's order
    states = "h"
    keeps = {"z": 1}
    pytorch = "gru"
    lesson = Lesson(
        "GRU",
        "One state with two gates: three quarters of an LSTM's parameters at the same width.",
        GRU_GATES,
        "Where size or time is short: at equal parameters it is wider than an LSTM, and often learns as well.",
    )

    def step(self, x, h, s):
        r, z = sigmoid(x.r + h.r), sigmoid(x.z + h.z)
        n = tanh(x.n + r * h.n)
        return s.next(h=(1 - z) * n + z * s.h, r=r, z=z, n=n)
