"""Run the problems: every cell at every lag, each until it is solved or its steps or minutes are over."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from recurra import cells as known
from recurra.config import make_parts, nearest, whole
from recurra.errors import ConfigError, DivergenceError, setting
from recurra.fitting import folders, running
from recurra.tasks.memory.config import CONFIGS, DEFAULTS, TRANSFORMER, WITHOUT_EFFECT
from recurra.tasks.memory.model import MemoryModel
from recurra.tasks.memory.problems import PROBLEMS, check_lag
from recurra.tasks.memory.task import SOLVED, MemoryTask
from recurra.training import Interrupted, fit

CELLS = ("rnn", "lstm", "gru", "mingru", TRANSFORMER)
LAGS = (20, 60)
STEPS = 1500


@dataclass(frozen=True)
class Row:
    """What became of one cell at one problem and lag."""

    task: str
    lag: int
    cell: str
    parameters: int
    solved: bool
    """Whether the error on held-out sequences came down to 0.01."""
    step: int
    """The step of the evaluation that showed it; or steps trained in vain, fewer where the loss became NaN for good."""
    seconds: float
    """Time until then, evaluations included."""
    error: float
    """The lowest error that an evaluation showed; that of chance where there was none."""
    chance: float
    """The error of one who remembers nothing."""


def bench(
    tasks: Sequence[str] | None = None,
    cells: Sequence[str] = CELLS,
    lags: Sequence[int] = LAGS,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    report: Callable[[Row], None] = lambda row: None,
    **values,
) -> list[Row]:
    """Train each cell at each problem and lag: `bench(["adding"], ["rnn", "lstm"], [30])`, rows in that order.

    tasks: names of PROBLEMS; default all. cells: names of cells, and "transformer". lags: steps to remember over.
    steps, minutes: the most that one of these runs may take; default 1,500 steps. report: called with each row as it is ready.
    values: any field of MemoryConfig and TrainingConfig, such as hidden_size, lr or seed.

    ConfigError for invalid names and settings, CellError for an unknown cell.
    """
    tasks, cells, lags = (
        _listed(name, given)
        for name, given in {"tasks": PROBLEMS if tasks is None else tasks, "cells": cells, "lags": lags}.items()
    )
    for name in tasks:
        if name not in PROBLEMS:
            raise ConfigError(f"{setting('tasks')} has {name!r}; {nearest(name, PROBLEMS)}")
    for cell in cells:
        if cell != TRANSFORMER:
            known.get(cell)
            known.require_inputs_alone(cell, "cells")
    if steps is not None and minutes is not None:
        raise ConfigError(f"{setting('steps')} and {setting('minutes')} both say how long a run may take; drop one")
    if steps is not None:
        whole("steps", steps, "a whole number, 1 or more")
    for name in WITHOUT_EFFECT:
        if name in values:
            raise ConfigError(f"{setting(name)} has no effect here, where nothing of a run is kept; leave it out")
    if "epochs" in values:
        raise ConfigError(
            f"{setting('epochs')} has no meaning where every example is new; give {setting('steps')} or {setting('minutes')}"
        )
    parts = make_parts(CONFIGS, DEFAULTS | values | {"epochs": 0 if minutes else 1, "minutes": minutes})
    runs = [(task, lag, cell) for task in tasks for lag in lags for cell in cells]
    for task, lag, _ in runs:
        check_lag(task, lag)
    rows = []
    for one in runs:
        rows.append(_run(*one, steps or STEPS, parts))
        report(rows[-1])
    return rows


def _listed(name: str, given: Any) -> list:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigError(f"{setting(name)} is {given!r}; expected a list: [{given!r}]")
    if not (found := list(given)):
        raise ConfigError(f"{setting(name)} is empty; leave it out for the default")
    return found


def _run(name: str, lag: int, cell: str, steps: int, parts: dict[str, Any]) -> Row:
    """One run: it ends soon after the first evaluation that shows the problem solved, or when its time is over."""
    config, training, problem = parts["model"], parts["training"], PROBLEMS[name]
    make = partial(MemoryModel, cell, problem, lag + problem.more, config)
    model = folders.seeded(make, training.seed).to(running.device(training.device))
    task = MemoryTask(model, problem, lag, config, training.seed, steps)
    seen = []
    listeners = [lambda event: seen.append(event) if event["event"] == "evaluate" else None]
    with tempfile.TemporaryDirectory(prefix="recurra-") as folder:
        try:
            fit(task, training, folder, listeners=listeners, stop=lambda: any(map(_solves, seen)))
        except Interrupted as error:
            message = f"stopped at {name}, lag {lag}, {cell}; what came before it stands"
            raise Interrupted(message, error.exit_code - 128) from None
        except DivergenceError:  # one run in vain, as others are, and no reason to lose them
            pass
    parameters = sum(parameter.numel() for parameter in model.parameters())
    if not seen:
        return Row(name, lag, cell, parameters, False, 0, 0.0, problem.chance, problem.chance)
    last = next(filter(_solves, seen), seen[-1])
    error = min(event["error"] for event in seen if event["step"] <= last["step"])
    return Row(name, lag, cell, parameters, _solves(last), last["step"], last["seconds"], error, problem.chance)


def _solves(event: dict[str, Any]) -> bool:
    return event["error"] <= SOLVED
