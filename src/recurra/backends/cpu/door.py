"""The one door to native code: what it reads and writes holds what its shape promises, in the machine's own memory.

The core gets addresses and sizes and believes them. So every address is that of a tensor that went through here: on the CPU,
dense, of the right shape and type, its numbers as they stand in memory (not lazily negated), its storage as large as it was.
Whatever else can be read is copied; the rest is a ShapeError or DtypeError of one line. What is allocated for the core
is allocated here too, in this machine's memory whatever PyTorch's default device is.
"""

from operator import attrgetter, mul

import torch
from torch import Tensor

from recurra.errors import DtypeError, ShapeError

_address, _stride, _numel, _storage = Tensor.data_ptr, Tensor.stride, Tensor.numel, Tensor.untyped_storage
_type = attrgetter("dtype")
_bytes = torch.UntypedStorage.nbytes
_like = torch.empty_like
_CPU = torch.device("cpu")


def empty(shape, dtype: torch.dtype) -> Tensor:
    """Room for what the core writes."""
    return torch.empty(shape, dtype=dtype, device=_CPU)


def empty_as(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Room for as many numbers, dense: in half the time where the tensor has the type and is dense itself."""
    if tensor.dtype is dtype and tensor.is_contiguous():
        return _like(tensor)
    return empty(tensor.shape, dtype)


def check(tensor: Tensor, label: str, shape: tuple[int, ...] | None = None) -> None:
    """Raise unless the tensor lies in this machine's memory, whole, and has this shape."""
    if not tensor.is_cpu or tensor.layout is not torch.strided:
        kind = tensor.device.type if tensor.layout is torch.strided else str(tensor.layout).removeprefix("torch.")
        raise DtypeError(f"`{label}` is {kind}; the compiled kernels read dense tensors on the CPU")
    if shape is not None and tensor.shape != shape:
        raise ShapeError(f"`{label}` is {tuple(tensor.shape)}; expected {tuple(shape)}")
    check_storage(tensor, label)


def check_storage(tensor: Tensor, label: str) -> None:
    """Raise ShapeError if the tensor's storage no longer reaches as far as the tensor does."""
    if not is_whole(tensor):
        held, needed = tensor.untyped_storage().nbytes(), extent(tensor)
        raise ShapeError(
            f"`{label}` {tuple(tensor.shape)} needs {needed} bytes of its storage, which holds {held}: it was freed or shrunk"
        )


def extent(tensor: Tensor) -> int:
    """Bytes of its storage that a tensor reaches to."""
    if not tensor.numel():
        return 0
    strides = tensor.stride()
    last = sum(map(mul, tensor.shape, strides)) - sum(strides)
    return (tensor.storage_offset() + last + 1) * tensor.element_size()


def dense(tensor: Tensor, label: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """The tensor as the core reads it: itself, or a copy that is dense and of this type."""
    if (  # written out: this runs for every tensor of every call
        tensor.dtype is dtype
        and tensor.shape == shape
        and tensor.is_cpu
        and tensor.layout is torch.strided
        and not tensor.is_neg()
        and tensor.is_contiguous()
        and tensor.untyped_storage().nbytes() >= tensor.nbytes + tensor.storage_offset() * tensor.itemsize
    ):
        return tensor
    check(tensor, label, shape)
    return _converted(tensor, label, dtype).contiguous()


def by_step(tensor: Tensor, label: str, shape: tuple[int, ...], dtype: torch.dtype, spread: bool = False) -> Tensor:
    """The same for (time, batch, features), whose steps and rows may lie anywhere: only the features must be side by side.

    spread: or be one number for all of them, of stride 0.
    """
    if tensor.shape != shape or not _is_ready(tensor, dtype):
        check(tensor, label, shape)
        tensor = _converted(tensor, label, dtype)
    if tensor.dim() < 3 or tensor.stride(2) == 1 or tensor.shape[2] <= 1 or (spread and not tensor.stride(2)):
        return tensor
    return tensor.contiguous()


def _converted(tensor: Tensor, label: str, dtype: torch.dtype) -> Tensor:
    """The tensor's numbers in this type. Whole numbers do not pass for others: a tensor may have been read as another type."""
    if tensor.is_floating_point() != dtype.is_floating_point:
        came, want = (str(kind).removeprefix("torch.") for kind in (tensor.dtype, dtype))
        raise DtypeError(f"`{label}` is {came}; expected {want}. Convert it, or leave its type as it was")
    return tensor.resolve_neg().to(dtype)


def _is_ready(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Whether the numbers stand in this machine's memory, whole, and of this type."""
    if tensor.dtype is not dtype or not tensor.is_cpu or tensor.is_neg() or tensor.layout is not torch.strided:
        return False
    return is_whole(tensor)


def is_whole(tensor: Tensor) -> bool:
    """Whether the tensor's storage still reaches as far as the tensor does."""
    held = tensor.untyped_storage().nbytes()
    if tensor.is_contiguous():
        start = tensor.storage_offset()
        return held >= tensor.nbytes + (start and start * tensor.itemsize)
    return held >= extent(tensor)


def storage_of(tensors) -> list[int]:
    """Bytes of each tensor's storage."""
    return [*map(_bytes, map(_storage, tensors))]


def places_of(tensors) -> list[int]:
    """The addresses of the tensors' numbers; 0 for one that was freed."""
    return [*map(_address, tensors)]


def state_of(tensors) -> list:
    """What changes when a tensor is moved, reshaped, freed, shrunk or read as another type, and not when its numbers are."""
    return [
        *map(_type, tensors),
        *map(_address, tensors),
        *map(_stride, tensors),
        *map(_numel, tensors),
        *map(_bytes, map(_storage, tensors)),
    ]


def types_in(state: list) -> list[torch.dtype]:
    """The tensors' types, of what `state_of` found."""
    return state[: len(state) // 5]
