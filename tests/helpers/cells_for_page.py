"""A cell of a user's own, with a learned vector, for the learner and the page."""

from recurra.cells import Cell
from recurra.expr import sigmoid, tanh


class Leaky(Cell):
    gates = "f n"
    vectors = {"peep": 0.5}

    def step(self, x, h, s, w):
        f = sigmoid(x.f + h.f)
        return s.next(h=f * s.h + (1 - f) * tanh(x.n + h.n + w.peep * s.h))
