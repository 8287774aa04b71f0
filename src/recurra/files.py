"""Files that are never half written: a temporary file in the same folder, flushed to the disk, then renamed."""

import contextlib
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from recurra.errors import ConfigError, RunError

_DAMAGED = "Restore the file from a copy, or train again into another folder."
_KEY = "recurra"  # the one metadata entry: JSON with whatever is not a tensor


def check_place(path: str | Path) -> Path:
    """Where a file is to be written, before there is one. ConfigError where that is a folder, or its folder is none."""
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ConfigError(f"{path} cannot be written: there is no folder {path.parent}; make it, or name another file")
    special = path.exists() and not path.is_file()  # a device is written itself, a file is replaced in its folder
    if not os.access(path if special else path.parent, os.W_OK):
        raise ConfigError(f"{path} cannot be written: the folder {path.parent} allows no new files; name another")
    return path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A file to write in place of `path`, which becomes it when the block has ended well, and is gone when it has not.

    What is not a file, such as /dev/stdout, is written as it is; of a link, what it leads to is replaced.
    RunError where the folder cannot be written or the disk is full; the old file is then untouched.
    """
    path, target = Path(path), Path(os.path.realpath(path))
    special = target.exists() and not target.is_file()
    temporary = target if special else target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        try:
            yield temporary
            if not special:
                with open(temporary, "rb+") as file:
                    os.fsync(file.fileno())
                os.replace(temporary, target)
                _flush_folder(target.parent)
        except OSError as error:
            kept = " The one written before is intact." if path.is_file() else ""
            raise RunError(
                f"{path} could not be written: {error.strerror or error}.{kept} Free some space, or choose another folder."
            ) from error
    finally:
        if not special:
            with contextlib.suppress(OSError):  # gone already where all went well; without a folder there was none
                temporary.unlink()


def write(path: Path, content: bytes | str) -> None:
    """Put `content` in the file, whole or not at all, as `replacing` does."""
    with replacing(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def _flush_folder(folder: Path) -> None:
    # Makes the rename itself survive a power cut. Windows has no such call, and its renames are journalled.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Tensors and a JSON object as one safetensors file, whole or not at all."""
    write(path, pack(tensors, about))


def pack(tensors: dict[str, Tensor], about: dict[str, Any]) -> bytes:
    """The bytes of a safetensors file with `about` in its metadata."""
    tensors = {name: _own(tensor) for name, tensor in tensors.items()}
    return save(tensors, {_KEY: json.dumps(about | {"crc32": _sum(tensors, about)})})


def unpack(data: bytes) -> dict[str, Tensor]:
    """The tensors that `pack` packed."""
    return load(data)


def _sum(tensors: dict[str, Tensor], about: dict[str, Any]) -> int:
    # The format notices a file that was cut off, but not a bit that was turned over.
    total = zlib.crc32(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        total = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), total)
        if tensor.numel():
            total = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy(), total)
    return total


def _own(tensor: Tensor) -> Tensor:
    # The format has no views: a tensor that is part of a larger storage is written as a copy.
    tensor = tensor.detach().cpu().contiguous()
    return tensor.clone() if tensor.untyped_storage().nbytes() != tensor.nbytes else tensor


def read_tensors(path: Path, schema: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_tensors` wrote. `schema` is the value that `about["schema"]` must have, such as "state/1".

    Raises RunError, in one line, for a file that is missing, damaged, of another program or of another version.
    """
    if not path.is_file():
        raise RunError(f"{path} is missing. Is {path.parent} the folder of a run?")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(_KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}). {_DAMAGED}") from error
    if not isinstance(about, dict) or "schema" not in about:
        raise RunError(f"{path} was not written by Recurra; expected a file of a run's folder")
    if about["schema"] != schema:
        raise RunError(f"{path} has the format {about['schema']!r}; this version of Recurra reads {schema!r}")
    if about.pop("crc32", None) != _sum(tensors, about):
        raise RunError(f"{path} is damaged (its checksum differs). {_DAMAGED}")
    return tensors, about
