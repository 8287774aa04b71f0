"""How every task trains: its device, what is written down and shown, and the words after Ctrl-C."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from recurra.errors import ConfigError, DivergenceError
from recurra.fitting import listeners as listening
from recurra.fitting import progress
from recurra.training import Interrupted, Task, TrainingConfig, distributed, fit


def device(name: str) -> torch.device:
    """The device that a `device` setting means: "auto", "cpu", "cuda" or "cuda:1". ConfigError where it is not here."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(name)
        if found.type not in ("cpu", "cuda"):
            raise RuntimeError("expected auto, cpu or cuda")
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"`device` is {name!r}, which is not here: {reason}. Try device='auto'") from error
    if found.type == "cuda" and found.index is None:
        found = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(found)
    return found


def train(
    task: Task,
    config: TrainingConfig,
    folder: Path,
    *,
    again: str | None,
    quiet: bool = False,
    notes: Iterable[str] = (),
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Train `task.model`, on the device it is on, until done; the best weights are left in it.

    folder: as in `recurra.training.fit`; it also gets metrics.jsonl and loss.png. again: the command or call that goes
    on with the run, for the message after Ctrl-C; None = the folder will be gone, and gets no files that are there for
    people. quiet: show nothing. notes: lines shown first. listeners, stop: as
    in `fit`, whose result is returned.
    """
    always = [listening.metrics_file(folder), listening.picture(folder)] if again else []
    if again and config.tensorboard:
        always.append(listening.tensorboard(folder))
    if not quiet and distributed.rank() == 0:
        always.append(progress.display())
        for note in notes:
            progress.say(note)
    try:
        return fit(task, config, folder, listeners=[*always, *listeners], stop=stop)
    except Interrupted as error:
        kept = f"{error}. Go on with: {again}"
        gone = "stopped, and nothing is kept; with `out` a stopped fit can be gone on with"
        raise Interrupted(kept if again else gone, error.exit_code - 128) from None
    except DivergenceError as error:
        raise DivergenceError(f"{error}; the last good state is in {folder}" if again else str(error)) from None
