"""How many steps fit into a time."""

import statistics
import time
from collections.abc import Callable

from recurra.training import distributed, runs
from recurra.training.clock import period


def steps_in(seconds: float, epoch: int, run: runs.Run, step: Callable[[], None], look: Callable[[], None]) -> int:
    """The number of steps that fit, with their evaluations, into `seconds`; at least 1, the same on every rank.

    epoch: its steps. step: takes one. look: evaluates and samples. A few steps and one look are timed, which counts as
    spent; then the run is put back to its saved state, so that nothing else remains of them.
    """
    began, times = time.monotonic(), []
    # The first steps are slow, so at least five; then a twentieth of the time. In a process group each rank must take
    # as many as the others.
    least, most = (5, 50) if distributed.world() == 1 else (10, 10)
    run.progress.steps = 10**9  # any number will do: what is learned now is dropped
    while len(times) < least or (len(times) < most and time.monotonic() - began < seconds / 20):
        before = time.monotonic()
        step()
        run.totals.tolist()  # waits for a GPU
        times.append(time.monotonic() - before)
    before = time.monotonic()
    look()
    a_look, a_step = time.monotonic() - before, statistics.median(times)
    runs.restore(run)
    left = seconds - (time.monotonic() - began)
    return distributed.share(
        fitting(left, a_step, a_look, lambda steps: period(run.config.evaluate_every, epoch, steps))
    )


def fitting(seconds: float, a_step: float, a_look: float, between: Callable[[int], int]) -> int:
    """The most steps that fit into a time, at least 1; `between(steps)`: after how many of them a look comes."""
    low, high = 1, max(1, int(seconds / a_step))
    while low < high:  # fewer steps have looks closer together, so what a look costs each step is not known before
        steps = (low + high + 1) // 2
        fits = steps * a_step + steps / between(steps) * a_look <= seconds
        low, high = (steps, high) if fits else (low, steps - 1)
    return low
