"""JANET: an LSTM with nothing but its forget gate, which writes a little more than it frees.

    f = σ(a)    n = tanh(a_n)    h' = f ⊙ h + (1 - σ(a - β)) ⊙ n     with (a, a_n) = W_x x + b_x + W_h h + b_h

van der Westhuizen & Lasenby 2018, "The unreasonable effectiveness of the forget gate", arXiv:1804.04849. β = 1 as there;
they start b as "chrono" does: `starts`, or a task's `span`.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.expr import sigmoid, tanh


class JANET(Cell):
    """Just another network: one forget gate. beta: how much more is written than is freed; 0 is a running mean."""

    gates = "f n"
    states = "h"
    forget = "f"
    keeps = {"f": 1}
    lesson = Lesson(
        "JANET",
        "One state and one gate: an LSTM of which only the forget gate is left.",
        {"f": "how much of the past is kept: 1 keeps all", "n": "the candidate, written where the gate lets go"},
        "For long memory at half of an LSTM's parameters, with forget gates that start open for different times.",
    )

    def __init__(self, beta: float = 1.0):
        self.beta = beta

    def step(self, x, h, s):
        a, n = x.f + h.f, tanh(x.n + h.n)
        f = sigmoid(a)
        return s.next(h=f * s.h + (1 - sigmoid(a - self.beta)) * n, f=f, n=n)
