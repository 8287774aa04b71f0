"""A memory problem as a task for the training loop: endless examples, and whether the held-out ones are solved."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from recurra.tasks.memory.config import MemoryConfig
from recurra.tasks.memory.model import MemoryModel
from recurra.tasks.memory.problems import Problem
from recurra.training import Task, distributed

SOLVED = 0.01
"""The largest error of a solved problem: a hundredth of the answers wrong, or a mean squared error of 0.01."""


class MemoryTask(Task):
    """One problem at one lag (see `recurra.training.Task`). Every batch is new; steps: those that count as an epoch."""

    unit = "sequences"

    def __init__(
        self, model: MemoryModel, problem: Problem, lag: int, config: MemoryConfig, seed: int = 1, steps: int = 1000
    ):
        self.model, self.problem, self.lag, self.config, self.seed = model, problem, lag, config, seed
        self.steps = steps
        self.held_out = self._made((seed, 0), config.held_out)

    def _made(self, key: tuple[int, ...], count: int) -> tuple[Tensor, Tensor, Tensor]:
        device = next(self.model.parameters()).device
        parts = self.problem.make(np.random.default_rng(key), count, self.lag)
        return tuple(torch.tensor(part, device=device) for part in parts)

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor, Tensor]:
        # The 1 keeps them apart from those held out.
        return self._made((self.seed, 1, epoch, index, distributed.rank()), self.config.batch_size)

    def loss(self, model: torch.nn.Module, batch, carry) -> tuple[Tensor, None, int]:
        x, targets, counted = batch
        answers = model(x)[counted]
        loss = F.cross_entropy if self.problem.outputs else F.mse_loss
        return loss(answers, targets[counted]), None, x.shape[1]

    def evaluate(self, model: MemoryModel) -> dict[str, float]:
        x, targets, counted = self.held_out
        answers, wanted = model(x)[counted], targets[counted]
        if not self.problem.outputs:
            error = F.mse_loss(answers, wanted).item()
            return {"loss": error, "error": error}
        error = (answers.argmax(1) != wanted).double().mean().item()
        return {"loss": F.cross_entropy(answers, wanted).item(), "error": error}
