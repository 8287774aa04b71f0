"""What a task learns from its data beside the weights, in a run's folder: vocabularies as files, the rest in config.json.

It is a dataclass, `Learned` of the task. Its fields may be vocabularies (source: Vocabulary → source.json), parts that are
files of their own (`Filed`), arrays, numbers, texts, lists of those and other dataclasses.
"""

import dataclasses
import types
import typing
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import numpy as np

from recurra.errors import RecurraError, RunError
from recurra.fitting import folders
from recurra.text import Vocabulary


@dataclasses.dataclass(frozen=True)
class Nothing:
    """Of a task that learns nothing but weights."""


class Filed(ABC):
    """A part of `Learned` that is too large for config.json: a file in the run's folder, named as its field."""

    @abstractmethod
    def write(self, path: Path) -> None:
        """Write it, whole or not at all. path: the folder and the field's name, to which an ending is added."""

    @classmethod
    @abstractmethod
    def read(cls, path: Path) -> Self:
        """What `write` wrote. RunError, in one line, if it is missing or damaged."""


def write(learned: Any, folder: Path) -> dict[str, Any]:
    """Write the parts of `learned` that are files into a folder; the rest of it as JSON holds it, for config.json."""
    content = {}
    for field in dataclasses.fields(learned):
        value = getattr(learned, field.name)
        if isinstance(value, Vocabulary):
            folders.write_vocabulary(folder, value, f"{field.name}.json")
        if isinstance(value, Filed):
            value.write(folder / field.name)
        content[field.name] = _packed(value)
    return content


def read(cls: type, content: Any, folder: Path) -> Any:
    """What `write` wrote, as an object of `cls`. RunError, in one line, if it is damaged."""
    try:
        return _unpacked(cls, content, folder)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, RunError):
            raise
        what = str(error) if isinstance(error, RecurraError) or type(error) is ValueError else repr(error)
        raise RunError(
            f"{folder / folders.CONFIG} is damaged: {what}. Restore it from a copy, or train again"
        ) from error


def _packed(value: Any) -> Any:
    if isinstance(value, Vocabulary | Filed):
        return True
    if dataclasses.is_dataclass(value):
        return {field.name: _packed(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        dtype = "O" if value.dtype == object else value.dtype.str
        return {"dtype": dtype, "values": value.tolist()}
    if isinstance(value, list | tuple):
        return [_packed(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def _unpacked(kind: Any, value: Any, folder: Path, name: str = "") -> Any:
    if isinstance(kind, types.UnionType):
        if value is None and types.NoneType in typing.get_args(kind):
            return None
        kinds = [one for one in typing.get_args(kind) if one is not types.NoneType]
        return _unpacked(kinds[0], value, folder, name) if len(kinds) == 1 else value
    if isinstance(kind, type) and issubclass(kind, Vocabulary):
        return folders.read_vocabulary(folder, f"{name}.json")
    if isinstance(kind, type) and issubclass(kind, Filed):
        return kind.read(folder / name)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        needed = {field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING}
        if not isinstance(value, dict) or not needed <= value.keys() <= hints.keys():
            raise ValueError(f"expected {', '.join(hints)}, not {_short(value)}")
        return kind(**{one: _unpacked(hints[one], part, folder, one) for one, part in value.items()})
    if kind is np.ndarray:
        return np.array(value["values"], dtype=np.dtype(value["dtype"]))
    if typing.get_origin(kind) in (tuple, list):
        if not isinstance(value, list):
            raise ValueError(f"`{name}` is {_short(value)}")
        parts = typing.get_args(kind)
        kinds = [parts[0]] * len(value) if len(parts) == 1 or parts[-1] is ... else parts
        return typing.get_origin(kind)(_unpacked(k, v, folder, name) for k, v in zip(kinds, value, strict=True))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and (not isinstance(value, kind) or isinstance(value, bool) != (kind is bool)):
        raise ValueError(f"`{name}` is {_short(value)}; expected {kind.__name__}")
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
