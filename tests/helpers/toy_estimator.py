"""The smallest estimator: a line through points. Its data is a list of pairs (x, y)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from torch import nn

from recurra import config
from recurra.config import Range
from recurra.data import Batches
from recurra.errors import DataError
from recurra.fitting.estimator import Estimator
from recurra.fitting.space import Between
from recurra.fitting.tuning import Tunable
from recurra.training import Task, TrainingConfig, distributed


@dataclass(frozen=True)
class LineConfig:
    """A line."""

    offset: bool = True
    """Whether it may miss the origin."""
    degree: Annotated[int | None, Range(1)] = None
    """The highest power of x; not set = by the data."""

    def __post_init__(self):
        config.check(self)


@dataclass(frozen=True)
class PointsConfig:
    """The points."""

    validation: Annotated[float, Range(0)] = 0.25
    """Part of the points held out."""
    batch_size: Annotated[int, Range(1)] = 4
    """Points in a batch."""

    def __post_init__(self):
        config.check(self)


@dataclass(frozen=True)
class Scale:
    """What is learned beside the weights."""

    largest: float


class LineTask(Task):
    unit = "points"
    higher = frozenset({"hits"})

    def __init__(self, model, data, size, seed):
        self.model, self.train, self.valid = model, *data[:2]
        self.batches = Batches(len(self.train), size, seed, None, distributed.rank(), distributed.world())
        self.steps = len(self.batches)

    def batch(self, epoch, index):
        return torch.tensor([self.train[i] for i in self.batches.batch(epoch, index)])

    def loss(self, model, batch, carry):
        return (model(batch[:, :1]) - batch[:, 1:]).square().mean(), None, len(batch)

    def evaluate(self, model):
        if not self.valid:
            return {}
        points = torch.tensor(self.valid)
        off = (model(points[:, :1]) - points[:, 1:]).square()
        return {"loss": off.mean().item(), "hits": float((off < 1e-2).double().mean())}


class Line(Estimator):
    schema, command, takes = "line/1", "line", "points"
    configs = {"model": LineConfig, "data": PointsConfig, "training": TrainingConfig}
    defaults = {"lr": 5e-2, "weight_decay": 0.0, "average": 0.0}
    Learned = Scale
    suits: dict = {}

    @staticmethod
    def read_files(paths, swap=False):
        rows = [line.split() for path in paths for line in Path(path).read_text("utf-8").splitlines()]
        return [tuple(map(float, row[::-1] if swap else row)) for row in rows]

    def read(self, data, name):
        if not data:
            raise DataError(f"`{name}` is empty")
        return [tuple(map(float, point)) for point in data]

    def recipe(self, data, minutes):
        return dict(self.suits), "few points: as they suit it" if self.suits else ""

    def settle(self, data):
        model = self.parts["model"]
        degree = model.degree or 1 + (len(data.train) > 50)
        return self.parts | {"model": LineConfig(model.offset, degree)}

    def learn(self, data):
        return Scale(max(abs(x) for x, _ in data.train))

    def network(self, parts, learned):
        return nn.Linear(1, 1, bias=parts["model"].offset)

    def task(self, model, data):
        return LineTask(model, data, self.parts["data"].batch_size, self.parts["training"].seed)


class TunedLine(Tunable, Line):
    SEARCH = {"lr": Between(1e-3, 1.0), "offset": (True, False), "batch_size": (2, 4, 8)}


def points(count=24, slope=2.0):
    return [(n / count, slope * n / count + 1) for n in range(count)]
