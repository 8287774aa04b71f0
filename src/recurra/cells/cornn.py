"""coRNN: units that swing, coupled through their places and their speeds.

    z' = z + Δt (tanh(W_x x + b + W_h h + b_h + W_hm z + b_h) - γ h - ε z)
    h' = h + Δt z'

Rusch & Mishra 2021, "Coupled oscillatory recurrent neural network (coRNN)", arXiv:2010.00951, in the form of their code
(github.com/tk-rusch/coRNN), explicit in the damping; h is their y. The numbers belong to the task, and their code has other
ones for each. The defaults are those of its HAR-2, sensors over some hundred steps: Δt = 0.1, γ = 0.2, ε = 6.4. For the 784
steps of sequential MNIST it takes 0.042, 2.7 and 4.7, for permuted ones 0.076, 0.4 and 8.
"""

from recurra.cells.base import Cell
from recurra.cells.lesson import Lesson
from recurra.expr import tanh


class CoRNN(Cell):
    """Coupled oscillators. dt: the step of time; gamma: the pull to rest; epsilon: the damping of the speed."""

    gates = "n m"  # the rows of the places, and of the speeds
    states = "h z"
    lesson = Lesson(
        "coRNN",
        "Each unit is a damped spring, pushed by the input and by the other units.",
        {"n": "the push by the input and by the units' places", "m": "the push by the units' speeds"},
        "For long sequences: its gradient neither explodes nor vanishes while the step of time is small.",
    )

    def __init__(self, dt: float = 0.1, gamma: float = 0.2, epsilon: float = 6.4):
        self.dt, self.gamma, self.epsilon = dt, gamma, epsilon

    def step(self, x, h, s):
        push = tanh(x.n + h.n + h.of(s.z).m)
        z = s.z + self.dt * (push - self.gamma * s.h - self.epsilon * s.z)
        return s.next(h=s.h + self.dt * z, z=z)
