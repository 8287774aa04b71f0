"""LSTM with layer normalisation: each gate, and the cell state on its way out, is normalised over the hidden units.

    (i, f, g, o) = N(a) for each gate's own H numbers    with a = W_x x + b_x + W_h h + b_h
    c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g)                       and  N(a) = gain ⊙ (a - mean) / std + shift
    h' = σ(o) ⊙ tanh(N(c'))

Ba, Kiros & Hinton 2016, arXiv:1607.06450. Conventions differ: here the statistics are each gate's own, over the sum of both
products, and c itself is carried unnormalised; the paper normalises the two products apart, over all gates together.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import LSTM_GATES, Lesson
from recurra.expr import layer_norm, sigmoid, tanh

PARTS = ("i", "f", "g", "o", "c")


class LayerNormLSTM(Cell):
    """LSTM with layer normalisation of each gate and of the cell state's way out."""

    gates = "i f g o"
    states = "h c"
    vectors = {f"gain_{part}": 1.0 for part in PARTS} | {f"shift_{part}": 0.0 for part in PARTS}
    forget = "shift_f"
    lesson = Lesson(
        "LSTM with layer norm",
        "An LSTM whose gates are normalised over the units, so that none saturates early.",
        LSTM_GATES,
        "For several layers, high learning rates and small batches: it learns more a step, and a step takes longer.",
    )

    def step(self, x, h, s, w):
        i = sigmoid(layer_norm(x.i + h.i, w.gain_i, w.shift_i))
        f = sigmoid(layer_norm(x.f + h.f, w.gain_f, w.shift_f))
        g = tanh(layer_norm(x.g + h.g, w.gain_g, w.shift_g))
        o = sigmoid(layer_norm(x.o + h.o, w.gain_o, w.shift_o))
        c = f * s.c + i * g
        return s.next(h=o * tanh(layer_norm(c, w.gain_c, w.shift_c)), c=c, i=i, f=f, g=g, o=o)
