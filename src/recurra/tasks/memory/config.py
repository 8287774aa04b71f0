"""The settings of the memory bench: the model, the examples, and the training's own defaults."""

from dataclasses import dataclass
from typing import Any

from recurra import config
from recurra.config import Count
from recurra.training.config import TrainingConfig

TRANSFORMER = "transformer"
"""In place of a cell's name: PyTorch's transformer layers, whose context is the whole sequence."""


@dataclass(frozen=True)
class MemoryConfig:
    """One model for every problem: recurrent stack → linear; and the examples it learns from."""

    hidden_size: Count = 64
    """Units of each layer."""
    num_layers: Count = 2
    """Layers, one above the other; some cells need two."""
    batch_size: Count = 32
    """Sequences in a batch; each is new."""
    held_out: Count = 256
    """Sequences, none of them trained on, that say whether a problem is solved."""
    init: str = "recommended"
    """How the recurrent weights start, by name: recommended (Glorot, orthogonal) or torch (PyTorch's own)."""

    def __post_init__(self):
        config.check(self)


CONFIGS = {"model": MemoryConfig, "training": TrainingConfig}
"""The two parts of the settings. They share no field's name."""

WITHOUT_EFFECT = ("tensorboard", "sample_every")
"""Settings of a training that do nothing here: no run is kept, and there is nothing to sample."""

DEFAULTS: dict[str, Any] = {
    "lr": 3e-3,
    "schedule": "constant",
    "warmup": 0.05,
    "weight_decay": 0.0,
    "average": 0.0,
    "evaluate_every": 50,
}
"""Where the bench starts from other values than the classes above: a rate that does not depend on how long a run may last."""
