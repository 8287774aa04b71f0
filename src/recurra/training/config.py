"""The settings of a training run."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from recurra import config
from recurra.config import Fraction, Range
from recurra.errors import ConfigError, setting

DONE = ("finished", "patience", "learned")
"""The reasons for which a run is at its end, and not only stopped."""


@dataclass(frozen=True)
class TrainingConfig:
    """How long to train, how fast, and what to write down on the way. Knows no task."""

    epochs: Annotated[int, Range(0, form=10_000)] = 0
    """Passes over the training part of the data. 0 = 8, or as many as make 2,000 steps where the data is small."""
    minutes: Annotated[float | None, Range(above=0, form=7 * 24 * 60.0)] = None
    """Time to train, in minutes, in place of epochs: the schedule follows the clock, and ends with it."""
    optimizer: Literal["adamw", "adam", "rmsprop", "sgd"] = "adamw"
    """The rule that turns gradients into updates."""
    lr: Annotated[float, Range(above=0, form=10.0)] = 5e-3
    """Highest learning rate, per step; the schedule scales it."""
    schedule: Literal["one-cycle", "cosine", "linear", "constant"] = "one-cycle"
    """How the learning rate goes over the run: one-cycle and linear end near 0, cosine at a tenth of lr."""
    warmup: Annotated[float, Range(0, 1, words="a fraction, {}")] = 0.1
    """Part of the run in which the learning rate rises, as a fraction of its steps."""
    beta1: Fraction = 0.9
    """Decay of the mean gradient, per step (momentum, for sgd)."""
    beta2: Fraction = 0.99
    """Decay of the squared gradient, per step (not used by sgd)."""
    weight_decay: Annotated[float, Range(0, form=1000.0)] = 0.15
    """Pull of the weight matrices to zero, per step and unit of learning rate; biases are left alone."""
    clip: Annotated[float, Range(0, form=10**6)] = 1.0
    """Largest norm of the whole gradient; longer ones are scaled down to it. 0 = no clipping."""
    average: Fraction = 0.995
    """Decay of the running mean of the weights, per step, for example 0.999; that mean is evaluated and saved. 0 = off."""
    monitor: str = "validation"
    """What decides which weights are the best and when to stop early: the loss on validation data, the training loss, or a
    measure of the task by its name, such as accuracy or wer."""
    patience: Annotated[int, Range(0, form=10**6)] = 0
    """Stop after this many evaluations without a better loss. 0 = never; the best weights are kept in any case."""
    evaluate_every: Annotated[int, Range(0, form=10**9)] = 0
    """Steps between evaluations. 0 = once an epoch, but eight to a hundred times a run; with minutes, eight times (four in less
    than half a minute), fewer where they take more than a twelfth of the time."""
    sample_every: Annotated[int, Range(0, form=10**9)] = 0
    """Steps between generated samples. 0 = one at each evaluation; in both cases after 1, 10, 30, 100 and 300 steps too."""
    save_every: Annotated[float, Range(above=0, form=3600.0)] = 60.0
    """Seconds between saves of the whole state; it is saved at the start, at the best evaluations and at the end too."""
    seed: Annotated[int, Range(0, 2**63 - 1)] = 1
    """Start of every random choice: the same seed on the same machine and number of threads gives the same run."""
    device: str = "auto"
    """Where to compute: auto (a GPU if there is one), cpu, cuda, or one of several, such as cuda:1."""
    tensorboard: bool = False
    """Write TensorBoard event files into the run's folder too."""

    def __post_init__(self):
        config.check(self)
        if self.minutes and self.epochs:
            raise ConfigError(f"{setting('minutes')} and {setting('epochs')} both say how long to train; drop one")


@dataclass(frozen=True)
class Longer:
    """How much longer to train a finished run: one of the two."""

    epochs: Annotated[int, Range(0, form=10_000)] = 0
    """Passes over the training part of the data, those it has had included."""
    more_minutes: Annotated[float | None, Range(above=0, form=7 * 24 * 60.0)] = None
    """Time to train in addition, in minutes."""

    def __post_init__(self):
        config.check(self)
        if bool(self.more_minutes) == bool(self.epochs):
            raise ConfigError(
                f"give either {setting('epochs')} or {setting('more_minutes')} to train a finished run longer"
            )


def with_lengths(defaults: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Settings over defaults, without a default's minutes where the user set epochs, and the other way round."""
    values = defaults | settings
    for one, other, none in (("epochs", "minutes", None), ("minutes", "epochs", 0)):
        if settings.get(one) and not settings.get(other):
            values[other] = none
    return values
