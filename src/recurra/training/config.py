"""The settings of a training run."""

from dataclasses import dataclass
from typing import Literal

from recurra import config


@dataclass(frozen=True)
class TrainingConfig:
    """How long to train, how fast, and what to write down on the way. Knows no task."""

    epochs: int = 0
    """Passes over the training part of the data. 0 = 8, or as many as make 2,000 steps where the data is small."""
    minutes: float | None = None
    """Time to train, in minutes, in place of epochs: the speed is measured first and fixes the number of steps."""
    optimizer: Literal["adamw", "adam", "rmsprop", "sgd"] = "adamw"
    """The rule that turns gradients into updates."""
    lr: float = 5e-3
    """Highest learning rate, per step; the schedule scales it."""
    schedule: Literal["one-cycle", "cosine", "linear", "constant"] = "one-cycle"
    """How the learning rate goes over the run: one-cycle and linear end near 0, cosine at a tenth of lr."""
    warmup: float = 0.1
    """Part of the run in which the learning rate rises, as a fraction of its steps."""
    beta1: float = 0.9
    """Memory of the mean gradient, per step (momentum, for sgd)."""
    beta2: float = 0.99
    """Memory of the squared gradient, per step (not used by sgd)."""
    weight_decay: float = 0.15
    """Pull of the weight matrices to zero, per step and unit of learning rate; biases are left alone."""
    clip: float = 1.0
    """Largest norm of the whole gradient; longer ones are scaled down to it. 0 = no clipping."""
    average: float = 0.995
    """Memory of the running mean of the weights, per step, for example 0.999; that mean is evaluated and saved. 0 = off."""
    monitor: Literal["validation", "training"] = "validation"
    """The loss that decides which weights are the best and when to stop early."""
    patience: int = 0
    """Stop after this many evaluations without a better loss. 0 = never; the best weights are kept in any case."""
    evaluate_every: int = 0
    """Steps between evaluations. 0 = once an epoch, but eight to a hundred times a run."""
    sample_every: int = 0
    """Steps between generated samples. 0 = one at each evaluation."""
    save_every: float = 60.0
    """Seconds between saves of the whole state; it is saved at the start, at the best evaluations and at the end too."""
    seed: int = 1
    """Start of every random choice: the same seed on the same machine and number of threads gives the same run."""
    device: str = "auto"
    """Where to compute: auto (a GPU if there is one), cpu, cuda, or one of several, such as cuda:1."""
    tensorboard: bool = False
    """Write TensorBoard event files into the run's folder too."""

    def __post_init__(self):
        config.check(self)
        for name in ("lr", "save_every"):
            config.require(self, name, getattr(self, name) > 0, "more than 0")
        for name in ("epochs", "weight_decay", "clip", "patience", "evaluate_every", "sample_every", "seed"):
            config.require(self, name, getattr(self, name) >= 0, "0 or more")
        for name in ("beta1", "beta2", "average"):
            config.require(self, name, 0 <= getattr(self, name) < 1, "at least 0 and below 1")
        config.require(self, "warmup", 0 <= self.warmup <= 1, "a fraction from 0 to 1")
        config.require(self, "minutes", self.minutes is None or self.minutes > 0, "more than 0")
