"""Settings as frozen dataclasses, described once.

A part's settings are a frozen dataclass with a sentence under each field. From that one source come the command
line's options, the table in the docs, the JSON in a run's folder and the checks on what a user passes.
"""

import ast
import dataclasses
import functools
import inspect
import json
import math
import numbers
import textwrap
import types
import typing
from typing import Any

from recurra.errors import ConfigError, nearest


@dataclasses.dataclass(frozen=True)
class Option:
    """One field of a settings class, as the command line, the docs and the checks see it."""

    name: str
    type: type
    default: Any
    help: str
    choices: tuple = ()
    optional: bool = False


@functools.cache
def options(cls: type) -> tuple[Option, ...]:
    """The fields of a settings class, in order: `options(TrainingConfig)[0].help` is the sentence under the field."""
    hints, sentences = typing.get_type_hints(cls), _sentences(cls)
    return tuple(_option(field, hints[field.name], sentences) for field in dataclasses.fields(cls))


def _option(field, hint, sentences) -> Option:
    parts = [t for t in typing.get_args(hint) if t is not types.NoneType]
    optional = isinstance(hint, types.UnionType) and len(parts) < len(typing.get_args(hint))
    hint = parts[0] if optional and len(parts) == 1 else hint
    choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
    kind = type(choices[0]) if choices else hint
    if field.name not in sentences:
        raise ConfigError(f"{field.name} has no sentence under it; write what it is, with its unit")
    return Option(field.name, kind, field.default, sentences[field.name], choices, optional)


def _sentences(cls: type) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in zip(body, body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def check(config: Any) -> None:
    """Raise ConfigError where a field's value has the wrong type or is not among its choices.

    Settings classes call this from `__post_init__`, then check ranges of their own. An int passes for a float, and a number
    of NumPy's, as searches over a grid give them, becomes one of Python's.
    """
    for option in options(type(config)):
        value = getattr(config, option.name)
        if isinstance(value, numbers.Real) and not isinstance(value, int | float):
            value = int(value) if isinstance(value, numbers.Integral) else float(value)
            object.__setattr__(config, option.name, value)
        if value is None and option.optional:
            continue
        if option.choices and value not in option.choices:
            raise ConfigError(f"`{option.name}` is {value!r}; {nearest(value, option.choices)}")
        kinds = (int, float) if option.type is float else (option.type,)
        wrong = isinstance(value, bool) and option.type is not bool
        if isinstance(option.type, type) and (wrong or not isinstance(value, kinds)):
            raise ConfigError(f"`{option.name}` is {value!r}; expected {option.type.__name__}")


def require(settings: Any, name: str, holds: bool, expected: str) -> None:
    """Raise ConfigError, with the value and what was expected, unless a setting's rule holds.

    Write the rule so that NaN breaks it: every comparison with NaN is false.
    """
    if not holds:
        raise ConfigError(f"`{name}` is {getattr(settings, name)!r}; expected {expected}")


def whole(name: str, value: Any, expected: str, least: int = 1, most: float = math.inf) -> int:
    """An argument that is a whole number, NumPy's too, as Python's: `beam = whole("beam", beam, "1 or more")`.

    ConfigError, with the value and what was expected, for all else.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not least <= value <= most:
        raise ConfigError(f"`{name}` is {value!r}; expected {expected}")
    return int(value)


def homes(parts: dict[str, type]) -> dict[str, str]:
    """Each setting's part, for settings in several classes that share no field's name: {"lr": "training", ...}."""
    return {option.name: part for part, cls in parts.items() for option in options(cls)}


def make_parts(parts: dict[str, type], values: dict[str, Any]) -> dict[str, Any]:
    """Settings objects by part, from values without parts: `make_parts(CONFIGS, {"lr": 1e-3})["training"].lr`.

    ConfigError for a setting that no part has (with the nearest), or a value that cannot be.
    """
    home = homes(parts)
    for name in values:
        if name not in home:
            raise ConfigError(f"`{name}` is not a setting; {nearest(name, home)}")
    return {
        part: make(cls, {name: value for name, value in values.items() if home[name] == part})
        for part, cls in parts.items()
    }


def make(cls: type, values: dict[str, Any]) -> Any:
    """Build a settings object from a dict, refusing unknown names with the nearest known one."""
    known = [option.name for option in options(cls)]
    for name in values:
        if name not in known:
            raise ConfigError(f"`{name}` is not a setting of {cls.__name__}; {nearest(name, known)}")
    return cls(**values)


def to_json(config: Any) -> str:
    """A settings object as JSON text; `from_json` reads it back."""
    return json.dumps(dataclasses.asdict(config), indent=2, ensure_ascii=False)


def from_json(cls: type, text: str) -> Any:
    """The settings object that `to_json` wrote; unknown names and wrong types are ConfigErrors."""
    return make(cls, json.loads(text))
