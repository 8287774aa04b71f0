"""LSTM with peepholes: the gates also see the cell state, each unit its own.

    i = σ(a_i + p_i ⊙ c)    f = σ(a_f + p_f ⊙ c)    c' = f ⊙ c + i ⊙ tanh(a_g)
    o = σ(a_o + p_o ⊙ c')   h' = o ⊙ tanh(c')       with a = W_x x + b_x + W_h h + b_h

Gers, Schraudolph & Schmidhuber 2002, "Learning precise timing with LSTM recurrent networks".
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import LSTM_GATES, Lesson
from recurra.expr import sigmoid, tanh


class PeepholeLSTM(Cell):
    """LSTM whose gates see the cell state. The peepholes start at 0, that is as a plain LSTM."""

    gates = "i f g o"
    states = "h c"
    vectors = {"peephole_i": 0.0, "peephole_f": 0.0, "peephole_o": 0.0}
    forget = "f"
    keeps = {"f": 1, "i": -1}
    lesson = Lesson(
        "Peephole LSTM",
        "An LSTM whose gates also see the memory that they guard.",
        LSTM_GATES,
        "Where exact intervals count, such as rhythm or counting; on text it is close to the LSTM.",
    )

    def step(self, x, h, s, w):
        i = sigmoid(x.i + h.i + w.peephole_i * s.c)
        f = sigmoid(x.f + h.f + w.peephole_f * s.c)
        g = tanh(x.g + h.g)
        c = f * s.c + i * g
        o = sigmoid(x.o + h.o + w.peephole_o * c)
        return s.next(h=o * tanh(c), c=c, i=i, f=f, g=g, o=o)
