"""The training loop: schedule and step, then what is due: a row of numbers, evaluate, sample, save."""

import contextlib
import functools
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from recurra.errors import ConfigError, DivergenceError, nearest, setting
from recurra.training import budget, distributed, optimizers, runs, signals, tensors
from recurra.training.clock import Clock
from recurra.training.config import TrainingConfig
from recurra.training.runs import Run
from recurra.training.schedule import rate

Listener = Callable[[dict[str, Any]], None]

EPOCHS, STEPS = 8, 2000  # passes over the data unless told otherwise: so many, and at least so many steps
FALLS = 5  # how often a run may fall back to its last good state before it gives up


class Task(ABC):
    """What a task gives the loop. `batch` must depend on its arguments alone: that makes resuming exact."""

    model: nn.Module
    steps: int
    """Steps in an epoch."""
    unit: ClassVar[str]
    """What is counted: "characters", "frames" ..."""
    units_per_token: float = 1.0
    """How many of those a token stands for, on average."""
    higher: ClassVar[frozenset[str]] = frozenset({"accuracy"})
    """The measures of `evaluate` of which more is better; of all others, as of losses, less is."""

    @abstractmethod
    def batch(self, epoch: int, index: int) -> Any:
        """The batch of one step, index from 0 to steps - 1; in a process group, this rank's rows of it."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: Any, carry: Any) -> tuple[Tensor, Any, int]:
        """The mean loss over the batch's tokens, the state for the next batch (nested tuples and lists of tensors, or
        None) and the number of tokens, which is the same on every rank. Where rows count differently, the mean is over all
        ranks' rows: divide the sum by `distributed.mean_of(count)`. `carry` is the state that the last batch left,
        detached; None at the start of an epoch."""

    @abstractmethod
    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Measures on held-out data, among them "loss"; empty where none is held out."""

    def sample(self, model: nn.Module, seed: int) -> str | None:
        """Something to look at, or None."""
        return None

    def measures(self, loss: float) -> dict[str, float]:
        """What a mean loss means in the task's own terms, such as bits per character."""
        return {}


def fit(
    task: Task,
    config: TrainingConfig,
    folder: str | Path,
    *,
    listeners: Iterable[Listener] = (),
    stop: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Train `task.model` until the run is done, and leave the best weights in it: `fit(task, config, "runs/first")`.

    folder: gets `state.safetensors` and `model.safetensors`. Where it holds a state already, the run goes on from
    there, to the same bits as if it had never stopped: on the same machine and number of threads, and on a GPU as far
    as its kernels give the same result twice. Several processes must see the same folder.
    listeners: called on rank 0 with every event, a dict with "event" (start, progress, train, evaluate, sample, saving, save,
    fall, interrupt, end), "step", "epoch" (a fraction) and "seconds"; and before any exception leaves with
    {"event": "break"} alone.
    stop: asked several times a second; true ends the run early and keeps what it learned.

    Returns how it ended: reason ("finished", "patience" or "stopped"), step, steps, seconds, best, best_step.
    Raises Interrupted after Ctrl-C and the other signals of `signals.CAUGHT`, with everything saved, weights to use included;
    DivergenceError where the loss stays infinite or NaN; RunError where the folder's files are damaged, of another run, or
    cannot be written.
    """
    listeners = tuple(listeners) if distributed.rank() == 0 else ()
    folder, tell = Path(folder), _teller(listeners, task)
    with signals.noted() as caught, _own_random_state(config.seed), _broken_off(listeners):
        run, model = _begin(task, config, folder, tell)
        clock = Clock(run, task.steps)
        while not run.progress.reason:
            _step(task, run, model)
            due = clock.due(run, caught, stop)
            if not due:
                continue
            run.progress.seconds = clock.seconds()
            if "progress" in due:
                tell("progress", run, **_since(task, run, "progress"), **clock.look(run))
            if "train" in due:
                tell("train", run, **_since(task, run, "train"), lr=_rate(run, run.progress.step - 1))
            if "evaluate" in due:
                measured = _evaluate(task, run, due)
                if measured:
                    tell("evaluate", run, **measured, tokens_per_second=clock.mean_speed())
                else:
                    due = {"fall"}
            if "fall" in due:
                _fall_back(run, tell)
            if "sample" in due:
                tell("sample", run, text=_quietly(task.sample, run, config.seed + run.progress.step))
            if "save" in due:
                _save(run, clock, tell)
            if "interrupt" in due:
                if run.progress.best is None:  # there are no weights yet, and these are all that was learned
                    runs.save_weights(run)
                tell("interrupt", run)
                raise signals.Interrupted(_stopped(run), caught() or 2)
            clock.skip(run)
        outcome = _end(run)
        tell("end", run, **outcome)
    return outcome


def _begin(task: Task, config: TrainingConfig, folder: Path, tell) -> tuple[Run, nn.Module]:
    """A run at its start or where it was left, and the model as this process trains it."""
    run = runs.new(task.model, config, folder, steps=0 if config.minutes else planned_steps(config, task.steps))
    resumed = (folder / runs.STATE).exists()
    if resumed:
        runs.restore(run)
    else:
        # Saved before the first step: a folder that cannot be written shows now, and there is always a way back.
        runs.save(run)
    model = _parallel(run).train()
    if config.minutes and not run.progress.steps:
        step, look = functools.partial(_step, task, run, model), functools.partial(_look, task, run)
        run.progress.steps = budget.steps_in(config.minutes * 60, task.steps, run, step, look)
        runs.save(run)
    if run.progress.reason == "stopped":
        run.progress.reason = ""
    tell(
        "start",
        run,
        resumed=resumed,
        steps=run.progress.steps,
        steps_per_epoch=task.steps,
        unit=task.unit,
        units_per_token=task.units_per_token,
        parameters=sum(parameter.numel() for parameter in run.names),
        processes=distributed.world(),
        device=str(run.device),
        threads=torch.get_num_threads(),
    )
    return run, model


def planned_steps(config: TrainingConfig, epoch: int) -> int:
    """Steps in a run whose epoch has so many, where no time is set: a small data set is read more often, or it would hardly be
    learned."""
    return config.epochs * epoch or max(EPOCHS, math.ceil(STEPS / epoch)) * epoch


def _step(task: Task, run: Run, model: nn.Module) -> None:
    """One update: schedule, forward, backward, clip, optimise. Reads nothing back from the device."""
    config, progress = run.config, run.progress
    epoch, index = divmod(progress.step, task.steps)
    optimizers.set_rate(run.optimizer, _rate(run, progress.step))
    loss, carry, tokens = task.loss(model, task.batch(epoch, index), run.carry if index else None)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(run.parameters, config.clip or math.inf)
    run.optimizer.step()
    run.optimizer.zero_grad()
    run.carry = tensors.map_tree(Tensor.detach, carry)
    # An infinity or NaN in a sum stays there: one look at the sums, now and then, tells of all steps before it.
    run.totals.add_(torch.stack((loss.detach() * tokens, norm)))
    progress.step += 1
    progress.tokens += tokens * distributed.world()
    if run.average is not None:
        optimizers.add_to_average(run.average, run.model, config.average, progress.step)


def _rate(run: Run, step: int) -> float:
    return rate(run.config, step, run.progress.steps) * run.progress.scale


def _since(task: Task, run: Run, event: str) -> dict[str, float]:
    """The mean loss a token and gradient norm a step since the last event of this kind, over all ranks."""
    now = runs.here(run)
    before = run.marks.get(event, torch.zeros_like(now))
    run.marks[event] = now
    steps, tokens, loss, norm = (now - before).tolist()
    loss, norm = distributed.mean([loss / tokens, norm / steps])
    return {"loss": loss, **task.measures(loss), "norm": norm}


def _evaluate(task: Task, run: Run, due: set[str]) -> dict[str, Any] | None:
    """Measure, keep the weights if they are the best, and see whether patience is at an end; None for a loss that is no number:
    nothing is to be kept of that."""
    config, progress = run.config, run.progress
    training = _since(task, run, "evaluate")["loss"]
    measured = distributed.share(_quietly(task.evaluate, run))
    value = _monitored(config.monitor, measured, training)
    if not math.isfinite(value):
        return None
    sign = -1 if measured and config.monitor in task.higher else 1
    better = progress.best is None or sign * value < sign * progress.best
    if better:
        progress.best, progress.best_step, progress.waited = value, progress.step, 0
        runs.save_weights(run)
        due.add("save")
    else:
        progress.waited += 1
        if config.patience and progress.waited >= config.patience:
            progress.reason = progress.reason or "patience"
            due.add("save")
    both = {"training_loss": training} | ({"validation_loss": measured["loss"]} if measured else {})
    measured = measured or {"loss": training, **task.measures(training)}
    return measured | both | {"best": progress.best, "better": better}


def _monitored(monitor: str, measured: dict[str, float] | None, training: float) -> float:
    """The number that chooses the best weights; where nothing is held out, the training loss."""
    if monitor == "training" or not measured:
        return training
    name = "loss" if monitor == "validation" else monitor
    if name not in measured:
        known = ["validation", "training", *(name for name in measured if name != "loss")]
        raise ConfigError(f"{setting('monitor')} is {monitor!r}; {nearest(monitor, known)}")
    return measured[name]


def _look(task: Task, run: Run) -> None:
    """What an evaluation costs."""
    _quietly(task.evaluate, run)
    _quietly(task.sample, run, run.config.seed)


def _quietly(look: Callable[..., Any], run: Run, *arguments) -> Any:
    """Call `look` on rank 0 with the model in evaluation mode; training notices nothing of it."""
    if distributed.rank() != 0:
        return None
    model = run.result.eval()
    try:
        with _preserved_random_state(run.device), torch.no_grad():
            return look(model, *arguments)
    finally:
        model.train()


def _save(run: Run, clock: Clock, tell) -> None:
    tell("saving", run)
    runs.save(run)
    clock.restart_saving()
    tell("save", run)


def _fall_back(run: Run, tell) -> None:
    """Go back to the last saved state, which was finite, with half the learning rate."""
    step, lr = run.progress.step, _rate(run, run.progress.step - 1)
    runs.restore(run)
    run.progress.falls += 1
    run.progress.scale /= 2
    if run.progress.falls > FALLS:
        raise DivergenceError(
            f"the loss or its gradient became infinite or NaN {run.progress.falls} times, last at step {step:,} with"
            f" a learning rate of {lr:.2g}. Start again with a smaller {setting('lr')} or "
            f"{setting('clip')}, and look for wild values in the data"
        )
    runs.save(run)
    tell("fall", run, fell_at=step, scale=run.progress.scale)


def _stopped(run: Run) -> str:
    progress = run.progress
    if progress.best is None:
        weights = ", before the first evaluation; the weights so far may be used, and"
    else:
        weights = ";"
    return f"stopped at step {progress.step:,} of {progress.steps:,}{weights} everything is saved in {run.folder}"


def _end(run: Run) -> dict[str, Any]:
    """Put the best weights into the model, and say how the run ended."""
    distributed.wait()
    runs.load_weights(run.model, run.folder)
    progress = run.progress
    names = ("reason", "step", "steps", "tokens", "seconds", "best", "best_step")
    return {name: getattr(progress, name) for name in names}


@contextlib.contextmanager
def _broken_off(listeners: tuple[Listener, ...]) -> Iterator[None]:
    """Tell the listeners of any exception, so that a live display gives the terminal back before the message comes."""
    try:
        yield
    except BaseException:
        for listener in listeners:
            listener({"event": "break"})
        raise


def _teller(listeners: tuple[Listener, ...], task: Task) -> Callable[..., None]:
    """A function that passes an event on to every listener."""

    def tell(event: str, run: Run, **values) -> None:
        progress = run.progress
        common = {"event": event, "step": progress.step, "epoch": progress.step / task.steps}
        for listener in listeners:
            listener(common | {"seconds": round(progress.seconds, 3)} | values)

    return tell


def _parallel(run: Run) -> nn.Module:
    if distributed.world() == 1:
        return run.model
    places = [run.device] if run.device.type == "cuda" else None
    # Every process has the same buffers. PyTorch 2.13 calls the option by another name, and warns of the old one.
    kind = nn.parallel.DistributedDataParallel
    known = inspect.signature(kind.__init__).parameters
    name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    return kind(run.model, device_ids=places, **{name: False})


@contextlib.contextmanager
def _own_random_state(seed: int) -> Iterator[None]:
    """Inside, randomness follows from the seed and the rank alone; afterwards the caller's goes on undisturbed."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with _preserved_random_state(device):
        torch.manual_seed(seed + distributed.rank())
        yield


def _preserved_random_state(device: torch.device):
    return torch.random.fork_rng([torch.cuda.current_device()] if device.type == "cuda" else [])
