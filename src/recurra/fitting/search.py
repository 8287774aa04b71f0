"""The loop of a search: which fits are made, for how long, and what is kept of each.

Fits have their usual length where a quarter of the time is enough for the first one. Where it is not, they go by the clock:
short ones for half of the time, then one of the best settings for the rest.

Where the task says so, the fits of a search hold out more than a usual fit does (`Searched.held_to_choose`): the lowest of many
losses on a short held-out part is that of the luckiest settings. The best settings are then fitted once more with the usual
part held out, and that fit is the result.
"""

import math
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from recurra import files
from recurra.config import shown, whole
from recurra.errors import ConfigError, DataError, DivergenceError, RunError, nearest, setting
from recurra.fitting import folders, progress
from recurra.fitting.lifecycle import Lifecycle
from recurra.fitting.report import score_of
from recurra.fitting.running import How
from recurra.fitting.space import Space
from recurra.fitting.trials import EARLY, FAILED, FINISHED, LEVELS, TIME, Trials
from recurra.terminal import number
from recurra.training import Interrupted

TRIALS = "trials"
"""In the folder of a search, that of its runs."""
LONGEST = 1 / 4
"""Of the time, what a fit of the usual length may take; where it would take more, fits go by the clock."""
EACH, SEARCHED = 1 / 12, 1 / 2
"""Where they go by the clock: of the time, each fit's, and the search's. The rest goes to one fit of the best settings."""
AGAIN = 3 / 2
"""Where the best settings are fitted once more: the time kept for that, by the time that they took in the search. A fit that
learns from more of the data has more steps."""
SURE = 1 / 100
"""Of the time, what has passed before the length of the first fit is judged."""


class Searched(Lifecycle):
    """An estimator whose settings can be searched."""

    SEARCH: ClassVar[Space]
    """What a search tries, from the task's `config`."""

    def bound(self) -> set[str]:
        """Settings that no search may change: other settings decide them or, of a fitted one, the data."""
        return set()

    def held_to_choose(self, data: Any) -> dict[str, Any]:
        """Settings with which the fits of a search hold out more of the data than a usual fit does; {} where they hold out the
        same, as where the user set how much. data: as the user handed it to `tune`, without `validation_data`. The fingerprint
        of a run must not depend on these settings."""
        return {}

    def losses_apart(self, data: Any) -> list[float]:
        """The loss of the fitted model on independent parts of what it held out, by which a search that holds out more sees how
        much of a difference is chance; none: every difference counts. data: as in `held_to_choose`."""
        return []


class Goal(NamedTuple):
    """How long to search, whichever comes first, and what."""

    minutes: float | None = None
    trials: int | None = None
    search: Space | Iterable[str] | None = None
    """A table, or names of settings in the task's; None: those that are left open."""

    def checked(self) -> "Goal":
        """ConfigError if neither is set, or one is invalid."""
        if self.minutes is None and self.trials is None:
            raise ConfigError(
                f"how long to search is not set; give {setting('tune', python='minutes')}, such as 5, or {setting('trials')}"
            )
        number = isinstance(self.minutes, Real) and not isinstance(self.minutes, bool)
        if self.minutes is not None and not (number and 0 < self.minutes < math.inf):
            raise ConfigError(
                f"{setting('tune', python='minutes')} is {shown(self.minutes)}; expected a number of minutes above 0"
            )
        return self._replace(trials=None if self.trials is None else whole("trials", self.trials))

    def space(self, estimator: Searched) -> Space:
        """What to search. ConfigError for a name that is no setting of the table, or of the task; and where nothing is left."""
        table, known, user = estimator.SEARCH, estimator.SEARCH, estimator._given()
        search = [name for name in table if name not in user] if self.search is None else self.search
        if isinstance(search, Mapping):
            table, known = search, estimator.settings
        for name in search:
            if name not in known:
                raise ConfigError(f"`search` has {name!r}; {nearest(name, known)}")
        found = {name: table[name] for name in search if name not in estimator.bound()}
        if not found:
            names = ", ".join(map(setting, table))
            raise ConfigError(f"nothing is left to search: {names} are all set; leave at least one out")
        return found

    @property
    def seconds(self) -> float:
        return math.inf if self.minutes is None else 60 * self.minutes


class Watch:
    """A fit under way, by its events: the loss of the weights that it keeps, and whether it is to end."""

    def __init__(self, until: float, worth: Callable[[int, float], bool] | None, longest: float, sure: float):
        self.until, self.worth, self.longest, self.sure = until, worth, longest, sure
        self.ended, self.loss, self.done, self.too_long = FINISHED, math.nan, 0.0, False
        self.measures: dict[str, float] = {}
        self.curve: list[tuple[int, float]] = []

    def stop(self) -> bool:
        if self.ended == FINISHED and time.monotonic() > self.until:
            self.ended = TIME
        return self.ended != FINISHED or self.too_long

    def __call__(self, event: dict[str, Any]) -> None:
        if event["event"] == "progress" and event["seconds"] >= self.sure:
            self.too_long = self.too_long or event["seconds"] + event["left"] > self.longest
            self.sure = math.inf  # judged once: what comes later only follows the machine's load
        if event["event"] == "evaluate" and self.ended in (FINISHED, TIME):
            self._measured(event)

    def _measured(self, event: dict[str, Any]) -> None:
        if "validation_loss" not in event:
            raise ConfigError(
                f"nothing is held out, so that there is nothing to choose by; set {setting('validation')}"
            )
        self.done = event["done"]
        if event["better"]:
            self.loss, self.measures = event["validation_loss"], score_of(event)
        level = int(LEVELS * self.done)
        if level in (0, LEVELS) or (self.curve and level <= self.curve[-1][0]):
            return
        self.curve.append((level, self.loss))
        if self.worth and not self.worth(level, self.loss):
            self.ended = EARLY


class Search:
    """One search in its folder, from the trials that are there already to its end."""

    def __init__(
        self,
        estimator: Searched,
        data: tuple[Any, Any],
        goal: Goal,
        space: Space,
        place: Path,
        trials: Trials,
        silent: bool,
    ):
        self.estimator, self.data, self.goal, self.space = estimator, data, goal, space
        self.place, self.trials, self.silent, self.examples = place, trials, silent, None
        self.held: dict[str, Any] = trials.facts.get("held", {})
        """With what settings the fits of the search hold out more than a usual one; {}: they hold out the same."""
        self.again: float | None = None
        """The loss of the best settings, fitted once more with the usual part held out; None: they were not."""
        self.mark = time.monotonic()
        self.began = self.mark - sum(row["seconds"] for row in trials.rows)
        self.until = self.began + goal.seconds
        self._same_search()

    def run(self) -> None:
        """Try settings until the time is over, or so many are tried."""
        self._say(f"searching {', '.join(self.space)}, {self._how_long()}; what is held out chooses")
        if not self.trials.rows:
            self._first()
        facts = self.trials.facts
        space = {name: self.space[name] for name in facts["searched"]}
        more = {"minutes": facts["minutes_each"]} if facts["minutes_each"] else {}
        while not self._over(SEARCHED if more else 1.0):
            trial, chosen = self.trials.ask(space)
            watch = self._watching(lambda level, loss, trial=trial: self.trials.worth(trial, level, loss))
            self._add(trial, self._fitted(chosen | more, watch), chosen, watch)
        if self.held:
            self._again(space)
        elif more and not facts.get("longer"):
            self._longer(space)

    def _first(self) -> None:
        """The settings as they are. Where such fits would take too much of the time, all go by the clock."""
        each, user = 0.0, self.estimator.settings
        if self.data[1] is None:
            held = self.estimator._changed({}).held_to_choose(self.data[0])
            self.held = {name: value for name, value in held.items() if name not in self.space}
        if self.held:
            words = " ".join(f"{name}={value}" for name, value in self.held.items())
            self._say(f"{words}: more is held out than usual, to choose by; the best settings are then fitted as usual")
        watch = self._watching(None, first=not (user["minutes"] or user["epochs"]))
        fitted = self._fitted({}, watch)
        if watch.too_long:
            each = EACH * self.goal.minutes
            watch = self._watching(None)
            fitted = self._fitted({"minutes": each}, watch)
        if math.isnan(watch.loss):
            raise RunError(
                f"the time was over before anything was measured; give more {setting('tune', python='minutes')}"
            )
        space = {name: kind for name, kind in self.space.items() if name not in fitted.bound()}
        facts = {"searched": list(space), "minutes_each": each, "data": self._fingerprint(), "held": self.held}
        self.trials.store(facts | self._about())
        self._add(self.trials.known(_in_force(fitted), space, watch.curve), fitted, {}, watch)

    def _longer(self, space: Space) -> None:
        """Where fits went by the clock: one more of the best settings, for the time that is left."""
        chosen = self._chosen(space)
        left = {"minutes": (self.until - time.monotonic()) / 60}
        if left["minutes"] > self.trials.facts["minutes_each"]:
            watch = self._watching(None)
            watch.until = math.inf  # it ends by its own clock, and its schedule with it
            fitted = self._fitted(chosen | left, watch)
            self._add(self.trials.known(_in_force(fitted), space, []), fitted, chosen, watch)
        self.trials.store({"longer": True})

    def _again(self, space: Space) -> None:
        """Fit the best settings once more, with the usual part held out; by the clock, for the time that is left."""
        each, chosen, until = self.trials.facts["minutes_each"], self._chosen(space), self.until
        if each:
            chosen = chosen | {"minutes": max((until - time.monotonic()) / 60, each)}
            until = math.inf  # it ends by its own clock, and its schedule with it
        self._say(f"fitting the settings of {self.trials.best} once more, with the usual part held out")
        watch = Watch(until, None, math.inf, math.inf)
        self._fitted(chosen, watch, held={})
        # Where it failed, or nothing was measured in time, the run of the search stays the best.
        self.again = None if math.isnan(watch.loss) else watch.loss

    def _chosen(self, space: Space) -> dict[str, Any]:
        """The best settings. As they are, they follow the data and the time, as they do in any other fit."""
        row = self.trials.rows[self.trials.best]
        return {name: row[name] for name in space} if row["trial"] else {}

    def _over(self, part: float) -> bool:
        number = self.goal.trials or math.inf
        over = time.monotonic() + self._kept() >= self.began + part * self.goal.seconds
        return len(self.trials.rows) >= number or over

    def _kept(self) -> float:
        """Seconds that are kept for fitting the best settings once more."""
        facts, best = self.trials.facts, self.trials.best
        if not self.held or best is None or facts["minutes_each"]:
            return 0.0
        return AGAIN * self.trials.rows[best]["seconds"]

    def _watching(self, worth: Callable[[int, float], bool] | None, first: bool = False) -> Watch:
        longest, until = LONGEST * self.goal.seconds if first else math.inf, self.until
        if self.held and not self.trials.facts.get("minutes_each"):
            # Should this fit turn out to be the best, there is time to fit its settings once more.
            now = time.monotonic()
            until = min(until - self._kept(), now + (until - now) / (1 + AGAIN))
        return Watch(until, worth, longest, SURE * self.goal.seconds)

    def _fitted(self, chosen: dict[str, Any], watch: Watch, held: dict[str, Any] | None = None) -> Searched:
        """The next fit, in its folder. held: what it holds out; default as every fit of the search."""
        number = len(self.trials.rows)
        chosen = (self.held if held is None else held) | chosen
        folder, fitted = self._folder(number), self.estimator._changed(chosen)
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        try:
            fitted._fit(*self.data, How(folder, True, (self._same_data, watch), watch.stop))
            self.examples = fitted._state.examples
        except Interrupted:
            if watch.ended != TIME:  # it was not stopped from here, while the data was being read
                raise
        except (ConfigError, DivergenceError):
            if not number:
                raise
            watch.ended, watch.loss = FAILED, math.nan
        return fitted

    def _add(self, trial: Any, fitted: Searched, chosen: dict[str, Any], watch: Watch) -> None:
        """Store what came of a fit; of the folders only the best one's stays."""
        names, now = self.trials.facts["searched"], time.monotonic()
        values = _in_force(fitted) if watch.ended != FAILED else self.trials.rows[0] | chosen
        row = {"trial": len(self.trials.rows), "validation_loss": watch.loss} | watch.measures
        row |= {"ended": watch.ended, "done": watch.done, "seconds": now - self.mark}
        row |= {name: values[name] for name in names}
        if self.held and watch.ended in (FINISHED, TIME) and math.isfinite(watch.loss):
            row["apart"] = fitted.losses_apart(self.data[0])
        self.mark = now
        self.trials.add(trial, row)
        for folder in (self.place / TRIALS).iterdir():
            if folder != self.best:
                shutil.rmtree(folder, ignore_errors=True)
        better = ", the best so far" if row["trial"] == self.trials.best else ""
        words = " ".join(f"{name}={row[name]}" for name in names)
        self._say(f"{row['trial']:3}  loss {number(row['validation_loss'])}  {words}  {watch.ended}{better}")

    @property
    def best(self) -> Path:
        """The folder of the best run."""
        return self._folder(self.trials.best)

    @property
    def result(self) -> Path:
        """The folder of the run that comes out: the best, or that of its settings, fitted once more."""
        return self.best if self.again is None else self._folder(len(self.trials.rows))

    @property
    def tried(self) -> list[dict[str, Any]]:
        rows = [row | {"best": row["trial"] == self.trials.best} for row in self.trials.rows]
        rows = [{name: value for name, value in row.items() if name != "apart"} for row in rows]
        if self.held:
            rows = [row | {"fitted_again": self.again if row["best"] else None} for row in rows]
        return rows

    def _folder(self, number: int) -> Path:
        return self.place / TRIALS / str(number)

    def _fingerprint(self) -> str:
        return files.read_json(self._folder(len(self.trials.rows)) / folders.CONFIG)["fingerprint"]

    def _same_data(self, event: dict[str, Any]) -> None:
        if event["event"] == "start" and self._fingerprint() != self.trials.facts.get("data", self._fingerprint()):
            raise DataError(
                f"{self.place} has the search of other data; it is continued only with the same {self.estimator.takes}"
            )

    def _about(self) -> dict[str, Any]:
        """What a search must have in common with the one that it continues."""
        about = {"settings": self.estimator.settings, "space": self.space}
        return files.parse_json(files.to_json(about), self.place)  # as it will be read

    def _same_search(self) -> None:
        for kind, values in self._about().items():
            before = self.trials.facts.get(kind, values)
            changed = [name for name in before | values if before.get(name) != values.get(name)]
            if changed:
                name, where = changed[0], {"settings": "with", "space": "over"}[kind]
                raise ConfigError(
                    f"{self.place} has a search {where} another {setting(name)}, {shown(before.get(name))} for"
                    f" {shown(values.get(name))}; continue it as it was, or choose a new folder"
                )

    def _how_long(self) -> str:
        minutes, trials, _ = self.goal
        words = [f"for {minutes:g} minute{'s' * (minutes != 1)}"] if minutes else []
        return " or ".join([*words, f"{trials} fits"] if trials else words)

    def _say(self, line: str) -> None:
        if not self.silent:
            progress.say(line)


def _in_force(fitted: Searched) -> dict[str, Any]:
    """Every setting by name, with what the data settled."""
    return {name: value for part in fitted.parts.values() for name, value in vars(part).items()}
