"""How every task trains: its device, what is written down and shown, and the sentence after Ctrl-C."""

import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from recurra import files, locks
from recurra.errors import ConfigError, DivergenceError, RunError, setting
from recurra.fitting import notebook, progress
from recurra.fitting.listeners import metrics_file, picture, require_tensorboard, tensorboard
from recurra.training import Interrupted, Longer, Task, TrainingConfig, distributed, fit, runs

INTERRUPTED = 130  # the exit code after Ctrl-C
Listener = Callable[[dict], None]


class How(NamedTuple):
    """How to train: what every `fit` and `resume` takes beside the data."""

    out: str | Path | None = None
    """The run's folder; None trains in a temporary one."""
    quiet: bool | None = None
    """Show nothing; None shows progress on a terminal and in a notebook."""
    listeners: Iterable[Listener] = ()
    stop: Callable[[], bool] | None = None
    longer: Longer | None = None
    """How much longer to train a finished run."""
    name: str | None = None
    """Where `out` is None: keep the run in the next free folder of this name under runs/."""


def device(name: str) -> torch.device:
    """The device that a `device` setting means: "auto", "cpu", "cuda" or "cuda:1". ConfigError if it is not here."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(name)
        if found.type not in ("cpu", "cuda"):
            raise RuntimeError("expected auto, cpu or cuda")
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"{setting('device')} is {name!r}, which is not here: {reason}. Try {setting('device', 'auto')}"
        ) from error
    if found.type == "cuda" and found.index is None:
        found = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(found)
    return found


def check(parts: dict[str, Any]) -> None:
    """Raise now what would come up only after the data was read: ConfigError."""
    for part in parts.values():
        size, processes = getattr(part, "batch_size", 0), distributed.world()
        if size % processes:
            raise ConfigError(f"{setting('batch_size')} is {size}; expected a multiple of the {processes} processes")
    if parts["training"].tensorboard:
        require_tensorboard()


def command(verb: str, folder: Path, data: Iterable[str] = ()) -> str:
    """The command that resumes a run. data: where its data is, if the run does not know."""
    start = "recurra"
    if distributed.world() > 1:
        start = f"torchrun --nproc-per-node {distributed.world()} -m recurra"
    where = "".join(f" --data {shlex.quote(path)}" for path in data)
    return f"{start} {verb} --resume {shlex.quote(str(folder))}{where}"


def silent(quiet: bool | None) -> bool:
    """Whether nothing is shown: as `quiet` says, and where it is None, anywhere but on a terminal and in a notebook."""
    return not (sys.stderr.isatty() or notebook.inside()) if quiet is None else quiet


@contextlib.contextmanager
def reading(title: str, quiet: bool | None, stop: Callable[[], bool] | None) -> Iterator[Callable[[float], None]]:
    """A bar for what comes before training, where it is shown, and a stop there: as `Lifecycle.reading`."""
    with progress.share(title, silent(quiet)) as show:

        def report(done: float) -> None:
            if stop is not None and stop():
                raise Interrupted("stopped while the data was being read; nothing is kept")
            if show is not None:
                show(done)

        yield report


def train(
    task: Task,
    config: TrainingConfig,
    folder: Path,
    *,
    again: str | None,
    quiet: bool | None = False,
    notes: Iterable[str] = (),
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
    longer: Longer | None = None,
) -> None:
    """Train `task.model`, on the device it is on, until done; the best weights are left in it.

    folder: as in `recurra.training.fit`; it also gets metrics.jsonl and loss.png. again: the command or call that resumes
    the run, for the message after Ctrl-C. None: the folder is temporary, so no metrics or plots are written to it.
    quiet: show nothing; None as in `silent`. notes: lines shown first. listeners, stop, longer: as in `fit`. In a
    notebook Ctrl-C, its stop button, ends the training and keeps the model so far.
    """
    always = [metrics_file(folder), picture(folder)] if again else []
    if again and config.tensorboard:
        always.append(tensorboard(folder))
    if not silent(quiet) and distributed.rank() == 0:
        always.append(progress.display(samples=notebook.inside()))
        always += [notebook.curve()] if notebook.inside() else []
        for note in notes:
            progress.say(note)
    try:
        with _only_writer(folder) if again else contextlib.nullcontext():
            fit(task, config, folder, listeners=[*always, *listeners], stop=stop, longer=longer)
    except Interrupted as error:
        if notebook.inside() and error.exit_code == INTERRUPTED and (folder / runs.WEIGHTS).exists():
            # The stop button of a notebook: whoever presses it wants the model so far, not an error.
            runs.load_weights(task.model, folder)
            progress.say(f"{error.marked}. The model so far is kept{f'; continue with: {again}' if again else ''}")
            return
        kept = f"{error.marked}. Continue with: {again}"
        gone = f"stopped, and nothing is kept; with {setting('out')} a stopped fit can be resumed"
        raise Interrupted(kept if again else gone, error.exit_code - 128) from None
    except DivergenceError as error:
        raise DivergenceError(
            f"{error.marked}; the last good state is in {folder}" if again else error.marked
        ) from None
    except RuntimeError as error:
        if not distributed.lost(error):
            raise
        kept = f"the state last saved in {folder} is intact. Continue with: {again}" if again else "nothing is kept"
        raise RunError(f"another process of this run has ended, and so does this one; {kept}") from None


@contextlib.contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    """Within, no other process writes the run. The first of several processes holds the lock; refused, all raise RunError."""
    with contextlib.ExitStack() as stack:
        refusal = None
        if distributed.rank() == 0:
            try:
                stack.enter_context(locks.held(folder, locks.PROCESS))
                files.sweep(folder)
            except RunError as error:
                refusal = error.marked
        refusal = distributed.share(refusal)
        if refusal:
            raise RunError(refusal)
        yield
