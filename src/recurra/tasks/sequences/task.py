"""Sequences as a task for the training loop: their batches, the loss as a mean by weights, the measure of the held-out part."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from recurra.data import Batches, pad
from recurra.tasks.sequences.rows import Rows
from recurra.training import Task, distributed

READ = 256
"""Sequences in a batch where nothing is learned."""


class Examples(NamedTuple):
    """What a network learns from, or is measured by."""

    rows: Any
    targets: Any
    """(examples, ...), or of each example an array (steps,)."""
    weights: np.ndarray
    """(examples,) how much each counts."""


class SequencesTask(Task):
    """Labelled sequences (see `recurra.training.Task`)."""

    unit = "sequences"
    measure: ClassVar[str] = "accuracy"
    patient_steps = 600
    looks = 0
    """Evaluations without a better one after which training stops, once `patient_steps` are over too; 0: never."""

    def __init__(self, model: nn.Module, train: Examples, valid: Examples, batch_size: int, seed: int):
        self.model, self.train, self.valid = model, train, valid
        lengths = [len(row) for row in train.rows]
        rank, world = distributed.rank(), distributed.world()
        unequal = lengths if len(set(lengths)) > 1 else None
        self.batches = Batches(len(lengths), batch_size, seed, unequal, rank, world)
        self.steps = len(self.batches)

    # The task's own

    @abstractmethod
    def losses(self, scores: Tensor, lengths: Tensor | None, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of the losses of a batch by weight, (), and what it is divided by for their mean, ()."""

    @abstractmethod
    def right(self, scores: Tensor, lengths: Tensor | None, targets: Tensor) -> tuple[float, float]:
        """What adds up to the measure: how many are right, and of how many."""

    # The loop's

    def patience(self, measured: dict[str, float]) -> int:
        return self.looks if measured else 0

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        numbers = self.batches.batch(epoch, index)
        x, lengths = together([self.train.rows[i] for i in numbers], self.model.device)
        return x, lengths, *self._targets(self.train, numbers)

    def _targets(self, examples: Examples, numbers: np.ndarray) -> tuple[Tensor, Tensor]:
        device, weights = self.model.device, torch.as_tensor(examples.weights[numbers], device="cpu")
        if isinstance(examples.targets, np.ndarray):
            targets = torch.as_tensor(examples.targets[numbers], device="cpu")
        else:
            targets = pad([examples.targets[i] for i in numbers])[0].transpose(0, 1)
        return targets.to(device), weights.to(device)

    def loss(self, model: nn.Module, batch: Any, carry: Any) -> tuple[Tensor, None, int]:
        x, lengths, targets, weights = batch
        total, count = self.losses(model(x, lengths), lengths, targets, weights)
        count = distributed.mean_of(count)
        return total / torch.where(count > 0, count, 1.0), None, x.shape[1]

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        if not len(self.valid.rows):
            return {}
        sums = np.zeros(4)
        for numbers, x, lengths in by_length(self.valid.rows, self.model.device):
            targets, weights = self._targets(self.valid, numbers)
            scores = model(x, lengths)
            total, count = self.losses(scores, lengths, targets, weights)
            sums += [total.item(), count.item(), *self.right(scores, lengths, targets)]
        total, count, right, all_ = sums.tolist()
        return {"loss": total / count if count else 0.0, self.measure: right / all_}


def by_length(rows: Rows, device: torch.device) -> Iterator[tuple[np.ndarray, Tensor, Tensor | None]]:
    """Rows in batches of like length: the numbers of the rows, and the rows as `together` gives them."""
    order = np.argsort([len(row) for row in rows], kind="stable")
    for start in range(0, len(order), READ):
        numbers = order[start : start + READ]
        yield numbers, *together([rows[i] for i in numbers], device)


def together(rows: Rows, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Rows as one batch, time first: `x, lengths`; lengths is None if all are equal, and nothing needs masking."""
    if len({len(row) for row in rows}) == 1:
        return torch.as_tensor(np.stack(list(rows), 1), device=device), None
    x, lengths = pad(rows)
    return x.transpose(0, 1).to(device), lengths.to(device)
