"""RG-LRU: the real-gated linear recurrent unit, each unit a leak whose speed the input gates.

    r = σ(W_r x + b)    i = σ(W_i x + b)    a = σ(Λ)^(8 r)
    h' = a ⊙ h + √(1 - a²) ⊙ i ⊙ (W_n x + b)

De et al. 2024, "Griffin: mixing gated linear recurrences with local attention", arXiv:2402.19427. There
what i gates is the block's own input, after a convolution; here it is W_n x. Λ starts where a is from 0.9 to 0.999 for r = 1.
√ is taken of at least 1e-12, as its slope at 0 is infinite.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.expr import exp, expm1, logsigmoid, maximum, sigmoid, sqrt


class RGLRU(Cell):
    """Real-gated linear recurrent unit of Griffin."""

    gates = "r i n"
    states = "h"
    vectors = {"decay": ("uniform", 4.32, 8.98)}
    recurrent = False
    lesson = Lesson(
        "RG-LRU",
        "Each unit is a leak of its own speed; the input decides when it leaks and what enters.",
        {"r": "how much leaks: 0 keeps all", "i": "how much of the candidate enters", "n": "the candidate"},
        "For very long sequences and several layers: it starts with memories of ten to a thousand steps.",
    )

    def step(self, x, h, s, w):
        r, i = sigmoid(x.r), sigmoid(x.i)
        log_a = 8 * r * logsigmoid(w.decay)
        size = sqrt(maximum(-expm1(2 * log_a), 1e-12))  # the state's variance stays that of the candidate
        return s.next(h=exp(log_a) * s.h + size * (i * x.n), r=r, i=i, n=x.n)
