"""LSTM with a coupled gate: what is forgotten makes room for what is written.

    c' = f ⊙ c + (1 - f) ⊙ tanh(g)       f = σ(a_f)
    h' = σ(o) ⊙ tanh(c')                 with (a_f, g, o) = W_x x + b_x + W_h h + b_h

Greff, Srivastava, Koutník, Steunebrink & Schmidhuber 2017, "LSTM: a search space odyssey", arXiv:1503.04069, where it is
CIFG. Their LSTMs have peepholes as well; this one has none.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import LSTM_GATES, Lesson
from recurra.expr import sigmoid, tanh


class CoupledLSTM(Cell):
    """LSTM whose input gate is 1 minus its forget gate."""

    gates = "f g o"
    states = "h c"
    forget = "f"
    keeps = {"f": 1}
    lesson = Lesson(
        "LSTM, coupled gates",
        "An LSTM with one gate for keeping and writing: the memory is a running mean, and stays from -1 to 1.",
        {name: LSTM_GATES[name] for name in "fgo"} | {"f": "how much of the memory is kept; the rest is written again"},
        "As the LSTM with a quarter less to store and multiply; it cannot count, as its memory is bounded.",
    )

    def step(self, x, h, s):
        f, o = sigmoid(x.f + h.f), sigmoid(x.o + h.o)
        g = tanh(x.g + h.g)
        c = f * s.c + (1 - f) * g
        return s.next(h=o * tanh(c), c=c, f=f, g=g, o=o)
