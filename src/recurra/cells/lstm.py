"""Long short-term memory: a gated sum that gradients can cross unchanged.

    c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g)
    h' = σ(o) ⊙ tanh(c')             with (i, f, g, o) = W_x x + b_x + W_h h + b_h

Hochreiter & Schmidhuber 1997; forget gate from Gers, Schmidhuber & Cummins 2000.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import LSTM_GATES, Lesson
from recurra.expr import sigmoid, tanh


class LSTM(Cell):
    """Long short-term memory."""

    gates = "i f g o"  # torch.nn.LSTM's order
    states = "h c"
    forget = "f"
    keeps = {"f": 1, "i": -1}
    pytorch = "lstm"
    lesson = Lesson(
        "LSTM",
        "A memory beside the state, which gates write, keep and show; gradients cross it unchanged.",
        LSTM_GATES,
        "The safe first choice: it remembers long, and few settings can spoil it.",
    )

    def step(self, x, h, s):
        i, f, o = sigmoid(x.i + h.i), sigmoid(x.f + h.f), sigmoid(x.o + h.o)
        g = tanh(x.g + h.g)
        c = f * s.c + i * g
        return s.next(h=o * tanh(c), c=c, i=i, f=f, g=g, o=o)
