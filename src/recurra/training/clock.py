"""When things are due in a run, and how fast it goes."""

import math
import time
from collections.abc import Callable

from recurra.training import distributed
from recurra.training.runs import Run

ROWS = 200  # rows of numbers that a run writes down, apart from its evaluations
EVALUATIONS = (8, 100)  # at least and at most in a run, unless told otherwise
TICK = 0.1  # seconds between updates of the live display
STEPS_A_TICK = 8  # in a process group, where all must stop for a look at the same step


def period(asked: int, epoch: int, steps: int) -> int:
    """Steps between evaluations: as asked; for 0, an epoch, within the bounds of EVALUATIONS."""
    least, most = (-(-steps // n) for n in reversed(EVALUATIONS))
    return asked or max(least, min(epoch, most))


class Clock:
    """The time spent in a run, and its speed without evaluations, samples and saves."""

    def __init__(self, run: Run, epoch: int):
        """epoch: its length, in steps."""
        config, steps = run.config, run.progress.steps
        self.periods = {"train": max(1, steps // ROWS), "evaluate": period(config.evaluate_every, epoch, steps)}
        if config.sample_every:
            self.periods["sample"] = config.sample_every
        self.start = self.saved = self.seen = time.monotonic()
        self.first_step, self.seen_tokens = run.progress.step, run.progress.tokens
        self.before, self.speed = run.progress.seconds, 0.0
        self.trained = (0, 0.0)  # tokens and seconds since the last evaluation

    def due(self, run: Run, caught: Callable[[], int], stop: Callable[[], bool] | None) -> set[str]:
        """What is due after a step, the same on every rank; empty after most steps."""
        progress, now = run.progress, time.monotonic()
        last = progress.step == progress.steps
        found = {event for event, period in self.periods.items() if progress.step % period == 0}
        if distributed.world() == 1:
            tick = now - self.seen >= TICK
        else:
            tick = progress.step % STEPS_A_TICK == 0
        if not (tick or found or last):
            return found
        broken = not math.isfinite(sum(run.totals.tolist()))
        asked = stop is not None and stop()
        save = now - self.saved >= run.config.save_every
        broken, signal, asked, save = distributed.largest([broken, caught(), asked, save])
        if broken:
            return {"fall"}
        found.add("progress")
        if last or asked:
            progress.reason = "finished" if last else "stopped"
            found |= {"evaluate", "save"}
        if "evaluate" in found and not run.config.sample_every:
            found.add("sample")
        if save:
            found.add("save")
        if signal and not progress.reason:
            found |= {"save", "interrupt"}
        return found

    def look(self, run: Run) -> dict[str, float]:
        """The speed in tokens a second, smoothed over some seconds, and the seconds left."""
        progress, now = run.progress, time.monotonic()
        passed, tokens = max(now - self.seen, 1e-9), progress.tokens - self.seen_tokens
        memory = math.exp(-passed / 3) if self.speed else 0.0
        self.speed = memory * self.speed + (1 - memory) * tokens / passed
        self.trained = (self.trained[0] + tokens, self.trained[1] + passed)
        self.skip(run)
        done = max(1, progress.step - self.first_step)
        left = (now - self.start) / done * (progress.steps - progress.step)
        return {"tokens_per_second": self.speed, "left": left}

    def mean_speed(self) -> float:
        """Tokens a second since this was last asked."""
        (tokens, seconds), self.trained = self.trained, (0, 0.0)
        return tokens / seconds

    def restart_saving(self) -> None:
        """Count the seconds to the next save from now."""
        self.saved = time.monotonic()

    def skip(self, run: Run) -> None:
        """Leave the time since the last look out of the speed."""
        self.seen, self.seen_tokens = time.monotonic(), run.progress.tokens

    def seconds(self) -> float:
        """Spent in the run so far, before and after every interruption."""
        return self.before + time.monotonic() - self.start
