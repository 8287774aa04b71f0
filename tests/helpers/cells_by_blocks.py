"""Cells whose gates do not all have both products: what a layer holds, multiplies and counts is what the step reads."""

from recurra.cells import Cell
from recurra.expr import sigmoid, tanh


class OneFull(Cell):
    """One full gate, and four of x alone."""

    gates = "a n b c d"
    forget = "n"

    def step(self, x, h, s):
        n = sigmoid(x.n + h.n)
        return s.next(h=n * s.h + sigmoid(x.a) * tanh(x.b) + (1 - n) * x.c * tanh(x.d), n=n)


class Apart(Cell):
    """Gates of x alone, of h alone, of both apart, and one that is only shown."""

    gates = "p q n shown"
    states = "h c"
    forget = "q"

    def step(self, x, h, s):
        q, n = sigmoid(h.q), tanh(x.n * h.n + x.p)
        c = q * s.c + (1 - q) * n
        return s.next(h=tanh(c) * x.p, c=c, q=q, shown=c * c)


class Later(Cell):
    """Products of two vectors, and a gate between theirs that has no row in W_h."""

    gates = "r p n m"

    def step(self, x, h, s):
        r = sigmoid(x.r + h.r)
        m = tanh(h.of(r * s.h).m)
        return s.next(h=s.h + 0.3 * tanh(x.p + h.of(m * x.p).n), r=r)


class Unused(Cell):
    """Reads what it does not use: the rows are there, their gradient is zero."""

    gates = "n u v"

    def step(self, x, h, s):
        unused = x.u * h.v  # noqa: F841
        return s.next(h=tanh(x.n + h.n))


class NoMatrix(Cell):
    """Might read h, and does not."""

    gates = "f n z"

    def step(self, x, h, s):
        f = sigmoid(x.f)
        return s.next(h=f * s.h + (1 - f) * x.n, f=f)


CELLS = {
    OneFull: (("a", "n", "b", "c", "d"), ("n",)),
    Apart: (("p", "n"), ("q", "n")),
    Later: (("r", "p"), ("r", "n", "m")),
    Unused: (("n", "u"), ("n", "v")),
    NoMatrix: (("f", "n"), ()),
}
"""Each with its gates in W_x and in W_h."""
