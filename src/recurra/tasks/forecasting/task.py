"""Forecasting as a task for the training loop: which windows there are, the loss of a batch, the loss on what is held out."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recurra.data import Batches
from recurra.errors import DataError, setting
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.model import Ensemble
from recurra.tasks.forecasting.series import weighing
from recurra.tasks.forecasting.series.panel import Panel
from recurra.tasks.forecasting.series.windows import SeriesWindows, Window
from recurra.training import Task, distributed

_LOOKS = 2048  # most windows that an evaluation looks at, spread evenly over the held-out part
_CHUNK = 512
LOOKS, PATIENCE = 4, 600
"""Evaluations, and training steps, without a better held-out loss after which training stops: the larger of both."""


class ForecastTask(Task):
    """Windows of many series, drawn from all of them alike (see `recurra.training.Task`).

    windows: of the whole panel. held: steps at the end of each series that training does not see.
    """

    unit = "windows"
    patient_steps = PATIENCE  # of a small panel an epoch is a few steps, and an evaluation is noisy

    def __init__(self, model: Ensemble, windows: SeriesWindows, series: SeriesConfig, held: int, seed: int = 1):
        self.model, self.windows, self.horizon = model, windows, model.config.horizon
        lengths = windows.panel.lengths
        self.series, self.cuts = _counting(windows.panel, *_cuts(lengths - held, model.config))
        self.weights = windows.panel.weights / windows.panel.weights[self.series].mean()
        self.held = _held(lengths, held, self.horizon)
        place = distributed.rank(), distributed.world()
        count, size = len(self.series), series.batch_size
        self.batches = [Batches(count, size, seed + member, None, *place) for member in range(len(model))]
        self.steps = min(len(self.batches[0]), series.epoch_steps)

    def batch(self, epoch: int, index: int) -> list[Window]:
        """A window for each member, which draws by its own seed."""
        # An epoch that is cut short is a draw: the order is another one each time.
        chosen = [own.batch(epoch, index) for own in self.batches]
        return [self._window(self.series[some], self.cuts[some]) for some in chosen]

    def _window(self, series: np.ndarray, cuts: np.ndarray) -> Window:
        """Windows whose measured targets have the weights of their series."""
        window = self.windows.batch(series, cuts, self.horizon, self.model.device)
        return window._replace(weight=window.weight * torch.from_numpy(self.weights[series]).to(window.weight))

    def loss(self, model: torch.nn.Module, batch: list[Window], carry) -> tuple[Tensor, None, int]:
        losses = torch.stack([self._loss(*one) for one in zip(model(batch), batch, strict=True)])
        # The mean is what is shown; the gradient is that of the sum, so that each learns as alone,
        # but for `clip`, which is of all gradients together.
        return losses.sum() - (losses.sum() - losses.mean()).detach(), None, sum(len(one.size) for one in batch)

    def _loss(self, parameters: Any, window: Window) -> Tensor:
        # Not divided by the weights: a batch of series that count little counts little itself.
        total = distributed.mean_of((window.weight > 0).float().sum()).clamp(min=1.0 / distributed.world())
        return (self.model.head.loss(parameters, window.target) * window.weight).sum() / total

    def patience(self, measured: dict[str, float]) -> int:
        return LOOKS if measured else 0

    def evaluate(self, model: Ensemble) -> dict[str, float]:
        series, cuts = self.held
        if not len(series):
            return {}
        total = weight = 0.0
        for losses, weights in self._held_losses(model):
            total += losses.sum().item()
            weight += weights.sum().item()
        return {"loss": total / weight} if weight else {}

    def apart(self, model: Ensemble) -> list[float]:
        """The held-out loss by horizons, one series after the other: the mean of the windows that begin in each."""
        series, cuts = self.held
        if not len(series):
            return []
        _, starts, counts = np.unique(series, return_index=True, return_counts=True)
        first, last = (np.repeat(cuts[at], counts) for at in (starts, starts + counts - 1))
        # The last horizon has the windows that are left over too: one of few windows would count as much as the others.
        number = np.minimum((cuts - first) // self.horizon, np.maximum((last - first + 1) // self.horizon, 1) - 1)
        _, place = np.unique(np.stack([series, number]), axis=1, return_inverse=True)
        parts = zip(*self._held_losses(model), strict=True)
        losses, weights = (np.bincount(place.reshape(-1), torch.cat(part, 1).sum(0).cpu().double()) for part in parts)
        return (losses[weights > 0] / weights[weights > 0]).tolist()

    def _held_losses(self, model: Ensemble) -> Iterator[tuple[Tensor, Tensor]]:
        """(horizon, windows) weighted losses and weights of the held-out windows, in chunks."""
        series, cuts = self.held
        for at in range(0, len(series), _CHUNK):
            batch = self._window(series[at : at + _CHUNK], cuts[at : at + _CHUNK])
            each = [model.head.loss(one, batch.target) for one in model([batch] * len(model))]
            losses, weights = torch.stack(each).mean(0), batch.weight
            # Recursive mode reads the history too; what counts is what lies ahead.
            yield (losses * weights)[-self.horizon :], weights[-self.horizon :]


def _cuts(lengths: np.ndarray, config) -> tuple[np.ndarray, np.ndarray]:
    """All windows of the training part: (n,) series and (n,) places of the first step to forecast.

    Where a series is too short for a full window, what is before it is padding. DataError if none has a window.
    """
    most = lengths - config.horizon
    least = np.clip(np.minimum(config.input_size, most), 1, None)
    parts = [np.arange(a, b + 1) for a, b in zip(least, most, strict=True)]
    cuts = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    if not len(cuts):
        raise DataError(
            f"the longest series leaves {lengths.max()} steps for training; forecasting {config.horizon} steps needs at"
            f" least {config.horizon + 1}. Take a smaller {setting('horizon')}, or {setting('validation', 0)}"
        )
    return np.repeat(np.arange(len(lengths)), [len(part) for part in parts]), cuts


def _counting(panel: Panel, series: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The windows of series with a weight. DataError if there is none."""
    counts = panel.weights[series] > 0
    if not counts.any():
        raise DataError(f"{weighing.NAME}: every series that is long enough to learn from has a weight of 0")
    return series[counts], cuts[counts]


def held_windows(lengths: np.ndarray, parts: dict) -> tuple[np.ndarray, np.ndarray]:
    """The windows that evaluations look at: (n,) series and (n,) places of the first step to forecast."""
    return _held(lengths, parts["series"].validation, parts["model"].horizon)


def _held(lengths: np.ndarray, held: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """The windows whose steps to forecast lie in the held-out part, at most so many, spread evenly."""
    parts = [np.arange(max(n - held, 1), n - horizon + 1) if held else np.zeros(0, np.int64) for n in lengths]
    series, cuts = np.repeat(np.arange(len(lengths)), [len(part) for part in parts]), np.concatenate(parts)
    chosen = np.linspace(0, len(cuts) - 1, min(len(cuts), _LOOKS)).round().astype(np.int64)
    return series[chosen], cuts[chosen]
