"""GRU-D: a GRU whose state fades while nothing is measured.

    k = exp(-max(0, rate ⊙ dt + shift)) ⊙ h           what is left of the state after the time dt
    r = σ(W_r x + b + W_hr k + b_h)    z = σ(W_z x + b + W_hz k + b_h)        1 takes all of the new
    n = tanh(W_n x + b + W_hn (r ⊙ k) + b_h)
    h' = (1 - z) ⊙ k + z ⊙ n

dt: the time since the last measurement, given at each step: one number per row, or one per unit. Che et al. 2018, "Recurrent
neural networks for multivariate time series with missing values", arXiv:1606.01865. Their masks are features: x is the
values, filled in, beside the mask, so that W_x holds their W and V. The decay of inputs towards their mean comes before the
layer: classifiers, regressors and taggers of sequences have it. Left out: their full matrix on dt is one rate a unit here.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import GRU_GATES, Lesson
from recurra.expr import exp, maximum, sigmoid, tanh


class GRUD(Cell):
    """GRU with decay: `Recurrent("gru-d", 8, 16)(torch.cat([values, mask], -1), dt=gaps)`."""

    gates = "r z n"
    states = "h"
    vectors = {"rate": ("uniform", 0.0, 1.0), "shift": 0.0}
    given = "dt"
    keeps = {"z": -1}
    lesson = Lesson(
        "GRU-D",
        "A GRU whose state fades with the time since the last measurement.",
        GRU_GATES | {"z": "how much of the candidate is taken: 1 takes all of it"},
        "For series with missing values, where that a value is missing says something.",
    )

    def step(self, x, h, s, w, given):
        k = exp(-maximum(w.rate * given.dt + w.shift, 0.0)) * s.h
        past = h.of(k)
        r, z = sigmoid(x.r + past.r), sigmoid(x.z + past.z)
        n = tanh(x.n + h.of(r * k).n)
        return s.next(h=(1 - z) * k + z * n, r=r, z=z, n=n)
