"""Tagging as a task for the training loop: its batches, its loss, its measures."""

import torch
from torch import Tensor

from recurra.data import Batches
from recurra.tasks.classification.base import Examples
from recurra.tasks.classification.config import SequencesConfig
from recurra.tasks.classification.sequences import together
from recurra.tasks.classification.task import READ
from recurra.tasks.tagging.model import Tagger
from recurra.training import Task, distributed


class TaggingTask(Task):
    """A label for each step (see `recurra.training.Task`)."""

    unit = "sequences"

    def __init__(self, model: Tagger, train: Examples, valid: Examples, data: SequencesConfig, seed: int):
        self.model, self.train, self.valid = model, train, valid
        lengths = [len(row) for row in train.rows]
        rank, world = distributed.rank(), distributed.world()
        self.batches = Batches(len(train.rows), data.batch_size, seed, lengths, rank, world)
        self.steps = len(self.batches)

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        return self._batch(self.train, self.batches.batch(epoch, index))

    def _batch(self, examples: Examples, numbers) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        x, lengths = together([examples.rows[i] for i in numbers], self.model.device)
        targets, _ = together([examples.targets[i] for i in numbers], self.model.device)
        return x, lengths, targets, torch.as_tensor(examples.weights[numbers], device=self.model.device)

    def loss(self, model: torch.nn.Module, batch, carry) -> tuple[Tensor, None, int]:
        x, lengths, targets, weights = batch
        return self.model.loss(model(x, lengths), lengths, targets, weights), None, x.shape[1]

    def evaluate(self, model: Tagger) -> dict[str, float]:
        if not len(self.valid.rows):
            return {}
        order = sorted(range(len(self.valid.rows)), key=lambda i: len(self.valid.rows[i]))
        loss, right, steps, total = 0.0, 0, 0, 0.0
        for start in range(0, len(order), READ):
            numbers = order[start : start + READ]
            x, lengths, targets, weights = self._batch(self.valid, numbers)
            scores = model(x, lengths)
            count = sum(len(self.valid.rows[i]) * float(self.valid.weights[i]) for i in numbers)
            loss += model.loss(scores, lengths, targets, weights).item() * count
            total += count
            for number, labels in zip(numbers, model.decode(scores, lengths), strict=True):
                right += int((labels.numpy() == self.valid.targets[number]).sum())
                steps += len(labels)
        return {"loss": loss / total if total else 0.0, "accuracy": right / steps}
