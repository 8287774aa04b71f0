"""How much memory a step of training will take, before it takes it, and how much there is."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from recurra.errors import ConfigError

_BESIDE = 1.2  # of what is kept for the way back: the gradients on that way


def kept(loss: Callable[[Tensor], Tensor], shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> int | None:
    """Bytes that a step on one input of this shape will take, from the sizes alone: nothing is computed or allocated.

    loss: of the input. None if that depends on numbers.
    """
    from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode, UnsupportedOperatorException

    sizes: dict[int, int] = {}
    alive = []

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage._cdata] = storage.nbytes()
        alive.append(storage)  # or another one could come to stand where it was
        return tensor

    try:
        with (
            FakeTensorMode(allow_non_fake_inputs=True),
            torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
        ):
            loss(torch.empty(shape, dtype=dtype))
    except (DataDependentOutputException, UnsupportedOperatorException):
        return None
    return int(_BESIDE * sum(sizes.values()))


def available() -> int | None:
    """Bytes of memory that this machine has free, swap too; None if that is unknown."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        found = {name: int(size.split()[0]) << 10 for name, size in (line.split(":") for line in lines)}
        return found["MemAvailable"] + found["SwapFree"]
    except (OSError, ValueError, KeyError):
        return None


def check(needed: int | None, advice: str) -> None:
    """ConfigError if a step needs more memory than there is. advice: what makes it smaller."""
    there = available()
    if needed and there is not None and needed > there:
        raise ConfigError(
            f"a step of training would take {needed / 1e9:.1f} GB of memory, and {there / 1e9:.1f} GB are free; {advice}"
        )
