"""Regression as a task for the training loop: its loss, its measure."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from recurra.tasks.sequences.task import SequencesTask

LOSSES = {"squared": F.mse_loss, "absolute": F.l1_loss, "huber": F.huber_loss}


class RegressionTask(SequencesTask):
    """Numbers for each sequence, (outputs,) at mean 0 and standard deviation 1. loss: a name in LOSSES."""

    measure = "r2"
    higher = frozenset({"r2"})

    def __init__(self, *rest: Any, loss: str):
        super().__init__(*rest)
        self.error = LOSSES[loss]
        spread = (
            torch.as_tensor(self.valid.targets, device="cpu").var(0, correction=0)
            if len(self.valid.rows)
            else torch.ones(1, device="cpu")
        )
        self.variance = torch.where(spread > 0, spread, 1.0).to(self.model.device)

    def losses(self, scores: Tensor, lengths: Tensor | None, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        return (self.error(scores, targets, reduction="none").mean(1) * weights).sum(), weights.sum()

    def right(self, scores: Tensor, lengths: Tensor | None, targets: Tensor) -> tuple[float, float]:
        # The mean of these over the sequences is R², the part of the variance that is explained, as a mean of the outputs.
        return (1 - (scores - targets).square() / self.variance).mean(1).sum().item(), len(targets)
