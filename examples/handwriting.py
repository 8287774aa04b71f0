"""Handwriting without data: a network learns the pen's strokes, point by point, and writes on (Graves 2013).

python examples/handwriting.py picture.png           a few minutes on two cores

Words are made in code: loops, waves and arches joined into letters, with a slant, a size and a shake of their own. A
point is the pen's way since the last one, and whether the pen is lifted after it. The recurrent layers read the points;
a mixture density head says where the pen goes next, a logistic unit whether it is lifted.
"""

import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from recurra.data import Batches, pad
from recurra.nn import Recurrent
from recurra.nn.mixture import MixtureDensity
from recurra.training import Task, TrainingConfig, fit

POINTS = 21  # of a letter
SCALE = 4.0  # brings the pen's ways to a standard deviation of about 1


def letter(kind: int, random: np.random.Generator) -> np.ndarray:
    """One letter, (points, 2), from left to right, starting and ending on the line: an e, an l, an n or an o."""
    t = np.linspace(0, 1, POINTS)
    height = (0.5, 1.2, 0.5, 0.5)[kind] * random.normal(1, 0.06)
    if kind < 2:  # a loop
        x, y = 0.6 * t + 0.25 * np.sin(2 * np.pi * t), height * (1 - np.cos(2 * np.pi * t)) / 2
    elif kind == 2:  # two arches
        x, y = 0.8 * t, height * np.abs(np.sin(2 * np.pi * t)) ** 0.7
    else:  # a ring
        x, y = 0.7 * t - 0.3 * np.sin(4 * np.pi * t) * np.sin(np.pi * t), height * (1 - np.cos(4 * np.pi * t)) / 2
    return np.stack([x * random.normal(1, 0.06), y], 1)


def word(random: np.random.Generator, words: int = 2) -> np.ndarray:
    """Some words, (points, 3): the pen's way in x and y since the last point, and 1 where it is lifted afterwards."""
    slant, size = random.normal(0.25, 0.12), random.normal(1, 0.08)
    places, lifts, start = [np.zeros((1, 2))], [np.zeros(1)], 0.0
    for _ in range(words):
        for kind in random.integers(0, 4, size=random.integers(2, 5)):
            points = letter(kind, random) + np.array([start, 0])
            start = points[-1, 0]
            places.append(points[1:])
            lifts.append(np.zeros(len(points) - 1))
        lifts[-1][-1] = 1
        start += random.normal(0.7, 0.05)
        places.append([[start, 0]])
        lifts.append(np.zeros(1))
    place, lift = np.concatenate(places[:-1]), np.concatenate(lifts[:-1])
    place = size * (place + np.outer(place[:, 1], [slant, 0])) + random.normal(0, 0.008, place.shape)
    return np.concatenate([SCALE * np.diff(place, axis=0), lift[1:, None]], 1).astype(np.float32)


class Writer(nn.Module):
    """Points (time, batch, 3) → hidden; the heads say what comes next."""

    def __init__(self, hidden_size: int = 128, components: int = 10, cell: str = "lstm"):
        super().__init__()
        self.layers = Recurrent(cell, 3, hidden_size, init="recommended")
        self.place = MixtureDensity(hidden_size, 2, components)
        self.lift = nn.Linear(hidden_size, 1)

    def nats(self, points: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Minus the log-density of every point given those before it, the first given a pen at rest: (points,)."""
        hidden, _ = self.layers(torch.cat([torch.zeros_like(points[:1]), points[:-1]]), lengths=lengths)
        there = torch.arange(len(points))[:, None] < lengths
        hidden, points = hidden[there], points[there]
        lift = F.binary_cross_entropy_with_logits(self.lift(hidden)[:, 0], points[:, 2], reduction="none")
        return self.place.nats(hidden, points[:, :2]) + lift

    def forward(self, points: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.nats(points, lengths)

    @torch.no_grad()
    def write(self, steps: int, seed: int = 0, bias: float = 0.0) -> np.ndarray:
        """New handwriting, (steps, 3); bias above 0 makes it neater."""
        random, point, state, points = torch.Generator().manual_seed(seed), torch.zeros(1, 1, 3), None, []
        for _ in range(steps):
            hidden, state = self.layers(point, state)
            place = self.place.sample(hidden[0, 0], bias, random)
            lift = torch.rand(1, generator=random) < torch.sigmoid(self.lift(hidden[0, 0]))
            point = torch.cat([place, lift])[None, None]
            points.append(point[0, 0])
        return torch.stack(points).numpy()


class Strokes(Task):
    """Words as a task for `recurra.training.fit`."""

    unit = "points"

    def __init__(self, model: Writer, train: list[np.ndarray], valid: list[np.ndarray], seed: int = 1):
        self.model, self.train, self.valid = model, train, pad(valid)
        self.batches = Batches(len(train), 32, seed, [len(points) for points in train])
        self.steps = len(self.batches)

    def batch(self, epoch: int, index: int):
        points, lengths = pad([self.train[n] for n in self.batches.batch(epoch, index)])
        return points.transpose(0, 1), lengths

    def loss(self, model: nn.Module, batch, carry):
        nats = model(*batch)
        return nats.mean(), None, len(nats)

    def evaluate(self, model: Writer) -> dict[str, float]:
        points, lengths = self.valid
        return {"loss": float(model.nats(points.transpose(0, 1), lengths).mean())}


def train(words: int = 2000, epochs: int = 16, seed: int = 1, **options) -> tuple[Writer, dict]:
    """A writer trained on so many pairs of words, and how its run ended; a tenth of them are held out."""
    random = np.random.default_rng(seed)
    pairs = [word(random) for _ in range(words)]
    torch.manual_seed(seed)
    task = Strokes(Writer(**options), pairs[words // 10 :], pairs[: words // 10], seed)
    config = TrainingConfig(epochs=epochs, lr=5e-3, weight_decay=0.01, average=0.99, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        outcome = fit(task, config, folder)
    return task.model.eval(), outcome


def draw(rows: dict[str, np.ndarray], path: str) -> None:
    """Points as strokes, a row a title."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = max(points[:, 0].cumsum().max() for points in rows.values()) / SCALE + 0.2
    figure = Figure(figsize=(9, 1.3 * len(rows)), dpi=110, layout="constrained")
    for axes, (title, points) in zip(figure.subplots(len(rows), squeeze=False)[:, 0], rows.items(), strict=True):
        place = points[:, :2].cumsum(0) / SCALE
        for stroke in np.split(place, np.flatnonzero(points[:, 2]) + 1):
            axes.plot(*stroke.T, color="black", linewidth=1.2)
        axes.set_aspect("equal", anchor="W")
        axes.set_xlim(-0.2, width)
        axes.set_title(title, fontsize=9, loc="left")
        axes.axis("off")
    FigureCanvasAgg(figure)
    figure.savefig(path)


def main(path: str) -> None:
    model, outcome = train()
    print(f"{outcome['best']:.3f} nats a point after {outcome['seconds'] / 60:.1f} minutes")
    random = np.random.default_rng(0)
    rows = {"made in code": np.concatenate([word(random), word(random)])}
    rows |= {f"written by the network, bias {bias:g}": model.write(200, seed=3, bias=bias) for bias in (0, 0.5, 2)}
    draw(rows, path)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "handwriting.png")
