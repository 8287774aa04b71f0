"""sLSTM: an LSTM whose input gate is an exponential, with a normaliser, and a stabiliser that keeps both in range.

    m' = max(log σ(f) + m, i)              i' = exp(i - m')    f' = exp(log σ(f) + m - m')
    c' = f' ⊙ c + i' ⊙ tanh(z)             n' = f' ⊙ n + i'
    h' = σ(o) ⊙ c' / n'                    with (i, f, z, o) = W_x x + b_x + W_h h + b_h

Beck et al. 2024, "xLSTM: extended long short-term memory", arXiv:2405.04517, with a sigmoid forget gate
(an exponential one is their other form). Their heads are `heads=` of the layer; the block around it is not part of a cell.
While the normaliser is 0, at the start, m' = i: h' is the same, and no gate is too small for floating point.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.expr import exp, logsigmoid, maximum, sigmoid, tanh, where


class SLSTM(Cell):
    """Scalar LSTM of xLSTM: exponential input gate, normaliser and stabiliser."""

    gates = "i f z o"  # the reference's order
    states = "h c n m"
    forget = "f"
    keeps = {"f": 1}
    lesson = Lesson(
        "sLSTM",
        "An LSTM that can outweigh all it has written so far: its memory is a weighted mean.",
        {
            "i": "the candidate's weight, as an exponent",
            "f": "how much weight the past keeps",
            "z": "the candidate, from -1 to 1",
            "o": "how much of the mean is shown",
        },
        "Where a late, rare event must overwrite the memory. It takes longer a step than an LSTM.",
    )

    def step(self, x, h, s):
        i, z, o = x.i + h.i, tanh(x.z + h.z), sigmoid(x.o + h.o)
        past = where(s.n > 0, logsigmoid(x.f + h.f) + s.m, i)
        m = maximum(past, i)
        keep, write = exp(past - m), exp(i - m)
        c, n = keep * s.c + write * z, keep * s.n + write
        return s.next(h=o * c / n, c=c, n=n, m=m, i=write, f=keep, z=z, o=o)
