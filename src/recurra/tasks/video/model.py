"""The networks: frames → scores of labels, and frames → the frames that come next."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurra.nn import Recurrent
from recurra.nn.convolutional import ConvRecurrent
from recurra.nn.pooling import Pooling
from recurra.nn.precision import coarse
from recurra.tasks.video.config import ClassifierConfig, NetworkConfig, PredictorConfig

_SMALLEST = 5  # pixels: a frame is halved until its shorter side has no more


@dataclass(frozen=True)
class Frame:
    """The size of a frame, in pixels, and its colours: 1 (grey) or 3. ValueError if there is no such frame."""

    height: int
    width: int
    channels: int

    def __post_init__(self):
        if min(self.size) < 1 or self.channels not in (1, 3):
            raise ValueError(f"there is no frame of {self.size}")

    @property
    def size(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels


class ClipClassifier(nn.Module):
    """Scores of each label's classes: `model(x, lengths)`; x (time, batch, channels, height, width) → [(batch, classes), ...].

    frame: the size of the frames. classes: how many each label has.
    """

    def __init__(self, frame: Frame, classes: list[int], network: NetworkConfig, config: ClassifierConfig):
        super().__init__()
        self.frame, self.classes, self.network, self.config = frame, classes, network, config
        stages, height, width, channels = [], frame.height, frame.width, frame.channels * (1 + config.motion)
        while not stages or min(height, width) > _SMALLEST:
            wider = min(network.channels * 2 ** len(stages), 4 * network.channels)
            side = 3 if stages else 5
            convolution = nn.Conv2d(channels, wider, side, stride=2, padding=side // 2)
            stages += [nn.Sequential(convolution, nn.GroupNorm(1, wider), nn.ReLU())]
            height, width, channels = (height + 1) // 2, (width + 1) // 2, wider
        self.stages = nn.Sequential(*stages)
        self.project = nn.Linear(channels * height * width, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = Recurrent(
            network.cell,
            config.hidden_size,
            config.hidden_size,
            network.num_layers,
            bidirectional=config.bidirectional,
            init="recommended",
            check_finite=False,  # clips were looked at once
        )
        size = config.hidden_size * (1 + config.bidirectional)
        self.pooling = Pooling(config.pooling, size, bidirectional=config.bidirectional)
        self.head = nn.Linear(size, sum(classes))

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        time, batch = x.shape[:2]
        if self.config.motion:
            x = torch.cat([x, x - torch.cat([x[:1], x[:-1]])], 2)
        with coarse(x, self.network.precision == "bfloat16"):
            seen = self.stages(x.flatten(0, 1).contiguous(memory_format=torch.channels_last))
            features = self.dropout(F.relu(self.project(seen.flatten(1))))
        states, _ = self.layers(features.float().unflatten(0, (time, batch)), lengths=lengths)
        return list(self.head(self.dropout(self.pooling(states, lengths))).split(self.classes, 1))


class FrameForecaster(nn.Module):
    """The next frames: `model(x, ahead)`; x (time, batch, channels, height, width) → (ahead, batch, channels, height, width).

    Frames are cut into patches, a pixel each. One stack of convolutional recurrent layers reads them, each layer at half the
    resolution of the one below; its states start a second stack, upside down, that reads no frames and draws the next ones,
    as a change from the last frame seen: how much of it stays, and something new on top. The encoder-forecaster of Shi et al.
    2015, arXiv:1506.04214, at several resolutions as in Shi et al. 2017, arXiv:1706.03458.
    """

    def __init__(self, channels: int, network: NetworkConfig, config: PredictorConfig):
        super().__init__()
        self.network, self.config = network, config
        side, kind = (
            config.kernel_size,
            {"kernel_size": config.kernel_size, "init": "recommended", "check_finite": False},
        )
        widths = [network.channels * 2**level for level in range(network.num_layers)]
        below = [channels * config.patch**2, *widths[:-1]]
        self.down = nn.ModuleList(
            nn.Conv2d(one, width, side, stride=1 + (level > 0), padding=side // 2)
            for level, (one, width) in enumerate(zip(below, widths, strict=True))
        )
        self.reading = nn.ModuleList(ConvRecurrent(network.cell, width, width, **kind) for width in widths)
        above = [*widths[1:], 1]  # over the highest there is nothing: it reads a blank
        self.drawing = nn.ModuleList(
            ConvRecurrent(network.cell, one, width, **kind) for one, width in zip(above, widths, strict=True)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(width, width, 4, stride=2, padding=1) for width in widths[1:])
        self.head = nn.Conv2d(widths[0], (channels + 1) * config.patch**2, side, padding=side // 2)
        nn.init.zeros_(self.head.weight)  # no change: it starts by copying
        nn.init.zeros_(self.head.bias)
        self.channels = channels

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    def forward(self, x: Tensor, ahead: int) -> Tensor:
        time, batch, channels, height, width = x.shape
        last, patch = x[-1], self.config.patch
        with coarse(x, self.network.precision == "bfloat16"):
            y, states = F.pixel_unshuffle(self._whole(x.flatten(0, 1)), patch), []
            for down, reading in zip(self.down, self.reading, strict=True):
                y = F.leaky_relu(down(y), 0.2).unflatten(0, (time, batch))
                y, state = reading(y)
                states.append(state)
                y = y.flatten(0, 1)
            y = y.new_zeros(ahead, batch, 1, *y.shape[-2:])
            for level in reversed(range(len(states))):
                y = self.drawing[level](y, states[level])[0].flatten(0, 1)
                if level:
                    y = F.leaky_relu(self.up[level - 1](y), 0.2).unflatten(0, (ahead, batch))
            drawn = F.pixel_shuffle(self.head(y).float(), patch)
        drawn = drawn[..., :height, :width].unflatten(0, (ahead, batch))
        new, change = drawn.split([channels, 1], 2)
        return _soft_clamp((1 + torch.tanh(change)) * last + new)

    def _whole(self, x: Tensor) -> Tensor:
        """Frames with their last lines and columns repeated, until they can be cut and halved evenly."""
        unit = self.config.patch * 2 ** (len(self.reading) - 1)
        more = [-size % unit for size in reversed(x.shape[-2:])]
        return F.pad(x, (0, more[0], 0, more[1]), mode="replicate") if any(more) else x


def _soft_clamp(x: Tensor) -> Tensor:
    """Almost flat below 0 and above 1: black that is blacker than black costs next to nothing, and so it has no noise."""
    return 1 - F.leaky_relu(1 - F.leaky_relu(x, 0.01), 0.01)
