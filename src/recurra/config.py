"""Settings as frozen dataclasses, described once.

A part's settings are a frozen dataclass with a range beside each number's type and a sentence under each field:

    lr: Annotated[float, Range(above=0)] = 5e-3
    "Highest learning rate, per step."

From that one source come the command line's options, the table in the docs, the studio's form, the JSON in a run's folder
and the checks on what a user passes.
"""

import ast
import dataclasses
import functools
import inspect
import math
import numbers
import textwrap
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any

from recurra.errors import ConfigError, nearest, setting


@dataclasses.dataclass(frozen=True)
class Range:
    """The numbers that an option may be; of an option with several numbers, that each of them may be.

    `3 in Range(1, 8)`; least and most belong to the range, above and below do not. NaN and the infinities are in no range.
    also: a number outside it that is valid too, such as a 0 that means off. whole: from here on only whole numbers are valid.
    words: what an error says of it, with its ends at the braces: Range(1, words="{} tokens") is "1 or more tokens".
    form: the largest number that a form offers, and the studio takes, where the range itself has no end.
    """

    least: float | None = None
    most: float | None = None
    _: dataclasses.KW_ONLY
    above: float | None = None
    below: float | None = None
    also: float | None = None
    whole: float | None = None
    words: str = "{}"
    form: float | None = None

    def __contains__(self, number: float) -> bool:
        # Every comparison with NaN is false.
        return number == self.also or (
            -math.inf < number < math.inf
            and (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
            and (self.whole is None or number < self.whole or number == int(number))
        )

    @property
    def ends(self) -> str:
        """The range as the help shows it: "1 or more", "0 to below 1"."""
        least, most, above, below = map(_digits, (self.least, self.most, self.above, self.below))
        if least and most:
            ends = f"{least} to {most}"
        elif above and below:
            ends = f"between {above} and {below}"
        elif least and below:
            ends = f"{least} to below {below}"
        elif least:
            ends = f"{least} or more"
        else:
            low = above and f"{'above' if most else 'more than'} {above}"
            high = f"at most {most}" if most else below and f"below {below}"
            ends = " and ".join(filter(None, (low, high)))
        return ends if self.also is None else f"{_digits(self.also)}, or {ends}"

    @property
    def form_ends(self) -> tuple[float | None, float | None]:
        """The smallest and the largest number that a form offers; None: no such end."""
        low = [end for end in (self.least, self.above, self.also) if end is not None]
        high = [end for end in (self.form, self.most, self.below) if end is not None]
        return min(low, default=None), min(high, default=None)

    def __str__(self) -> str:
        return self.words.format(self.ends)


@dataclasses.dataclass(frozen=True)
class Reads:
    """How an option's value is read, beside its type: `Annotated[str, Reads(name)]` stores what `name(value)` gives."""

    read: Callable[[Any], Any]


def _digits(number: float | None) -> str:
    if number is None:
        return ""
    bits = int(number).bit_length()
    if bits > 32 and number == 2**bits - 1:
        return f"2**{bits} - 1"
    return f"{number:,}" if isinstance(number, int) and number > 9999 else f"{number:.12g}"


LARGEST = 2**53 - 1
"""The largest whole number of an option whose range has no end: JSON keeps it exact, and multiplied it still fits 64 bits."""
Count = Annotated[int, Range(1)]
"""A whole number, 1 or more."""
Fraction = Annotated[float, Range(0, below=1, words="a fraction, {}")]
"""A part of a whole that is never all of it, such as a dropout rate."""
HeldOut = Annotated[float, Range(0, whole=1, words="a fraction below 1, or a whole number of examples, {}")]
"""What is held out of the data: a fraction of the examples, or how many of them (1 or more); 0 = none."""


@dataclasses.dataclass(frozen=True)
class Option:
    """One field of a settings class, as the command line, the docs and the checks see it."""

    name: str
    type: type
    default: Any
    help: str
    choices: tuple = ()
    optional: bool = False
    range: Range | None = None
    read: Callable[[Any], Any] | None = None


@functools.cache
def options(cls: type) -> tuple[Option, ...]:
    """The fields of a settings class, in order: `options(TrainingConfig)[0].help` is the sentence under the field."""
    hints, sentences = typing.get_type_hints(cls, include_extras=True), _sentences(cls)
    return tuple(_option(field, hints[field.name], sentences) for field in dataclasses.fields(cls))


def _option(field, hint, sentences) -> Option:
    hint, limits, reads = _unwrapped(hint)
    parts = [t for t in typing.get_args(hint) if t is not types.NoneType]
    optional = typing.get_origin(hint) in (types.UnionType, typing.Union) and len(parts) < len(typing.get_args(hint))
    if optional and len(parts) == 1:
        hint, *inner = _unwrapped(parts[0])
        limits, reads = limits or inner[0], reads or inner[1]
    choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
    kind = type(choices[0]) if choices else hint
    if field.name not in sentences:
        raise ConfigError(f"{field.name} has no sentence under it; write what it is, with its unit")
    return Option(
        field.name, kind, field.default, sentences[field.name], choices, optional, limits, reads and reads.read
    )


def _unwrapped(hint) -> tuple[Any, Range | None, Reads | None]:
    """Annotated[int, Range(1)] → int, the range, and how it is read."""
    if typing.get_origin(hint) is not Annotated:
        return hint, None, None
    kind, *facts = typing.get_args(hint)
    limits, reads = (next((fact for fact in facts if isinstance(fact, one)), None) for one in (Range, Reads))
    return kind, limits, reads


def _sentences(cls: type) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in zip(body, body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def check(config: Any) -> None:
    """Raise ConfigError if a field's value has the wrong type, is not among its choices or not in its range.

    Settings classes call this from `__post_init__`, then check what binds several fields. An int passes for a float, and a
    number of NumPy's, as searches over a grid give them, becomes one of Python's.
    """
    for option in options(type(config)):
        value = getattr(config, option.name)
        plain = tuple(map(_plain, value)) if isinstance(value, tuple) else _plain(value)
        plain = option.read(plain) if option.read and plain is not None else plain
        if plain is not value:
            object.__setattr__(config, option.name, plain)
        check_value(option, plain)


def check_value(option: Option, value: Any) -> None:
    """Raise ConfigError unless an option may have this value."""
    if value is None and option.optional:
        return
    if option.choices and value not in option.choices:
        raise ConfigError(f"{setting(option.name)} is {shown(value)}; {nearest(value, option.choices)}")
    if not _is_a(option.type, value):
        raise ConfigError(f"{setting(option.name)} is {shown(value)}; expected {_type_words(option)}")
    numbers_ = [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, int | float)]
    if option.range and not all(number in option.range for number in numbers_):
        finite = ", and finite" * any(abs(number) == math.inf for number in numbers_)
        raise ConfigError(f"{setting(option.name)} is {shown(value)}; expected {option.range}{finite}")
    endless = option.type is not float and not (option.range and option.range.most)
    if endless and any(isinstance(number, int) and abs(number) > LARGEST for number in numbers_):
        raise ConfigError(f"{setting(option.name)} is {shown(value)}; expected at most {_digits(LARGEST)}")


def shown(value: Any) -> str:
    """A value in an error, cut where it is long; Python itself refuses to write a number of 4,300 digits."""
    if isinstance(value, int) and value.bit_length() > 300:
        return "too large" if value > 0 else "too small"
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _plain(value: Any) -> Any:
    if isinstance(value, numbers.Real) and not isinstance(value, int | float):
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    return value


def _is_a(kind: Any, value: Any) -> bool:
    if typing.get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_is_a(typing.get_args(kind)[0], item) for item in value)
    if isinstance(kind, types.UnionType):
        return any(_is_a(one, value) for one in typing.get_args(kind))
    if isinstance(value, bool) and kind is not bool:
        return False
    return isinstance(value, (int, float) if kind is float else kind)


def _type_words(option: Option) -> str:
    if typing.get_origin(option.type) is tuple:
        return str(option.range) if option.range else f"several values, each {typing.get_args(option.type)[0].__name__}"
    return getattr(option.type, "__name__", str(option.type))


def require(settings: Any, name: str, holds: bool, expected: str) -> None:
    """Raise ConfigError, with the value and what was expected, unless a setting's rule holds.

    Write the rule so that NaN breaks it: every comparison with NaN is false.
    """
    if not holds:
        raise ConfigError(f"{setting(name)} is {shown(getattr(settings, name))}; expected {expected}")


def whole(name: str, value: Any, expected: str | None = None, least: int = 1, most: int = LARGEST, of: str = "") -> int:
    """An argument that is a whole number, NumPy's too, as Python's: `beam = whole("beam", beam, "1 or more")`.

    expected: words for what is allowed; default "a whole number, `least` or more". of: whose argument it is, for the message.
    ConfigError, with the value and what was expected, for all else.
    """
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or not least <= value <= most:
        owner = f"{of}: " if of else ""
        expected = expected or f"a whole number, {least} or more"
        words = f"at most {_digits(LARGEST)}" if is_whole and value > most == LARGEST else expected
        raise ConfigError(f"{owner}{setting(name)} is {shown(value)}; expected {words}")
    return int(value)


def homes(parts: dict[str, type]) -> dict[str, str]:
    """Each setting's part, for settings in several classes without a common field name: {"lr": "training", ...}."""
    return {option.name: part for part, cls in parts.items() for option in options(cls)}


def make_parts(parts: dict[str, type], values: dict[str, Any]) -> dict[str, Any]:
    """Settings objects by part, from values without parts: `make_parts(CONFIGS, {"lr": 1e-3})["training"].lr`.

    ConfigError for a setting that no part has (with the nearest), or an invalid value.
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
