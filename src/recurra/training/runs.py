"""A run in progress: everything that decides its future, so that a saved and resumed run gives the same bits.

`state.safetensors` holds the tensors (model.*, average.*, optimizer.*, and of each process rank.<n>.*: its carried
state, sums and random state) and, as JSON in its metadata, the progress and the settings. `model.safetensors` holds
the best weights.
"""

import contextlib
import dataclasses
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recurra import tensorfiles
from recurra.config import shown
from recurra.errors import RunError
from recurra.training import distributed, optimizers, tensors
from recurra.training.config import TrainingConfig
from recurra.training.names import SCHEMA, STATE, WEIGHTS

# Settings that may change when a run is resumed: none of them has a say in what is computed.
_FREE = ("save_every", "tensorboard", "device")


# The mark of the live display is left out: when it was set depends on the clock.
SAVED_MARKS = ("train", "evaluate")


@dataclass
class Progress:
    """How far a run is; all of it goes into the checkpoint."""

    steps: int
    """Steps in the whole run, fixed at its start; 0 where it ends by the clock."""
    until: float = 0.0
    """Of `seconds`, those at which the run ends; 0 where it ends by steps."""
    step: int = 0
    """Steps done."""
    tokens: int = 0
    """Tokens trained on, in all processes."""
    seconds: float = 0.0
    """Time spent, before and after every interruption."""
    aside: float = 0.0
    """Of these, seconds that went into evaluations, samples and saves."""
    first: int = 0
    """The step at which the schedule began: 0, or where a finished run was trained longer."""
    since: float = 0.0
    """The seconds at which it began."""
    best: float | None = None
    """Lowest loss at an evaluation."""
    best_step: int = 0
    waited: int = 0
    """Evaluations since the best one."""
    look: int | None = None
    """Batches that an evaluation reads, where the first one's time settled it."""
    scale: float = 1.0
    """Factor on the learning rate: halved by each fall back, and by each further cycle."""
    falls: int = 0
    """How often the loss became infinite or not a number."""
    reason: str = ""
    """Why the run ended; empty while it may continue."""


@dataclass
class Run:
    """The parts of a run in progress."""

    config: TrainingConfig
    folder: Path
    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: nn.Module | None
    progress: Progress
    carry: Any
    totals: Tensor
    """float64 on the model's device: the sums over all steps of loss x tokens and of the gradient's norm, in this
    process. Read only now and then: on a GPU each look waits for it."""
    marks: dict[str, Tensor] = field(default_factory=dict)
    """Steps, tokens and totals at the last event of a kind: what lies between two of them has a mean."""

    def __post_init__(self):
        self.names = {parameter: name for name, parameter in self.model.named_parameters()}
        self.parameters = [parameter for parameter in self.names if parameter.requires_grad]

    @property
    def device(self) -> torch.device:
        return self.totals.device

    @property
    def result(self) -> nn.Module:
        """The model that is evaluated and kept: the mean of the weights, or the weights."""
        return self.model if self.average is None else self.average


def new(model: nn.Module, config: TrainingConfig, folder: Path, steps: int, until: float = 0.0) -> Run:
    """A run that has not begun, of so many steps, or of so many seconds."""
    device = next(model.parameters()).device
    average = optimizers.averaged(model) if config.average else None
    totals = torch.zeros(2, dtype=torch.float64, device=device)
    return Run(config, folder, model, optimizers.make(model, config), average, Progress(steps, until), None, totals)


def save(run: Run) -> None:
    """Write `state.safetensors`; rank 0 writes, every rank gives its carried state, sums and random state."""
    own = {"totals": run.totals, **_random_states(run.device)}
    own |= {f"carry.{i}": leaf for i, leaf in enumerate(tensors.leaves(run.carry))}
    own |= {f"mark.{kind}": run.marks[kind] for kind in SAVED_MARKS if kind in run.marks}
    parts = distributed.gather(tensorfiles.pack(own, {})) if distributed.world() > 1 else [own]
    if distributed.rank() == 0:
        content = _prefixed("model.", tensors.of_module(run.model))
        content |= _prefixed("optimizer.", tensors.of_optimizer(run.optimizer, run.names))
        if run.average is not None:
            content |= _prefixed("average.", tensors.of_module(run.average))
        for rank, part in enumerate(parts):
            part = tensorfiles.unpack(part) if isinstance(part, bytes) else part
            content |= _prefixed(f"rank.{rank}.", part)
        about = {
            "schema": SCHEMA[STATE],
            "progress": dataclasses.asdict(run.progress),
            "config": dataclasses.asdict(run.config),
            "world": distributed.world(),
            "carry": tensors.skeleton(run.carry),
        }
        tensorfiles.write(run.folder / STATE, content, about)
    distributed.wait()


def restore(run: Run) -> None:
    """Bring a run to where `save` left it. RunError, in one line, if the file does not fit this run."""
    path = run.folder / STATE
    content, about = tensorfiles.read(path, SCHEMA[STATE])
    try:
        _check_fits(path, about, run.config)
        _put(run, content, about, str(path))
    except RunError:
        raise
    # RuntimeError is PyTorch's: of a random state that is none, of shapes that do not fit.
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError) as error:
        words = " ".join(str(error).split())[:200]
        raise RunError(
            f"{path} is damaged, or of another version: {type(error).__name__}, {words}, in it is not as expected"
        ) from error


def _check_fits(path: Path, about: dict[str, Any], config: TrainingConfig) -> None:
    for name, value in dataclasses.asdict(config).items():
        if name not in _FREE and about["config"].get(name) != value:
            raise RunError(
                f"{path} was trained with {name}={about['config'].get(name)!r}, but {name}={value!r} is set now;"
                " a run resumes with the settings it began with. To train on with other settings, start a new run from its"
                " weights."
            )
    if about["world"] != distributed.world():
        raise RunError(
            f"{path} was trained by {about['world']} processes, and now there are {distributed.world()};"
            f" resume with: torchrun --nproc-per-node {about['world']} ..."
        )


def _progress(written: dict[str, Any]) -> Progress:
    progress = Progress(**written)
    for name, kind in typing.get_type_hints(Progress).items():
        value = getattr(progress, name)
        kinds = typing.get_args(kind) or (kind,)
        kinds = (*kinds, int) if float in kinds else kinds
        if (
            isinstance(value, bool)
            or not isinstance(value, kinds)
            or (isinstance(value, int) and not 0 <= value < 2**63)
        ):
            raise ValueError(f"{name} is {shown(value)}")
    return progress


def _put(run: Run, content: dict[str, Tensor], about: dict[str, Any], path: str) -> None:
    run.progress = _progress(about["progress"])
    tensors.put_into_module(run.model, _under("model.", content), path)
    tensors.put_into_optimizer(run.optimizer, run.names, _under("optimizer.", content))
    if run.average is not None:
        tensors.put_into_module(run.average, _under("average.", content), path)
    own = _under(f"rank.{distributed.rank()}.", content)
    run.totals.copy_(own["totals"])
    run.marks = _under("mark.", own)
    run.marks["progress"] = here(run)
    run.carry = tensors.rebuild(about["carry"], (own[f"carry.{i}"].to(run.device) for i in count()))
    torch.set_rng_state(own["rng.cpu"])
    if "rng.cuda" in own and run.device.type == "cuda":
        torch.cuda.set_rng_state(own["rng.cuda"], run.device)


def here(run: Run) -> Tensor:
    """Steps, tokens and totals of this process so far, as a mark."""
    progress = run.progress
    numbers = [progress.step, progress.tokens / distributed.world(), *run.totals.tolist()]
    return torch.tensor(numbers, dtype=torch.float64)


def save_weights(run: Run) -> None:
    """Write the weights that are evaluated now as the best ones."""
    if distributed.rank() == 0:
        write_weights(run.result, run.folder, run.progress.step, run.progress.best)


def write_weights(model: nn.Module, folder: Path, step: int | None, loss: float | None) -> None:
    """Write a model's weights as `model.safetensors`, with the step and the loss they were measured at, if any."""
    about = {"schema": SCHEMA[WEIGHTS], "step": step, "loss": loss}
    tensorfiles.write(folder / WEIGHTS, tensors.of_module(model), about)


@contextlib.contextmanager
def no_larger_than_saved(folder: Path) -> Iterator[None]:
    """Build a run's model here: RunError, at once, where it is larger than what was saved; any size, where nothing was."""
    paths = [path for path in (folder / STATE, folder / WEIGHTS) if path.exists()]
    with contextlib.ExitStack() as stack:
        if paths:
            stack.enter_context(tensors.no_larger_than(tensorfiles.header(paths[-1])[0], str(paths[-1])))
        yield


def load_weights(model: nn.Module, folder: Path) -> dict[str, Any]:
    """Put the best weights of a run's folder into a model; returns their step and loss. RunError if they do not fit."""
    if (folder / STATE).exists() and not (folder / WEIGHTS).exists():
        raise RunError(
            f"{folder / WEIGHTS} is missing. Resume the run, if it ended before its first evaluation; else restore the file"
            " from a copy"
        )
    content, about = tensorfiles.read(folder / WEIGHTS, SCHEMA[WEIGHTS])
    content = tensors.widened(content)
    tensors.put_into_module(model, content, str(folder / WEIGHTS))
    return about


def _random_states(device: torch.device) -> dict[str, Tensor]:
    states = {"rng.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["rng.cuda"] = torch.cuda.get_rng_state(device)
    return states


def _prefixed(prefix: str, content: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in content.items()}


def _under(prefix: str, content: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in content.items() if name.startswith(prefix)}
