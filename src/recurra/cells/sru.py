"""SRU: an LSTM's gates without a matrix for the past, and a highway for the input.

    f = σ(W_f x + v_f ⊙ c + b)    c' = f ⊙ c + (1 - f) ⊙ (W_n x + b)
    r = σ(W_r x + v_r ⊙ c + b)    h' = r ⊙ c' + (1 - r) ⊙ (W_k x + b)

Lei, Zhang, Wang, Dai & Artzi 2018, "Simple recurrent units for highly parallelizable recurrence", arXiv:1709.02755.
Their highway carries x itself (scaled by α) where the widths agree and W_k x where they differ; here it is
always W_k x, and their W_n and W_k have no bias.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.expr import sigmoid


class SRU(Cell):
    """Simple recurrent unit: a scan whose gates see their own unit's memory."""

    gates = "f n r k"
    states = "h c"  # h is the output; no step reads it again
    vectors = {"peephole_f": 0.0, "peephole_r": 0.0}
    recurrent = False
    forget = "f"
    keeps = {"f": 1}
    lesson = Lesson(
        "SRU",
        "A memory with a gate, and a second gate that lets the input past it.",
        {
            "f": "how much of the memory is kept; the rest is written again",
            "n": "the candidate, from the input alone",
            "r": "how much of the output is memory; the rest is the input's highway",
            "k": "the highway: the input, multiplied",
        },
        "For speed with several layers: a step has no matrix, and the highway keeps deep stacks trainable.",
    )

    def step(self, x, h, s, w):
        f = sigmoid(x.f + w.peephole_f * s.c)
        r = sigmoid(x.r + w.peephole_r * s.c)
        c = f * s.c + (1 - f) * x.n
        return s.next(h=r * c + (1 - r) * x.k, c=c, f=f, n=x.n, r=r, k=x.k)
