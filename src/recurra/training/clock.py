"""How far a run is, when things are due in it, and how fast it goes."""

import math
import time
from collections.abc import Callable

from recurra.training import distributed
from recurra.training.runs import Run

ROWS = 200  # rows of numbers that a run writes down, apart from its evaluations
EVALUATIONS = (8, 100)  # at least and at most in a run by steps, unless set
EARLY = (1, 10, 30, 100, 300)  # steps after which a sample is drawn: noise, letters, words
TICK = 0.1  # seconds between updates of the live display
STEPS_A_TICK = 8  # at most, in a process group, where all must stop for a look at the same step
LOOK = 0.05  # of a run's time: what all its evaluations together may take


def period(asked: int, epoch: int, steps: int) -> int:
    """Steps between evaluations: as set; for 0, an epoch, within the bounds of EVALUATIONS."""
    least, most = (-(-steps // n) for n in reversed(EVALUATIONS))
    return asked or max(least, min(epoch, most))


def looks(seconds: float) -> int:
    """Evaluations in a run of so many seconds."""
    return 8 if seconds >= 30 else 4


def allowance(seconds: float) -> float:
    """Of a run of so many seconds, those that evaluations, samples and saves may take: 2 of 10, a twelfth of more than 25."""
    return max(0.08 * seconds, min(2.0, 0.2 * seconds))


class Clock:
    """The time spent in a run, the part of it that is over, and its speed without evaluations, samples and saves.

    A run ends with its last step, or with its time: then the part that is over is that of the time, and in a process group
    the first process's clock counts. All of them agree on it every few steps, and advance by the same amount at each step
    in between, as their learning rates must be the same.
    """

    def __init__(self, run: Run, epoch: int):
        """epoch: its length, in steps."""
        config, progress = run.config, run.progress
        self.start = self.saved = self.seen = time.monotonic()
        self.before, self.speed, self.cost = progress.seconds, 0.0, 0.0
        self.first_step, self.seen_tokens = progress.step, progress.tokens
        self.trained = (0, 0.0)  # tokens and seconds since the last evaluation
        self.budget = progress.until - progress.since if progress.until else 0.0
        steps = progress.steps - progress.first
        self.periods, self.parts = {}, {}
        if self.budget:
            self.parts["train"] = ROWS
        else:
            self.periods["train"] = max(1, steps // ROWS)
        if self.budget and not config.evaluate_every:
            self.parts["evaluate"] = looks(self.budget)
        else:
            self.periods["evaluate"] = period(config.evaluate_every, epoch, steps)
        if config.sample_every:
            self.periods["sample"] = config.sample_every
        # Of a process group: the next step at which all agree, and what they agreed on at the last one.
        self.tick_step, self.affords = progress.step + 1, True
        self.agreed, self.slope, self.agreed_step = self._elapsed(progress.since), 0.0, progress.step
        self.passed = {event: int(self.agreed * n) for event, n in self.parts.items()}

    def _elapsed(self, since: float) -> float:
        return min(1.0, (self.seconds() - since) / self.budget) if self.budget else 0.0

    def done(self, run: Run) -> float:
        """The part of the run that is over when half of the next step is done, from 0 to 1; the same on every rank."""
        progress = run.progress
        if not self.budget:
            # A step counts as its middle, so that neither the first nor the last one has a rate of exactly 0.
            return (progress.step - progress.first + 0.5) / (progress.steps - progress.first)
        if distributed.world() == 1:
            return max(1e-6, self._elapsed(progress.since))
        return min(1.0, self.agreed + (progress.step - self.agreed_step + 0.5) * self.slope)

    def over(self, run: Run) -> bool:
        """Whether the last step is done; the same on every rank."""
        progress = run.progress
        if not self.budget:
            return progress.step >= progress.steps
        return (self._elapsed(progress.since) if distributed.world() == 1 else self.agreed) >= 1

    def due(self, run: Run, caught: Callable[[], int], stop: Callable[[], bool] | None) -> set[str]:
        """What is due after a step, the same on every rank; empty after most steps."""
        progress, now = run.progress, time.monotonic()
        alone = distributed.world() == 1
        tick = now - self.seen >= TICK if alone else progress.step >= self.tick_step
        if self.budget and (alone or tick):
            self._agree(run, now, alone)
        found = self._found(progress.step, tick or alone)
        last = self.over(run)
        if not (tick or found or last):
            return found
        if tick and not alone and not self.budget:
            self._agree(run, now, alone)
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

    def owed(self, run: Run) -> set[str]:
        """What a signal cut short at the step where a run was left: an evaluation and its sample; as a rule nothing."""
        step, every = run.progress.step, self.periods.get("evaluate")
        evaluated = run.marks.get("evaluate", (-1,))[0] == step
        if self.over(run):
            return {"sample"} if evaluated else {"evaluate", "sample"}
        if not every or step % every or step == run.progress.first or evaluated:
            return set()
        return {"evaluate", *(["sample"] if not run.config.sample_every or step % run.config.sample_every == 0 else [])}

    def _found(self, step: int, tick: bool) -> set[str]:
        """What comes at its times, or after so many steps; of the former only what there is time for."""
        found = {event for event, period in self.periods.items() if step % period == 0}
        if step in EARLY and self.affords:
            found.add("sample")
        for event, n in self.parts.items():
            if tick and (passed := int(self.agreed * n)) > self.passed[event]:
                self.passed[event] = passed
                if event == "train" or self.affords:
                    found.add(event)
        return found

    def _agree(self, run: Run, now: float, alone: bool) -> None:
        """Settle how much of the run is over, how soon to ask again, and whether there is time for a look."""
        progress = run.progress
        done, aside = self._elapsed(progress.since), progress.aside
        # What the last look took is counted twice: once for the next one, once for that at the end.
        affords = not self.budget or aside + 2 * self.cost <= allowance(self.budget)
        steps = max(1, progress.step - self.agreed_step)
        every = min(STEPS_A_TICK, max(1, int(0.5 * steps / max(now - self.seen, 1e-9))))
        if not alone:
            done, every, affords = distributed.share([done, every, affords])
            self.slope = max(0.0, done - self.agreed) / steps
        self.agreed, self.agreed_step, self.tick_step, self.affords = (
            done,
            progress.step,
            progress.step + every,
            affords,
        )

    def look(self, run: Run) -> dict[str, float]:
        """The speed in tokens a second, smoothed over some seconds, the seconds left, and the steps of the whole run."""
        progress, now = run.progress, time.monotonic()
        passed, tokens = max(now - self.seen, 1e-9), progress.tokens - self.seen_tokens
        kept = math.exp(-passed / 3) if self.speed else 0.0
        self.speed = kept * self.speed + (1 - kept) * tokens / passed
        self.trained = (self.trained[0] + tokens, self.trained[1] + passed)
        self.seen, self.seen_tokens = time.monotonic(), progress.tokens
        if self.budget:
            left, steps = max(0.0, progress.until - self.seconds()), _expected(progress, self.agreed)
        else:
            done = max(1, progress.step - self.first_step)
            left, steps = (now - self.start) / done * (progress.steps - progress.step), progress.steps
        return {"tokens_per_second": self.speed, "left": left, "steps": steps, "done": self.fraction(run)}

    def fraction(self, run: Run) -> float:
        """The part of the run that is over, for people."""
        progress = run.progress
        if self.budget:
            return self.agreed
        return (progress.step - progress.first) / (progress.steps - progress.first)

    def mean_speed(self) -> float:
        """Tokens a second since this was last asked."""
        (tokens, seconds), self.trained = self.trained, (0, 0.0)
        return tokens / seconds if seconds else self.speed

    def restart_saving(self) -> None:
        """Count the seconds to the next save from now."""
        self.saved = time.monotonic()

    def skip(self, run: Run, due: set[str], began: float) -> None:
        """Leave the time since `began`, by `time.monotonic`, out of the speed: it went into what was due."""
        self.seen, self.seen_tokens = time.monotonic(), run.progress.tokens
        run.progress.aside += self.seen - began
        if "evaluate" in due:
            self.cost = self.seen - began

    def seconds(self) -> float:
        """Spent in the run so far, before and after every interruption."""
        return self.before + time.monotonic() - self.start


def _expected(progress, done: float) -> int:
    return progress.first + round((progress.step - progress.first) / max(done, 1e-9))
