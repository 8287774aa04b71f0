"""The speech model: frames → stacked steps → recurrent layers → lookahead → scores of every symbol and of the blank."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.nn import Recurrent
from recurra.tasks.speech.config import SpeechConfig

LOWEST = -3.0
"""Deviations below its running mean at which a band is taken for empty: what lies lower is a channel's, not the voice's."""


class Lookahead(nn.Module):
    """Row convolution: each unit's output is a weighted sum of itself now and at the next `ahead` steps.

    So layers that run forward see a little of what follows, and sound can still be read as it comes: Wang et al. 2016
    (arXiv:1609.03193). x (time + ahead, batch, units) → (time, batch, units). It starts as no convolution at all.
    """

    def __init__(self, units: int, ahead: int):
        super().__init__()
        self.ahead = ahead
        self.weight = nn.Parameter(torch.zeros(ahead + 1, units))
        nn.init.ones_(self.weight[0])

    def forward(self, x: Tensor) -> Tensor:
        if len(x) <= self.ahead:
            return x[:0]
        # As a picture of one pixel a step and row, with units as channels, it is a convolution that is fast on every device.
        picture, weight = x.permute(2, 0, 1)[None], self.weight.t()[:, None, :, None]
        return F.conv2d(picture, weight, groups=x.shape[2])[0].permute(1, 2, 0)


class SpeechModel(nn.Module):
    """Log probabilities of symbols: `scores, lengths = model(frames, lengths)`.

    symbols: how many there are, without the blank, which is symbol 0 here. config: the layers; its rate is known by now.
    """

    def __init__(self, symbols: int, config: SpeechConfig):
        super().__init__()
        self.config = config
        # Of what it learned from: how the bands lie to the level (see `levels`), and how much they vary beside their mean.
        self.register_buffer("bands", torch.zeros(config.mels))
        self.register_buffer("deviation", torch.ones(config.mels))
        self.layers = Recurrent(
            config.cell,
            config.mels * config.stack,
            config.hidden_size,
            config.num_layers,
            bidirectional=config.bidirectional,
            dropout=config.dropout if config.num_layers > 1 else 0.0,
            output_dropout=config.dropout,
            init="recommended",
        )
        units = config.hidden_size * (1 + config.bidirectional)
        self.lookahead = Lookahead(units, config.ahead) if config.ahead else nn.Identity()
        self.head = nn.Linear(units, symbols + 1)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """frames: (batch, time, mels) of `Levels`; lengths: (batch,) frames of each. Returns log probabilities (steps, batch,
        symbols + 1) and the steps of each row, (batch,); frames that fill no whole step are left out."""
        steps = lengths // self.config.stack
        hidden, _ = self.recur(frames, lengths=steps)
        # Past a row's end the layers give zeros: there the lookahead sees what it sees past the end of a stream.
        return self.scores(F.pad(hidden, (0, 0, 0, 0, 0, self.config.ahead))), steps

    def recur(self, frames: Tensor, state: Any = None, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """The recurrent layers' output, (steps, batch, units), and their state."""
        batch, time, mels = frames.shape
        stack = self.config.stack
        frames = (frames / self.deviation).clamp(min=LOWEST)
        steps = frames[:, : time // stack * stack].reshape(batch, time // stack, stack * mels)
        return self.layers(steps.transpose(0, 1), state, lengths=lengths)

    def scores(self, hidden: Tensor) -> Tensor:
        """Log probabilities of all steps but the last `ahead`, which only are looked at."""
        return self.head(self.lookahead(hidden)).log_softmax(-1)

    @property
    def device(self) -> torch.device:
        return self.head.weight.device
