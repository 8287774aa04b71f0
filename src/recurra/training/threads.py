"""How many threads a run computes with: on a busy machine fewer are faster.

A step is many small pieces of work, each of which is over when the last thread is done with its part. Where other programs
want the processors too, some thread waits for its turn at nearly every piece: on two cores with a load of 20, nine steps in 24
seconds with two threads, 118 with one. So a run by the clock tries them. A run by steps keeps its number, since its sums, and
so its bits, depend on it: that of PyTorch, but for a small model one.
"""

import contextlib
import math
from collections.abc import Callable, Iterator

import torch
from torch import nn

TRIAL = 0.0025  # of the run's time: steps with one number of threads, at least one
FASTER = 0.9  # of the time of a step with half as many threads: more of them are worth it
AGAIN = 1 / 8  # of the run's time, after which they are tried once more
SMALL = 32_768
"""Parameters below which a run by steps has one thread. A forecaster of 25,000 took 8 % more time with one than with two on
free cores, and an eighth of it on busy ones."""
DEAR = 0.01  # of the run's time: a number of threads with which a step takes more is not tried again


class Threads:
    """Tries one thread, then twice as many, and so on while that is faster: `threads.took(seconds)` after each step.

    budget: seconds of the run. most: threads that there may be. use: called with the number for the next step.
    """

    def __init__(self, budget: float, most: int, use: Callable[[int], None] = torch.set_num_threads):
        self.budget, self.use, self.passed = budget, use, 0.0
        self.counts = [*(2**n for n in range(most.bit_length()) if 2**n < most), most]
        self.costs = dict.fromkeys(self.counts, math.inf)
        self.due, self.warm = math.inf, False
        self._begin()

    def _begin(self) -> None:
        dear = (n for n, count in enumerate(self.counts) if n and DEAR * self.budget < self.costs[count] < math.inf)
        self.left = self.counts[: next(dear, None)]
        self.chosen, self.fastest = 1, math.inf
        self._next()

    def _next(self) -> None:
        self.count, self.spent, self.best = self.left.pop(0), 0.0, math.inf
        self.use(self.count)

    def took(self, seconds: float) -> None:
        """A step is done. The first one of a run counts for nothing: kernels are compiled and memory is taken in it."""
        self.passed += seconds
        if not self.warm:
            self.warm = True
        elif self.passed >= self.due:
            self.due = math.inf
            self._begin()
        elif self.due == math.inf:
            self._tried(seconds)

    def _tried(self, seconds: float) -> None:
        self.best, self.spent = min(self.best, seconds), self.spent + seconds
        if self.spent < TRIAL * self.budget:
            return
        self.costs[self.count] = self.best
        faster = self.best < FASTER * self.fastest
        if faster:
            self.chosen, self.fastest = self.count, self.best
        if faster and self.left:
            self._next()
            return
        self.use(self.chosen)
        self.due = self.passed + AGAIN * self.budget


@contextlib.contextmanager
def one_if_small(model: nn.Module, minutes: float | None) -> Iterator[None]:
    """Within, a run by steps of a small model on the processor computes with one thread. minutes: of a run by the clock."""
    most = torch.get_num_threads()
    parameters = list(model.parameters())
    on_cpu = all(parameter.device.type == "cpu" for parameter in parameters)
    if minutes or most == 1 or not on_cpu or sum(parameter.numel() for parameter in parameters) >= SMALL:
        yield
        return
    try:
        torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(most)


@contextlib.contextmanager
def fastest(budget: float, device: torch.device) -> Iterator[Callable[[float], None]]:
    """Within, a run computes with the number of threads that is fastest; to be called with the seconds of each step.

    budget: seconds of the run; 0 = it ends by steps, and has all threads, as on a GPU.
    """
    most = torch.get_num_threads()
    if not budget or most == 1 or device.type != "cpu":
        yield lambda seconds: None
        return
    try:
        yield Threads(budget, most).took
    finally:
        torch.set_num_threads(most)
