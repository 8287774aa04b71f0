"""Classification as a task for the training loop: its loss, its measure."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from recurra.errors import ConfigError, nearest, setting
from recurra.tasks.sequences.task import SequencesTask


class ClassificationTask(SequencesTask):
    """One label for each sequence. class_weights: (classes,) how much an example of each counts."""

    def __init__(self, *given: Any, class_weights: np.ndarray):
        super().__init__(*given)
        self.class_weights = torch.as_tensor(class_weights, dtype=torch.float32, device=self.model.device)

    def losses(self, scores: Tensor, lengths: Tensor | None, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        weights = weights * self.class_weights[targets]
        return (F.cross_entropy(scores, targets, reduction="none") * weights).sum(), weights.sum()

    def right(self, scores: Tensor, lengths: Tensor | None, targets: Tensor) -> tuple[float, float]:
        return (scores.argmax(1) == targets).sum().item(), len(targets)


def class_weights(chosen: Any, classes: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(classes,): how much an example of each counts. chosen: "balanced", None, or pairs of a label and its weight.

    ConfigError for a label that is no class, and where no class counts.
    """
    if chosen is None:
        return np.ones(len(classes))
    if chosen == "balanced":
        return len(targets) / (len(classes) * np.bincount(targets, minlength=len(classes)))
    known, weights = classes.tolist(), dict(chosen)
    for label in weights:
        if label not in known:
            raise ConfigError(f"{setting('class_weight')} names {label!r}; {nearest(label, known)}")
    found = np.array([weights.get(label, 1.0) for label in known])
    if not found.any():
        raise ConfigError(f"{setting('class_weight')} is 0 for every class; nothing could be learned")
    return found
