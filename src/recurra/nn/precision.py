"""What a task's model multiplies in, as a setting: "float32" or "bfloat16"."""

import contextlib

import torch
from torch import Tensor


def coarse(x: Tensor, on: bool = True) -> contextlib.AbstractContextManager:
    """While it lasts, products on x's device are in bfloat16: `with coarse(x, config.precision == "bfloat16"):`.

    Off, it leaves things as they are: around it the caller may have an autocast of their own.
    """
    return torch.autocast(x.device.type, torch.bfloat16) if on else contextlib.nullcontext()
