"""The music model as a task for the training loop: passages, each at a random pitch."""

import numpy as np
import torch
from torch import Tensor

from recurra.data import Batches
from recurra.tasks.music import measure
from recurra.tasks.music.compose import compose
from recurra.tasks.music.config import MusicDataConfig
from recurra.tasks.music.form import KEYS
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.piece import Piece
from recurra.training import Task, distributed


class MusicTask(Task):
    """The next step of a passage, from all before it (see `recurra.training.Task`).

    parts: pieces by part: "train" is learned from, "valid" measured on.
    """

    unit = "steps"

    def __init__(self, model: MusicModel, parts: dict[str, list[Piece]], data: MusicDataConfig, seed: int = 1):
        self.model, self.data, self.seed = model, data, seed
        self.valid = [piece.rows(model.strikes) for piece in parts["valid"]]
        self.passages = [
            piece.part(at, at + data.passage).rows(model.strikes)
            for piece in parts["train"]
            for at in range(0, len(piece), data.passage)
        ]
        self.rooms = [room(rows, data.transpose) for rows in self.passages]
        lengths = [len(rows) for rows in self.passages]
        rank, world = distributed.rank(), distributed.world()
        self.batches = Batches(len(lengths), data.batch_size, seed, lengths, rank, world)
        self.steps = len(self.batches)

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        numbers = self.batches.batch(epoch, index)
        return measure.batch([self._moved(epoch, int(number)) for number in numbers], self.model.device)

    def _moved(self, epoch: int, number: int) -> np.ndarray:
        # By its number and the epoch alone: several processes move a passage as one would.
        random = np.random.default_rng((self.seed, epoch, number))
        return transposed(self.passages[number], int(random.integers(*self.rooms[number], endpoint=True)))

    def loss(self, model: torch.nn.Module, batch: tuple[Tensor, Tensor], carry) -> tuple[Tensor, None, int]:
        nats, _ = measure.step_nats(model, *batch)
        count = distributed.mean_of(len(nats))
        return nats.sum() / count, None, round(float(count))

    def evaluate(self, model: MusicModel) -> dict[str, float]:
        if not self.valid:
            return {}
        found = measure.measure(model, self.valid)
        return {"loss": found["nats"], "nats": found["nats"]}

    def sample(self, model: MusicModel, seed: int) -> str:
        return compose(model, None, seed, length=8, unit="steps").chords()

    def measures(self, loss: float) -> dict[str, float]:
        return {"nats": loss}


def room(rows: np.ndarray, most: int) -> tuple[int, int]:
    """By how many semitones, from and to, a piece can be moved: at most `most`, and with every note on the piano."""
    used = np.flatnonzero(rows[:, :KEYS].any(0))
    low, high = (int(used[0]), int(used[-1])) if len(used) else (0, KEYS - 1)
    return max(-most, -low), min(most, KEYS - 1 - high)


def transposed(rows: np.ndarray, semitones: int) -> np.ndarray:
    """A piece's rows so many semitones higher."""
    # What would come round is silent: see `room`.
    return np.roll(rows.reshape(len(rows), -1, KEYS), semitones, axis=2).reshape(rows.shape)
