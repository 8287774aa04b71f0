"""How near predicted frames come to the true ones: mean squared error, and structural similarity."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from recurra.errors import ShapeError

SIDE, _SIGMA = 11, 1.5  # of the window, in pixels
_C1, _C2 = 0.01**2, 0.03**2  # for pixels from 0 to 1


def mse(predicted: Any, true: Any) -> float:
    """The mean of the squared differences of pixels from 0 to 1: `mse(predicted, true)`; two arrays of one shape."""
    predicted, true = _pair(predicted, true)
    return float((predicted - true).square().mean())


def ssim(predicted: Any, true: Any) -> float:
    """The mean structural similarity of frames: 1 where they are equal, about 0 where they have nothing in common.

    predicted, true: (..., height, width), grey, from 0 to 1 or uint8. Windows are Gaussian, 11 pixels wide with a standard
    deviation of 1.5, and lie wholly in the frame. ShapeError for frames smaller than that. Wang et al. 2004, "Image quality
    assessment: from error visibility to structural similarity".
    """
    x, y = _pair(predicted, true)
    if min(x.shape[-2:]) < SIDE:
        raise ShapeError(f"ssim: frames are {tuple(x.shape[-2:])}; expected at least {SIDE} pixels each way")
    x, y = (frames.reshape(-1, 1, *frames.shape[-2:]) for frames in (x, y))
    distance = torch.arange(SIDE, dtype=x.dtype, device=x.device) - SIDE // 2
    weights = torch.exp(-0.5 * (distance / _SIGMA) ** 2)
    weights = weights / weights.sum()

    def local(frames: torch.Tensor) -> torch.Tensor:
        return F.conv2d(F.conv2d(frames, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))

    mean_x, mean_y = local(x), local(y)
    var_x, var_y, both = local(x * x) - mean_x**2, local(y * y) - mean_y**2, local(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return float((luminance * (2 * both + _C2) / (var_x + var_y + _C2)).mean())


def _pair(predicted: Any, true: Any) -> tuple[torch.Tensor, torch.Tensor]:
    found = []
    for frames in (predicted, true):
        frames = np.asarray(frames)
        found.append(torch.as_tensor(frames / 255 if frames.dtype == np.uint8 else frames, device="cpu").double())
    if found[0].shape != found[1].shape:
        raise ShapeError(f"frames of {tuple(found[0].shape)} cannot be held against frames of {tuple(found[1].shape)}")
    return found[0], found[1]
