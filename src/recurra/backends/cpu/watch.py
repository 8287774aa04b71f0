"""Weights that the core looks at itself before each call: native/watch.h, from Python's side."""

import ctypes
import functools
from collections.abc import Sequence
from ctypes import addressof, c_void_p, cast

import torch
from torch import Tensor

from recurra.backends.cpu import abi
from recurra.backends.cpu.library import Core

CHANGED = 2
"""What the core's forward returns where a tensor is not what it was."""


class Watch:
    """Some tensors as they are now: where their numbers are, their storage, type, sizes and strides.

    address: recurra::Watch, which a call may name. The tensors live as long as this.
    """

    def __init__(self, core: Core, tensors: Sequence[Tensor]):
        self._same, self._tensors = core.same, tensors
        self._watched = abi.array_of(abi.Watched, len(tensors))()
        for watched, tensor in zip(self._watched, tensors, strict=True):
            watched.tensor = id(tensor) + _place()
        self._watch = abi.Watch(len(tensors), addressof(self._watched), *_functions())
        self.address = addressof(self._watch)
        assert not core.look(self.address), "PyTorch does not say what a weight is"

    def same(self) -> bool:
        """Whether the tensors are what they were."""
        return bool(self._same(self.address))


@functools.cache
def is_possible() -> bool:
    """Whether this version of PyTorch can be asked. Its functions' form is promised, that of its Python objects is not."""
    try:
        return bool(_place() and _functions())
    except (AttributeError, ValueError, OSError):
        return False


@functools.cache
def _place() -> int:
    """Bytes from the start of a tensor's Python object to its at::Tensor, which is the address of what `_cdata` says."""
    tensor = torch.empty(0, device="cpu")
    words = (c_void_p * (Tensor.__basicsize__ // 8)).from_address(id(tensor))
    return 8 * list(words).index(tensor._cdata)


@functools.cache
def _functions() -> list[int]:
    """PyTorch's functions in the order of native/fields_watch.h."""
    library = ctypes.CDLL(torch._C.__file__)
    names = [name for name, spelled in abi.Watch.spelled.items() if spelled.startswith("Ask")]
    return [cast(getattr(library, f"aoti_torch_get_{name}"), c_void_p).value for name in names]
