"""What a search tried so far, in a file of its folder, and what follows from it: the next settings, and which fits end early.

A fit is looked at after a ninth and a third of its length, and ended there unless it is among the best third of those that
came so far (successive halving, Jamieson & Talwalkar 2016; one after the other, Li et al. 2020, arXiv:1810.05934). The next
settings are drawn where those that did well are dense (Bergstra et al. 2011). Both are Optuna's; why: docs/decisions/0017.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import ConfigError, RunError
from recurra.fitting.space import Space, drawn, placed

LEVELS, BEST = 9, 3
"""A fit's length in levels, and the part that continues, 1 / BEST: looks are at level 1 and BEST."""
RANDOM = 8
"""Settings that are drawn at random before what is known decides."""
MARGIN = 1.0
"""By how many standard errors of the difference other settings must be better than those of the first fit to replace them."""
FINISHED, EARLY, TIME, FAILED = "finished", "early", "time", "failed"
"""How a fit ended: by itself, at a look, as the time was over, or with an error."""


def required() -> Any:
    """Optuna. ConfigError if it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise ConfigError("tuning needs Optuna: pip install 'recurra[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@contextlib.contextmanager
def opened(path: Path, seed: int) -> Iterator["Trials"]:
    """The trials in a file, a SQLite database that Optuna's own tools open too; where nothing was tried, no file stays.

    RunError if it is damaged.
    """
    optuna = required()
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import SQLAlchemyError

    storage = trials = None
    try:
        storage = optuna.storages.RDBStorage(str(URL.create("sqlite", database=str(path))))
        trials = Trials(optuna, storage, seed)
        yield trials
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise RunError(f"{path} cannot be used: {reason}. Remove its folder, and start again") from error
    finally:
        if storage is not None:
            storage.remove_session()
            storage.engine.dispose()
        if trials is not None and not trials.rows:
            path.unlink()


def better(row: Mapping[str, Any], first: Mapping[str, Any]) -> bool:
    """Whether a fit is better than the first one by MARGIN standard errors of their difference. Without losses apart: yes."""
    parts = row.get("apart"), first.get("apart")
    if not all(parts) or len(parts[0]) < 2:
        return True
    gains = np.subtract(parts[1], parts[0])
    return bool(gains.mean() > MARGIN * gains.std(ddof=1) / math.sqrt(len(gains)))


class Trials:
    """Trials by number. Number 0 has the settings as they are; number n depends on the seed and those before it alone.

    The file has those that are over. The one under way is in memory: of a process that is killed nothing of it is left.
    """

    def __init__(self, optuna: Any, storage: Any, seed: int):
        self._optuna, self._seed = optuna, seed
        self._stored = optuna.create_study(storage=storage, study_name="tune", load_if_exists=True)
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=BEST)
        self._study = optuna.create_study(pruner=pruner)
        self._study.add_trials(self._stored.get_trials())
        self.rows: list[dict[str, Any]] = [trial.user_attrs["row"] for trial in self._study.get_trials(deepcopy=False)]
        """What was tried, a row each."""

    @property
    def facts(self) -> dict[str, Any]:
        """What is stored beside the trials."""
        return self._stored.user_attrs

    def store(self, facts: Mapping[str, Any]) -> None:
        """Store facts, values that JSON has, by name."""
        for name, value in facts.items():
            self._stored.set_user_attr(name, value)

    @property
    def best(self) -> int | None:
        """The number of the one with the lowest loss of those that were not ended early, and are better than the first by more
        than chance; None if there is none."""
        done = [row for row in self.rows if row["ended"] in (FINISHED, TIME) and math.isfinite(row["validation_loss"])]
        done = [row for row in done if not row["trial"] or better(row, self.rows[0])]
        return min(done, key=lambda row: row["validation_loss"])["trial"] if done else None

    def ask(self, space: Space) -> tuple[Any, dict[str, Any]]:
        """The next trial and its settings."""
        sampler = self._optuna.samplers.TPESampler
        seed = int(np.random.SeedSequence([self._seed, len(self.rows)]).generate_state(1)[0])
        self._study.sampler = sampler(seed=seed, n_startup_trials=RANDOM)
        trial = self._study.ask()
        return trial, drawn(trial, space)

    def known(self, settings: Mapping[str, Any], space: Space, curve: list[tuple[int, float]]) -> Any:
        """A trial of settings that were fitted already. curve: the loss at some levels."""
        self._study.enqueue_trial(placed(settings, space))
        trial, _ = self.ask(space)
        for level, loss in curve:
            self.worth(trial, level, loss)
        return trial

    @staticmethod
    def worth(trial: Any, level: int, loss: float) -> bool:
        """Whether a fit that has this loss at this level is to continue."""
        trial.report(loss, level)
        return not trial.should_prune()

    def add(self, trial: Any, row: dict[str, Any]) -> None:
        """Store a trial that is over, with its row of the table."""
        states, loss = self._optuna.trial.TrialState, row["validation_loss"]
        state = {EARLY: states.PRUNED, FAILED: states.FAIL}.get(row["ended"], states.COMPLETE)
        state = state if math.isfinite(loss) else states.FAIL
        trial.set_user_attr("row", row)
        self._study.tell(trial, loss if state == states.COMPLETE else None, state)
        self._stored.add_trial(self._study.trials[-1])
        self.rows.append(row)
