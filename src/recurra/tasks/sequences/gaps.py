"""Missing values in sequences of numbers, NaN: filled by the last value, beside a mask that reports where they were.

    gappy(X)                     the features that have any
    closed(row, masked, start)   a row without NaN, and after its features a mask of each feature in `masked`
    times(layers, x, lengths)    the steps since anything was measured, for cells that read `dt`
    Decay(masked, means)(x)      for GRU-D: the older a value that fills a gap is, the nearer to the mean

That a value is missing may itself be a sign, such as a test that nobody ordered, which the mask lets the network learn (Lipton,
Kale & Wetzel 2016, arXiv:1606.04130; Che et al. 2018, arXiv:1606.01865). Nothing looks ahead: a gap is filled from before.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurra.backends.call import flip_steps
from recurra.errors import DataError
from recurra.nn import Recurrent
from recurra.tasks.sequences.rows import Rows


def gappy(X: Rows) -> np.ndarray:
    """The numbers of the features that miss a value somewhere. DataError if one of them has no value at all."""
    missing = sum(np.isnan(row).sum(0) for row in X)
    if (empty := np.flatnonzero(missing == sum(map(len, X)))).size:
        raise DataError(
            f"feature {empty[0]} of `X` is NaN at every step of the {len(X):,} sequences to learn from; leave it out"
        )
    return np.flatnonzero(missing)


def described(X: Rows, masked: np.ndarray, fading: bool = False) -> str:
    """A line about the missing values. masked: from `gappy`, one feature or more. fading: by `Decay`."""
    part = 100 * sum(np.isnan(row).sum() for row in X) / sum(row.size for row in X)
    return (
        f"{part:.2g} % of the numbers are missing, in {len(masked)} of {X[0].shape[1]} features: filled by the last value"
        f"{' on its way to the mean' * fading}, beside a mask"
    )


def closed(row: np.ndarray, masked: np.ndarray, start: np.ndarray | float) -> np.ndarray:
    """(steps, features + masks) of a row (steps, features): each gap as the last value before it, or as `start`.

    masked: the numbers of the features whose masks follow, 1 where the value is missing. start: (features,) or one number.
    """
    missing = np.isnan(row)
    if missing.any():
        last = np.maximum.accumulate(np.where(missing, -1, np.arange(len(row))[:, None]))
        row = np.where(last < 0, start, np.take_along_axis(row, last.clip(0), 0)).astype(row.dtype)
    return np.concatenate([row, missing[:, masked].astype(row.dtype)], 1) if len(masked) else row


def ages(missing: Tensor) -> Tensor:
    """(time, ...) int64: how many steps old the last value is, 0 where there is one; before any, the steps from the first."""
    steps = torch.arange(len(missing), device=missing.device).view(-1, *[1] * (missing.dim() - 1))
    return steps - torch.where(missing, 0, steps).cummax(0).values


def since(missing: Tensor) -> Tensor:
    """(time, ...) int64: the steps since any value before, 1 where the step before has one, and 0 at the first step."""
    return F.pad(ages(missing)[:-1] + 1, (0, 0, 1, 0))


def times(layers: Recurrent, x: Tensor, lengths: Tensor | None, masks: int = 0, stride: int = 1) -> dict[str, Any]:
    """What the cell of `layers` reads at each step, by name: the steps since anything was measured, or nothing.

    Che et al.'s delta, (⌈time / stride⌉, batch); backward it is counted from the other side.
    x: (time, batch, ...). masks: a step where the last so many features of x are all 1 has no value; 0: each step has one.
    stride: so many steps are one by now, which was measured if one of them was.
    """
    names = layers.cell.call_names
    if not names:
        return {}
    missing = (x[..., -masks:] > 0).all(-1) if masks else torch.zeros(x.shape[:2], dtype=torch.bool, device=x.device)
    lengths = None if lengths is None else lengths.to(x.device)
    if stride > 1:
        # What lies past a row's end in its last step has no effect: forward nothing follows it, backward it is the first.
        missing = F.pad(missing, (0, 0, 0, -len(missing) % stride), value=True).unflatten(0, (-1, stride)).all(1)
        lengths = None if lengths is None else -(-lengths // stride)
    dt = since(missing).to(layers.like())
    if layers.bidirectional:
        flip = flip_steps(lengths, missing)[..., 0]
        dt = dt, since(missing.gather(0, flip)).gather(0, flip).to(layers.like())
    return dict.fromkeys(names, dt)


@torch.no_grad()
def start_still(layers: Recurrent) -> None:
    """Start the layers of a GRU-D such that states fade only behind steps without a value, where dt is more than 1."""
    for name, shift in layers.named_parameters():
        if name.startswith("shift_"):
            shift.copy_(-getattr(layers, name.replace("shift", "rate")))


class Decay(nn.Module):
    """Values that fill gaps, moved towards the mean as they get older: `x = Decay([0, 2], means)(x)`.

    A value v of d steps ago becomes γ v + (1 - γ) mean, γ = exp(-max(0, rate · d + shift)), with a rate and a shift learned for
    each feature (Che et al. 2018). A value that was measured now stays as it is.

    masked: the numbers of the features whose masks are the last features of x, (time, batch, features + masks).
    means: (masks,) of them, in what x is scaled by.
    """

    def __init__(self, masked: np.ndarray, means: np.ndarray):
        super().__init__()
        self.register_buffer("masked", torch.tensor(masked, device="cpu"), persistent=False)
        self.register_buffer("means", torch.tensor(means, dtype=torch.float32, device="cpu"), persistent=False)
        self.rate = nn.Parameter(torch.full((len(masked),), 0.1))
        self.shift = nn.Parameter(torch.zeros(len(masked)))

    def forward(self, x: Tensor) -> Tensor:
        missing, values = x[..., -len(self.masked) :] > 0, x[..., self.masked]
        kept = torch.exp(-F.relu(self.rate * ages(missing) + self.shift))
        faded = torch.where(missing, kept * values + (1 - kept) * self.means, values)
        return x.index_copy(2, self.masked, faded.to(x.dtype))
