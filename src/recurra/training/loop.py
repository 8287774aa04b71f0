"""The training loop: schedule and step, then what is due: a row of numbers, evaluate, sample, save."""

import contextlib
import dataclasses
import enum
import inspect
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from recurra.errors import ConfigError, DivergenceError, RunError, nearest, setting
from recurra.training import clock, distributed, optimizers, runs, signals, tensors, threads
from recurra.training.config import DONE, Longer, TrainingConfig
from recurra.training.look import Look
from recurra.training.runs import Run
from recurra.training.schedule import rate

Listener = Callable[[dict[str, Any]], None]

EPOCHS, STEPS = 8, 2000  # passes over the data by default: so many, and at least so many steps
LOWER = 0.5  # of the learning rate, in each further cycle of a finished run
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
    patient_steps: int = 0
    """Training steps since the best evaluation that `patience` must have seen too before it ends a run."""
    enough: float = 0.0
    """A loss on held-out data at which nothing is left to learn; where the settings have no patience, training ends there."""
    look = Look()
    """How much of the held-out part an evaluation reads; the loop gives each run one of its own."""

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
        """Measures on held-out data, among them "loss"; empty if none is held out. While training it is to be quick:
        `self.look` says where to end. It calls the model often, because a stop is heeded at each call."""

    def check_memory(self) -> None:  # noqa: B027 (a hook: few tasks have steps that fill a machine)
        """Raise ConfigError if a step would take more memory than there is (see `footprint`). Called before the first."""

    def sample(self, model: nn.Module, seed: int) -> str | None:
        """Something to look at, or None."""
        return None

    def patience(self, measured: dict[str, float]) -> int:
        """Evaluations without a better one after which training stops, where the settings have no patience of their own; 0 =
        never. measured: what `evaluate` returned last."""
        return 0

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
    longer: Longer | None = None,
) -> dict[str, Any]:
    """Train `task.model` until the run is done, and leave the best weights in it: `fit(task, config, "runs/first")`.

    folder: gets `state.safetensors` and `model.safetensors`. Where it holds a state already, the run resumes from
    there, to the same bits as if it had never stopped: on the same machine and number of threads, and on a GPU as far
    as its kernels give the same result twice. Where it ends by the clock (`minutes`), the saved state is restored exactly,
    and the schedule then follows the time that is left. Several processes must see the same folder.
    listeners: called on rank 0 with every event, a dict with "event" (start, progress, train, evaluate, sample, saving, save,
    fall, interrupt, end), "step", "epoch" (a fraction), "done" (the part of the run that is over) and "seconds"; and before
    any exception leaves with {"event": "break"} alone.
    stop: asked several times a second, in evaluations too; true ends the run early and keeps what it learned.
    longer: trains a finished run further: another cycle of the schedule, with half the learning rate of the one before.

    Returns how it ended: reason (one of DONE, or "stopped"), step, steps (0 by the clock), seconds, learning (of the seconds,
    the part that went into steps), best, best_step.
    Raises Interrupted after Ctrl-C and the other signals of `signals.CAUGHT`, with everything saved, weights to use included;
    DivergenceError if the loss stays infinite or NaN; RunError if the folder's files are damaged, of another run, or
    cannot be written.
    """
    listeners = tuple(listeners) if distributed.rank() == 0 else ()
    folder, report = Path(folder), _reporter(listeners, task)
    with (
        signals.collected() as caught,
        _own_random_state(config.seed),
        _broken_off(listeners),
        contextlib.ExitStack() as stack,
    ):
        stack.enter_context(threads.one_if_small(task.model, config.minutes))
        run, model, time_of = _begin(task, config, folder, report, longer)
        halts = _Halts(caught, stop)
        step_took = stack.enter_context(threads.fastest(time_of.budget, run.device))
        while not run.progress.reason:
            if time_of.over(run):  # it was stopped in the evaluation after its last step
                run.progress.reason, due = "finished", time_of.owed(run) | {"save"}
            elif not (due := time_of.owed(run)):
                began = time.monotonic()
                with caught.breakable():
                    _step(task, run, model, time_of.done(run))
                step_took(time.monotonic() - began)
                due = time_of.due(run, caught, stop)
            if not due:
                continue
            began, run.progress.seconds = time.monotonic(), time_of.seconds()
            if "progress" in due:
                report("progress", run, **_since(task, run, "progress"), **time_of.look(run))
            if "train" in due:
                report("train", run, **_since(task, run, "train"), lr=run.optimizer.param_groups[0]["lr"])
            if "evaluate" in due and (measured := _evaluate(task, run, due, halts)):
                report("evaluate", run, **measured, tokens_per_second=time_of.mean_speed(), done=time_of.fraction(run))
            if "fall" in due:
                _fall_back(run, report)
            if "sample" in due and (text := _quietly(task.sample, run, halts, config.seed + run.progress.step)):
                report("sample", run, text=None if isinstance(text, Cut) else text)
            if (run.progress.reason or "interrupt" in due) and run.progress.best is None:
                runs.save_weights(run)  # there are none yet, and these are all that was learned
            if "save" in due:
                _save(run, time_of, report)
            if "interrupt" in due:
                report("interrupt", run)
                raise signals.Interrupted(_stopped(run), caught() or 2)
            time_of.skip(run, due, began)
        outcome = _end(run)
        report("end", run, **outcome)
    return outcome


def _begin(
    task: Task, config: TrainingConfig, folder: Path, report, longer: Longer | None
) -> tuple[Run, nn.Module, clock.Clock]:
    """A run at its start or where it was left, the model as this process trains it, and its clock from now on."""
    by_clock = 60 * (config.minutes or 0.0)
    run = runs.new(task.model, config, folder, 0 if by_clock else planned_steps(config, task.steps), by_clock)
    resumed = (folder / runs.STATE).exists()
    if resumed:
        runs.restore(run)
    if longer:
        _extend(run, longer, task.steps)
    if longer or not resumed:
        # Saved before the first step: a folder that cannot be written shows now, and there is always a way back.
        runs.save(run)
    model = _parallel(run).train()
    progress = run.progress
    task.look = Look(seconds=_seconds_of_a_look(progress), batches=progress.look)
    if progress.reason == "stopped":
        progress.reason = ""
    time_of = clock.Clock(run, task.steps)
    report(
        "start",
        run,
        resumed=resumed,
        owed=[] if progress.reason else sorted(time_of.owed(run)),
        steps=progress.steps or None,
        minutes=(progress.until - progress.since) / 60 if progress.until else None,
        first=progress.first,
        longer=dataclasses.asdict(longer) if longer else None,
        steps_per_epoch=task.steps,
        unit=task.unit,
        units_per_token=task.units_per_token,
        parameters=sum(parameter.numel() for parameter in run.names),
        processes=distributed.world(),
        device=str(run.device),
        threads=torch.get_num_threads(),
    )
    return run, model, time_of


def _extend(run: Run, longer: Longer, epoch: int) -> None:
    """Begin another cycle of a finished run. RunError if it is not finished, ConfigError if it has had those epochs."""
    progress, steps = run.progress, longer.epochs * epoch
    if progress.reason not in DONE:
        raise RunError(
            f"{run.folder} is not finished: {_so_far(run)}. Resume it without {setting('epochs')} and"
            f" {setting('more_minutes')} first; when it is done, it can be trained longer"
        )
    if steps and steps <= progress.step:
        raise ConfigError(
            f"{setting('epochs')} is {longer.epochs}, but {run.folder} has had {progress.step / epoch:.3g}; name more of them:"
            " those that it has had are counted"
        )
    progress.first, progress.since, progress.steps = progress.step, progress.seconds, steps
    progress.until = progress.seconds + 60 * (longer.more_minutes or 0.0) if longer.more_minutes else 0.0
    progress.scale, progress.waited, progress.reason = progress.scale * LOWER, 0, ""


def _seconds_of_a_look(progress: runs.Progress) -> float:
    budget = progress.until - progress.since
    return clock.LOOK * budget / clock.looks(budget) if progress.until else math.inf


def planned_steps(config: TrainingConfig, epoch: int) -> int:
    """Steps in a run whose epoch has so many, where no time is set: a small data set is read more often, or it would hardly be
    learned."""
    return config.epochs * epoch or max(EPOCHS, math.ceil(STEPS / epoch)) * epoch


def _step(task: Task, run: Run, model: nn.Module, done: float) -> None:
    """One update: schedule, forward, backward, clip, optimise. Reads nothing back from the device."""
    config, progress = run.config, run.progress
    epoch, index = divmod(progress.step, task.steps)
    optimizers.set_rate(run.optimizer, rate(config, done) * progress.scale)
    loss, carry, tokens = task.loss(model, task.batch(epoch, index), run.carry if index else None)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(run.parameters, config.clip or math.inf)
    run.optimizer.step()
    run.optimizer.zero_grad()
    run.carry = tensors.map_tree(Tensor.detach, carry)
    # An infinity or NaN in a sum stays there: one look at the sums, now and then, shows all steps before it.
    run.totals.add_(torch.stack((loss.detach() * tokens, norm)))
    progress.step += 1
    progress.tokens += tokens * distributed.world()
    if run.average is not None:
        optimizers.add_to_average(run.average, run.model, config.average, progress.step)


def _since(task: Task, run: Run, event: str) -> dict[str, float]:
    """The mean loss a token and gradient norm a step since the last event of this kind, over all ranks."""
    now = runs.here(run)
    before = run.marks.get(event, torch.zeros_like(now))
    run.marks[event] = now
    steps, tokens, loss, norm = (now - before).tolist()
    loss, norm = distributed.mean([loss / tokens, norm / steps])
    return {"loss": loss, **task.measures(loss), "norm": norm}


def _evaluate(task: Task, run: Run, due: set[str], halts: "_Halts") -> dict[str, Any] | None:
    """Measure, keep the weights if they are the best, and see whether patience is at an end; what follows from it is added to
    `due`. None if the evaluation was stopped, or its loss is no number: nothing is to be kept of that."""
    config, progress = run.config, run.progress
    if run.marks.get("evaluate", (-1,))[0] == progress.step:  # a run that was stopped right after it
        return None
    measured = distributed.share(_quietly(task.evaluate, run, halts))
    if isinstance(measured, str):  # a Cut, of whichever process
        due -= {"sample"}
        due |= {"save"} if measured == Cut.STOP else {"save", "interrupt"}
        progress.reason = "stopped" if measured == Cut.STOP else ""
        return None
    training = _since(task, run, "evaluate")["loss"]
    value = _monitored(config.monitor, measured, training)
    if not math.isfinite(value):
        due.clear()
        due.add("fall")
        progress.reason = ""
        return None
    progress.look = task.look.batches
    sign = -1 if measured and config.monitor in task.higher else 1
    better = progress.best is None or sign * value < sign * progress.best
    if better:
        progress.best, progress.best_step, progress.waited = value, progress.step, 0
        runs.save_weights(run)
        due.add("save")
        if measured and not config.patience and measured["loss"] <= task.enough:
            progress.reason = progress.reason or "learned"
    else:
        progress.waited += 1
        patience, least = (config.patience, 0) if config.patience else (task.patience(measured), task.patient_steps)
        if patience and progress.waited >= patience and progress.step - progress.best_step >= least:
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


class Cut(enum.StrEnum):
    """Why an evaluation or a sample was stopped."""

    STOP, SIGNAL = "stop", "signal"


class _Stopped(Exception):
    pass


class _Halts:
    """Whether an evaluation is to end now: a signal came, or `stop` is true; after a stop, it has a second."""

    def __init__(self, caught: Callable[[], int], stop: Callable[[], bool] | None):
        self.caught, self.stop, self.asked = caught, stop, 0.0

    def check(self, run: Run, began: float) -> None:
        """Raise _Stopped, with a Cut, where it is to end. began: when it began."""
        now = time.monotonic()
        if now - self.asked < clock.TICK:
            return
        self.asked = now
        stopped = run.progress.reason == "stopped"
        if self.caught():
            raise _Stopped(Cut.SIGNAL)
        if (now - began > 1.0) if stopped else (self.stop is not None and self.stop()):
            raise _Stopped(Cut.STOP)


def _quietly(look: Callable[..., Any], run: Run, halts: _Halts, *arguments) -> Any:
    """Call `look` on rank 0 with the model in evaluation mode; training notices nothing of it. A Cut where it was stopped:
    each of the model's calls sees to that."""
    if distributed.rank() != 0:
        return None
    model, began = run.result.eval(), time.monotonic()
    hook = model.register_forward_pre_hook(lambda *_: halts.check(run, began))
    try:
        with _preserved_random_state(run.device), torch.no_grad():
            return look(model, *arguments)
    except _Stopped as cut:
        return cut.args[0]
    finally:
        hook.remove()
        model.train()


def _save(run: Run, time_of: clock.Clock, report) -> None:
    report("saving", run)
    runs.save(run)
    time_of.restart_saving()
    report("save", run)


def _fall_back(run: Run, report) -> None:
    """Go back to the last saved state, which was finite, with half the learning rate."""
    step, lr = run.progress.step, run.optimizer.param_groups[0]["lr"]
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
    report("fall", run, fell_at=step, scale=run.progress.scale)


def _stopped(run: Run) -> str:
    if run.progress.best is None:
        weights = ", before the first evaluation; the weights so far may be used, and"
    else:
        weights = ";"
    return f"stopped {_so_far(run)}{weights} everything is saved in {run.folder}"


def _so_far(run: Run) -> str:
    progress = run.progress
    if progress.steps:
        return f"at step {progress.step:,} of {progress.steps:,}"
    return f"at step {progress.step:,}, after {progress.seconds:.0f} of {progress.until:.0f} seconds"


def _end(run: Run) -> dict[str, Any]:
    """Put the best weights into the model, and say how the run ended."""
    distributed.wait()
    runs.load_weights(run.model, run.folder)
    progress = run.progress
    names = ("reason", "step", "steps", "tokens", "seconds", "best", "best_step")
    learning = 1 - progress.aside / progress.seconds if progress.seconds else 1.0
    return {name: getattr(progress, name) for name in names} | {"learning": max(0.0, learning)}


@contextlib.contextmanager
def _broken_off(listeners: tuple[Listener, ...]) -> Iterator[None]:
    """Tell the listeners of any exception, so that a live display gives the terminal back before the message comes."""
    try:
        yield
    except BaseException:
        for listener in listeners:
            listener({"event": "break"})
        raise


def _reporter(listeners: tuple[Listener, ...], task: Task) -> Callable[..., None]:
    """A function that passes an event on to every listener."""

    def report(event: str, run: Run, **values) -> None:
        progress = run.progress
        common = {"event": event, "step": progress.step, "epoch": progress.step / task.steps}
        for listener in listeners:
            listener(common | {"seconds": round(progress.seconds, 3)} | values)

    return report


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
    """Inside, randomness follows from the seed and the rank alone; afterwards the caller's continues undisturbed."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with _preserved_random_state(device):
        torch.manual_seed(seed + distributed.rank())
        yield


def _preserved_random_state(device: torch.device):
    return torch.random.fork_rng([torch.cuda.current_device()] if device.type == "cuda" else [])
