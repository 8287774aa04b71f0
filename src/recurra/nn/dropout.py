"""The six places where a recurrent layer forgets on purpose. Nothing here is drawn in evaluation."""

import contextlib
import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from recurra.backends.call import is_transformed
from recurra.backends.options import Options


def undrawn(like: Tensor) -> contextlib.AbstractContextManager:
    """Restore the random state of a tensor's device on exit, so that draws inside leave later ones unchanged."""
    return torch.random.fork_rng([like.device] if like.is_cuda else [])


def elements(weight: Tensor, rate: float, training: bool) -> Tensor:
    """Drop single numbers: `rate` of them are 0, the others are scaled up by 1 / (1 - rate)."""
    return F.dropout(weight, rate, training)


def inputs(x: Tensor, rate: float, training: bool, variational: bool) -> Tensor:
    """Dropout of what a layer reads or gives, x (time, batch, features); variational: one mask for all steps."""
    if not rate or not training:
        return x
    if variational:
        return x * F.dropout(_ones(x[:1]), rate)
    return F.dropout(x, rate) if x.is_contiguous() else x * F.dropout(_ones(x), rate)


def _ones(x: Tensor) -> Tensor:
    """As x, in the order of its dimensions: so random numbers do not depend on how x lies in memory, as in torch.nn."""
    return torch.ones_like(x, memory_format=torch.contiguous_format)


def between(x: Tensor, rate: float, training: bool, variational: bool, packed: PackedSequence | None) -> Tensor:
    """Dropout of what one layer gives to the next: `inputs`, but of a PackedSequence for its steps alone, as torch.nn draws."""
    if packed is None or variational or not rate or not training:
        return inputs(x, rate, training, variational)
    kept = F.dropout(x.new_ones(len(packed.data), x.shape[-1]), rate)
    return x * pad_packed_sequence(packed._replace(data=kept))[0]


def options(
    states: list[tuple[Tensor, ...]],
    recurrent: float,
    rates: tuple[float, ...],
    time: int,
    widths: tuple[int, ...],
    training: bool,
) -> Options:
    """What acts at every step: recurrent dropout, one mask for all steps (Gal & Ghahramani 2016), and zoneout, which units
    keep their old value, in evaluation the rate itself for the expected value (Krueger et al. 2017).

    states: for each direction (batch, width) each, of these widths. rates: zoneout's, one for each state, or none.
    """
    found: Options = {}
    if recurrent and training:
        found["mask"] = [(F.dropout(_ones(direction[0]), recurrent),) for direction in states]
    if rates and not training:
        found["zone_share"] = [rates for _ in states]
    elif rates:
        like, batch = states[0][0], states[0][0].shape[0]
        found["zoneout"] = [
            tuple(_chances(rate, (time, batch, width), like.device) for rate, width in zip(rates, widths, strict=True))
            for _ in states
        ]
    return found


def _chances(rate: float, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """True with probability `rate`, to 1/65536: four times as fast as a random float for each, which a layer would feel."""
    # Neither vmap, whose rows cannot be drawn by filling a tensor that they share, nor torch.compile takes what follows.
    if is_transformed() or torch.compiler.is_compiling():
        return torch.rand(shape, device=device) < rate
    numbers = math.prod(shape)
    bits = torch.empty(-(-numbers // 4), dtype=torch.int64, device=device).random_(-(2**63), None)
    return bits.view(torch.int16)[:numbers].view(shape) < min(round(rate * 65536) - 32768, 32767)
