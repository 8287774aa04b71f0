"""Classification as a task for the training loop: its batches, its loss, its measures."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from recurra.data import Batches
from recurra.tasks.classification.base import Examples
from recurra.tasks.classification.config import SequencesConfig
from recurra.tasks.classification.model import Classifier
from recurra.tasks.classification.sequences import together
from recurra.training import Task, distributed

READ = 256
"""Sequences in a batch where nothing is learned."""


class ClassificationTask(Task):
    """One label for each sequence (see `recurra.training.Task`)."""

    unit = "sequences"

    def __init__(self, model: Classifier, train: Examples, valid: Examples, data: SequencesConfig, seed: int):
        self.model, self.train, self.valid = model, train, valid
        lengths = [len(row) for row in train.rows]
        lengths = lengths if len(set(lengths)) > 1 else None
        rank, world = distributed.rank(), distributed.world()
        self.batches = Batches(len(train.rows), data.batch_size, seed, lengths, rank, world)
        self.steps = len(self.batches)

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        numbers = self.batches.batch(epoch, index)
        device = self.model.device
        x, lengths = together([self.train.rows[i] for i in numbers], device)
        targets = torch.as_tensor(self.train.targets[numbers], device=device)
        return x, lengths, targets, torch.as_tensor(self.train.weights[numbers], device=device)

    def loss(self, model: torch.nn.Module, batch, carry) -> tuple[Tensor, None, int]:
        x, lengths, targets, weights = batch
        weights = weights * self.model.class_weights[targets]
        return weighted(model(x, lengths), targets, weights), None, len(targets)

    def evaluate(self, model: Classifier) -> dict[str, float]:
        if not len(self.valid.rows):
            return {}
        logits = torch.zeros(len(self.valid.rows), len(model.class_weights))
        for numbers, found in read(model, self.valid.rows):
            logits[numbers] = found.cpu()
        targets = torch.as_tensor(self.valid.targets)
        loss = weighted(logits, targets, torch.as_tensor(self.valid.weights) * model.class_weights.cpu()[targets])
        return {"loss": loss.item(), "accuracy": (logits.argmax(1) == targets).double().mean().item()}


def weighted(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean cross-entropy by the weight of each example, (); 0 where none of them counts."""
    total = weights.sum()
    return (F.cross_entropy(logits, targets, reduction="none") * weights).sum() / torch.where(total > 0, total, 1.0)


def read(model: Classifier, rows, **options) -> Iterator[tuple[np.ndarray, Tensor]]:
    """What the model says of rows, in batches of like length: numbers of the rows, and the result for them."""
    order = np.argsort([len(row) for row in rows], kind="stable")
    for start in range(0, len(order), READ):
        numbers = order[start : start + READ]
        yield numbers, model(*together([rows[i] for i in numbers], model.device), **options)
