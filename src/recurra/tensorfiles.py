"""Tensors and a JSON object as one safetensors file, written whole or not at all, with a checksum of both.

`arrays` reads such a file into NumPy's arrays, without PyTorch.
"""

import contextlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from recurra import files
from recurra.errors import RunError
from recurra.paths import for_libraries

if TYPE_CHECKING:
    from torch import Tensor

_KEY = "recurra"  # the one metadata entry: JSON with everything that is not a tensor


def write(path: Path, tensors: dict[str, "Tensor"], about: dict[str, Any]) -> None:
    """Tensors and a JSON object as one safetensors file, whole or not at all."""
    files.write(path, pack(tensors, about))


def pack(tensors: dict[str, "Tensor"], about: dict[str, Any]) -> bytes:
    """The bytes of a safetensors file with `about` in its metadata."""
    from safetensors.torch import save

    tensors = {name: _own(tensor) for name, tensor in tensors.items()}
    return save(tensors, {_KEY: json.dumps(about | {"crc32": _sum(tensors, about)})})


def write_arrays(path: Path, tensors: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """As `write`, of NumPy's arrays."""
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    files.write(path, save(tensors, {_KEY: json.dumps(about | {"crc32": _sum(tensors, about)})}))


def unpack(data: bytes) -> dict[str, "Tensor"]:
    """The tensors that `pack` packed."""
    from safetensors.torch import load

    return load(data)


def _sum(tensors: dict[str, Any], about: dict[str, Any]) -> int:
    # The format notices a file that was cut off, but not a bit that was turned over.
    total = zlib.crc32(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        kind = str(tensor.dtype)
        kind = kind if kind.startswith("torch.") else f"torch.{kind}"
        total = zlib.crc32(f"{name} {kind} {tuple(tensor.shape)}".encode(), total)
        if tensor.size if isinstance(tensor, np.ndarray) else tensor.numel():
            total = zlib.crc32(_bytes(tensor), total)
    return total


def _bytes(tensor: Any) -> np.ndarray:
    if isinstance(tensor, np.ndarray):
        return np.ascontiguousarray(tensor).reshape(-1).view(np.uint8)
    import torch

    return tensor.reshape(-1).view(torch.uint8).numpy()


def _own(tensor: "Tensor") -> "Tensor":
    # The format has no views: a tensor that is part of a larger storage is written as a copy.
    tensor = tensor.detach().cpu().contiguous()
    return tensor.clone() if tensor.untyped_storage().nbytes() != tensor.nbytes else tensor


def read(path: Path, schema: str) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """What `write` wrote. `schema` is the value that `about["schema"]` must have, such as "state/1".

    Raises RunError, in one line, for a file that is missing, damaged, of another program or of another version.
    """
    return _read(path, schema, "pt")


def arrays(path: Path, schema: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The same as NumPy's arrays."""
    return _read(path, schema, "np")


def _read(path: Path, schema: str, framework: str) -> tuple[dict[str, Any], dict[str, Any]]:
    with _opened(path, framework) as (file, about):
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    if about["schema"] != schema:
        raise RunError(f"{path} has the format {about['schema']!r}; this version of Recurra reads {schema!r}")
    if about.pop("crc32", None) != _sum(tensors, about):
        raise RunError(f"{path} is damaged (its checksum differs). {files.DAMAGED}")
    return tensors, about


def header(path: Path) -> tuple[dict[str, tuple[int, ...]], dict[str, Any]]:
    """The shapes by name and the JSON object of what `write` wrote, without its tensors: no checksum is compared.

    Raises RunError, in one line, for a file that is missing, damaged or of another program.
    """
    with _opened(path, "np") as (file, about):
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}, about  # noqa: SIM118 (no mapping)


@contextlib.contextmanager
def _opened(path: Path, framework: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    files.refuse_special(path)
    if not path.is_file():
        raise RunError(f"{path} is missing. {files.DAMAGED}")
    try:
        with for_libraries(path) as name, safe_open(name, framework=framework) as file:
            about = files.parse_json((file.metadata() or {}).get(_KEY, "null"), path)
            if not isinstance(about, dict) or "schema" not in about:
                raise RunError(f"{path} was not written by Recurra; expected a file of a run's folder")
            yield file, about
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}). {files.DAMAGED}") from error
