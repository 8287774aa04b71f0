"""Learned convolutions before the recurrence: shapes are found where they are, and a long sequence becomes a short one.

Three convolutions with batch norm and ReLU, as in the FCN of Wang, Yan & Oates 2017, on whose features an LSTM does well
(LSTM-FCN, Karim et al. 2018); then the largest value of every `stride` steps.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurra.backends.call import active_steps

WIDTHS, KERNELS = (1, 2, 1), (8, 5, 3)
"""Channels of the three, in units of `channels`, and steps that each sees at once."""


class Convolutions(nn.Module):
    """`y, lengths = convolutions(x, lengths)`: x (time, batch, features) → (⌈time / stride⌉, batch, channels).

    y is zero past a row's end. What lies there in x has no effect: it is zero before each convolution, and counts in no mean
    of batch norm.
    """

    def __init__(self, features: int, channels: int, stride: int = 1):
        super().__init__()
        self.stride = stride
        widths = [features, *(channels * k for k in WIDTHS)]
        self.layers = nn.ModuleList(
            nn.Conv1d(a, b, kernel, bias=False) for a, b, kernel in zip(widths, widths[1:], KERNELS, strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in widths[1:])
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        time = len(x)
        there = (
            None if lengths is None else active_steps(lengths, time).to(x.device).permute(1, 2, 0)
        )  # (batch, 1, time)
        x = x.permute(1, 2, 0)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x if there is None else x * there
            kernel = layer.kernel_size[0]
            x = layer(F.pad(x, ((kernel - 1) // 2, kernel // 2)))
            x = F.relu(_normed(norm, x, there))
        x = x if there is None else x * there
        if self.stride > 1:
            x = F.max_pool1d(F.pad(x, (0, -time % self.stride)), self.stride)
            lengths = None if lengths is None else -(-lengths // self.stride)
        return x.permute(2, 0, 1), lengths


def _normed(norm: nn.BatchNorm1d, x: Tensor, there: Tensor | None) -> Tensor:
    """Batch norm over the steps that are there."""
    if there is None:
        return norm(x)
    flat = x.transpose(1, 2)[there[:, 0]]
    out = torch.zeros_like(x.transpose(1, 2))
    if len(flat) > 1 or not norm.training:
        out[there[:, 0]] = norm(flat)
    return out.transpose(1, 2)
