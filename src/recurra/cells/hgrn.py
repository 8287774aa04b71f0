"""HGRN: a gated scan whose forget gate has a learned lower bound, and an output gate.

    f = γ + (1 - γ) ⊙ σ(W_f x + b)    γ = σ(bound)
    c' = f ⊙ c + (1 - f) ⊙ silu(W_n x + b)
    h' = σ(W_o x + b) ⊙ c'

Qin, Yang & Zhong 2023, "Hierarchically gated recurrent neural network for sequence modeling", arXiv:2311.04823. This is the
real-valued form. Left out: the states' complex phases; that γ grows from layer to layer by a cumulative softmax over the
layers (here each has its own, ½ at the start); and the norm and product that follow the output gate in their block.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.expr import sigmoid, silu


class HGRN(Cell):
    """Hierarchically gated recurrent unit, real-valued, each layer with a lower bound of its own."""

    gates = "f n o"
    states = "h c"  # h is the output; no step reads it again
    vectors = {"bound": 0.0}
    recurrent = False
    forget = "f"
    lesson = Lesson(
        "HGRN",
        "A running mean whose gate cannot close below a bound that each unit learns.",
        {
            "f": "how much of the memory is kept, from the bound to 1",
            "n": "the candidate, from the input alone",
            "o": "how much of the memory is shown",
        },
        "For long sequences with several layers, where some units should remember whatever comes.",
    )

    def step(self, x, h, s, w):
        bound, n, o = sigmoid(w.bound), silu(x.n), sigmoid(x.o)
        f = bound + (1 - bound) * sigmoid(x.f)
        c = f * s.c + (1 - f) * n
        return s.next(h=o * c, c=c, f=f, n=n, o=o)
