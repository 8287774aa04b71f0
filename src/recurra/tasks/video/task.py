"""Video as tasks for the training loop: batches of clips, losses, measures."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from recurra.data import Batches
from recurra.errors import setting
from recurra.tasks.video.clips import Clips
from recurra.tasks.video.config import ClipsConfig, PredictorConfig
from recurra.tasks.video.model import ClipClassifier, FrameForecaster
from recurra.training import Task, distributed, footprint

_SMALL = 1 << 23  # numbers in a batch that fit anywhere
POINTLESS = 6
"""Evaluations without a better one after which training stops where copying the last frame is no worse."""
READ = 32
"""Clips in a batch where nothing is learned."""


def together(clips: Sequence[np.ndarray], device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Clips as one batch, `x, lengths`: x (time, batch, channels, height, width) from 0 to 1; lengths None if all are equal."""
    lengths = [len(clip) for clip in clips]
    if len(set(lengths)) > 1:
        clips = [np.pad(clip, ((0, max(lengths) - len(clip)), (0, 0), (0, 0), (0, 0))) for clip in clips]
    # In memory channels stay last: convolutions are fast in that order.
    x = torch.from_numpy(np.stack(clips, 1)).to(device).permute(0, 1, 4, 2, 3)
    x = x.float() / 255 if x.dtype == torch.uint8 else x
    return x, torch.tensor(lengths, device=device) if len(set(lengths)) > 1 else None


class _VideoTask(Task):
    # Every process has as many clips of a batch (see `Batches`), so the mean of their losses is that of all clips.
    unit = "clips"

    batches: Batches

    def sample(self, model: torch.nn.Module, seed: int) -> None:
        return None

    def check_memory(self) -> None:
        time, height, width, channels = self._largest()
        clips = max(1, min(self.batches.batch_size, self.batches.count) // distributed.world())
        shape = (time, clips, channels, height, width)
        if math.prod(shape) < _SMALL or self.model.device.type != "cpu":
            return
        footprint.check(
            footprint.kept(self._loss_of, shape),
            f"a batch is {clips} clips of {time} frames of {width}×{height}. Try a smaller {setting('shorter_side')} or"
            f" {setting('batch_size')}, or fewer {setting('channels')}",
        )

    @abstractmethod
    def _largest(self) -> tuple[int, int, int, int]:
        """Frames, height, width and channels of the largest clip in a batch."""

    @abstractmethod
    def _loss_of(self, x: Tensor) -> Tensor:
        """A loss of a batch (time, clips, channels, height, width) that keeps as much as that of training."""


class ClipTask(_VideoTask):
    """Labels of clips (see `recurra.training.Task`). Targets: (clips, labels) int64."""

    def __init__(
        self,
        model: ClipClassifier,
        train: tuple[Clips, np.ndarray],
        valid: tuple[Clips, np.ndarray],
        size: int,
        seed: int,
    ):
        self.model, self.train, self.valid = model, train, valid
        lengths = [len(clip) for clip in train[0]]
        lengths = lengths if len(set(lengths)) > 1 else None
        self.batches = Batches(len(train[0]), size, seed, lengths, distributed.rank(), distributed.world())
        self.steps = len(self.batches)

    def batch(self, epoch: int, index: int):
        numbers = self.batches.batch(epoch, index)
        device = self.model.device
        x, lengths = together([self.train[0][i] for i in numbers], device)
        return x, lengths, torch.as_tensor(self.train[1][numbers], device=device)

    def loss(self, model: torch.nn.Module, batch, carry) -> tuple[Tensor, None, int]:
        x, lengths, targets = batch
        return _mean_loss(model(x, lengths), targets), None, len(targets)

    def _largest(self) -> tuple[int, int, int, int]:
        return max(map(len, self.train[0])), *self.train[0][0].shape[1:]

    def _loss_of(self, x: Tensor) -> Tensor:
        return torch.cat(self.model(x), 1).sum()

    def evaluate(self, model: ClipClassifier) -> dict[str, float]:
        if not len(self.valid[0]):
            return {}
        scores = scores_of(model, self.valid[0])
        targets = torch.as_tensor(self.valid[1], device="cpu")
        right = torch.stack([one.argmax(1) for one in scores], 1) == targets
        return {"loss": _mean_loss(scores, targets).item(), "accuracy": right.double().mean().item()}


def _mean_loss(scores: list[Tensor], targets: Tensor) -> Tensor:
    return torch.stack([F.cross_entropy(one, targets[:, k]) for k, one in enumerate(scores)]).mean()


def scores_of(model: ClipClassifier, clips: Clips) -> list[Tensor]:
    """What the model says of clips: for each label (clips, classes), on the CPU."""
    found = [torch.zeros(len(clips), count, dtype=torch.float32, device="cpu") for count in model.classes]
    order = np.argsort([len(clip) for clip in clips], kind="stable")
    with torch.no_grad():
        for start in range(0, len(order), READ):
            numbers = order[start : start + READ]
            for label, scores in zip(found, model(*together([clips[i] for i in numbers], model.device)), strict=True):
                label[numbers] = scores.float().cpu()
    return found


class FrameTask(_VideoTask):
    """The next frames of clips (see `recurra.training.Task`): every window of as many frames as are seen and predicted."""

    def __init__(
        self, model: FrameForecaster, train: Clips, valid: Clips, config: PredictorConfig, data: ClipsConfig, seed: int
    ):
        self.model, self.config, self.data, self.seed = model, config, data, seed
        self.frames = config.seen + config.ahead
        self.train, self.valid = (windows(clips, self.frames) for clips in (train, valid))
        rank, world = distributed.rank(), distributed.world()
        self.batches = Batches(len(self.train), data.batch_size, seed, None, rank, world)
        self.steps = len(self.batches)

    def batch(self, epoch: int, index: int) -> Tensor:
        clips = [self._changed(epoch, int(number)) for number in self.batches.batch(epoch, index)]
        return together(clips, self.model.device)[0]

    def _changed(self, epoch: int, number: int) -> np.ndarray:
        """A random square of a clip, mirrored or not, as the settings say."""
        # By its number and the epoch alone: several processes change a clip as one would.
        clip, random = self.train[number], np.random.default_rng((self.seed, epoch, number))
        if side := self.data.crop:
            height, width = clip.shape[1:3]
            line, column = (random.integers(max(1, size - side + 1)) for size in (height, width))
            clip = clip[:, line : line + side, column : column + side]
        return clip[:, :, ::-1] if self.data.mirror and random.random() < 0.5 else clip

    def loss(self, model: torch.nn.Module, batch: Tensor, carry) -> tuple[Tensor, None, int]:
        seen, ahead = batch.split([self.config.seen, self.config.ahead])
        return F.mse_loss(model(seen, self.config.ahead), ahead), None, batch.shape[1]

    def _largest(self) -> tuple[int, int, int, int]:
        height, width, channels = self.train[0].shape[1:]
        side = self.data.crop
        return self.frames, min(side or height, height), min(side or width, width), channels

    def _loss_of(self, x: Tensor) -> Tensor:
        return self.loss(self.model, x, None)[0]

    def evaluate(self, model: FrameForecaster) -> dict[str, float]:
        if not self.valid:
            return {}
        errors, copies = 0.0, 0.0
        for start in range(0, len(self.valid), READ):
            x, _ = together(self.valid[start : start + READ], model.device)
            seen, ahead = x.split([self.config.seen, self.config.ahead])
            drawn = model(seen, self.config.ahead).clamp(0, 1)
            errors += (drawn - ahead).square().mean((0, 2, 3, 4)).sum().item()
            copies += (seen[-1] - ahead).square().mean((0, 2, 3, 4)).sum().item()
        return {"loss": errors / len(self.valid), "copying": copies / len(self.valid)}

    def patience(self, measured: dict[str, float]) -> int:
        return POINTLESS if measured and measured["loss"] >= measured["copying"] else 0


def windows(clips: Clips, frames: int) -> list[np.ndarray]:
    """Every run of so many frames, as views: `windows([clip], 20)`."""
    return [clip[start : start + frames] for clip in clips for start in range(len(clip) - frames + 1)]


def draw(model: FrameForecaster, clips: Clips, ahead: int) -> Iterator[np.ndarray]:
    """What the model sees coming after each clip, (ahead, height, width, channels) float32 from 0 to 1."""
    with torch.no_grad():
        for start in range(0, len(clips), READ):
            x, _ = together(clips[start : start + READ], model.device)
            drawn = model(x, ahead).clamp(0, 1).permute(1, 0, 3, 4, 2)
            yield from drawn.cpu().numpy()
