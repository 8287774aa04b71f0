"""Settings classes → options of a command: a flag wins over a file, a file over a preset, a preset over the default."""

import json
import re
import shlex
import tomllib
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from recurra import config
from recurra.errors import ConfigError, DataError, Setting
from recurra.paths import expanded, named
from recurra.training.config import with_lengths

_CONFIG = 1 << 24  # bytes of a file of settings


def as_option(one: Setting) -> str:
    """A setting in an error as the terminal has it: --top-p, --mode windows, --no-bidirectional."""
    flag = "--" + one.name.replace("_", "-")
    if one.literal in ("True", "False"):
        return flag if one.literal == "True" else f"--no-{flag[2:]}"
    return f"{flag} {shlex.quote(one.value)}" if one.literal else flag


class _Setting(click.Option):
    """An option made from a field of a settings class. Not given is None, whatever the default: a file may set it.

    commas: an option that may be given several times takes several values at once too, with commas between: 7,14.
    """

    def __init__(self, option: config.Option, section: str, start: Any, commas: bool):
        flag = "--" + option.name.replace("_", "-")
        several = typing.get_origin(option.type) is tuple
        switch = option.type is bool
        super().__init__(
            [f"{flag}/--no-{flag[2:]}" if switch else flag, option.name],
            type=None if switch else _Listed(_type(option)) if several and commas else _type(option),
            default=None,
            multiple=several,
            help=_help(option, start),
        )
        self.section = section

    def type_cast_value(self, ctx, value):
        value = super().type_cast_value(ctx, value)
        return sum(value or (), ()) if isinstance(self.type, _Listed) else value


class _Listed(click.ParamType):
    """One value of a setting that has several, or several with commas between."""

    def __init__(self, kind: Any):
        self.kind = click.types.convert_type(kind)
        self.name = self.kind.name

    def convert(self, value, param, ctx):
        return tuple(self.kind.convert(part.strip(), param, ctx) for part in value.split(","))


def _type(option: config.Option) -> Any:
    if option.choices:
        return click.Choice([str(c) for c in option.choices])
    if isinstance(option.type, types.UnionType):
        return _Either(typing.get_args(option.type))
    arguments = typing.get_args(option.type)
    return arguments[0] if arguments else option.type


class _Either(click.ParamType):
    """The first of several types that the text can be: float | str gives 0.8 or "1.0:0.5"."""

    name = "value"

    def __init__(self, kinds):
        self.kinds = kinds

    def convert(self, value, param, ctx):
        for kind in self.kinds:
            try:
                return kind(value)
            except ValueError:
                continue
        self.fail(f"{value!r} is none of: {', '.join(kind.__name__ for kind in self.kinds)}", param, ctx)


def _help(option: config.Option, start: Any) -> str:
    # `top_p` is --top-p here.
    sentence = re.sub(r"`(\w+)`", lambda m: "--" + m[1].replace("_", "-"), " ".join(option.help.split()))
    facts = [] if start in (None, (), "") else [f"default: {('off', 'on')[start] if option.type is bool else start}"]
    facts += [option.range.ends] if option.range else []
    return f"{sentence}  [{'; '.join(facts)}]" if facts else sentence


def settings_options(
    sections: dict[str, type],
    defaults: Mapping[str, Any] = MappingProxyType({}),
    leave_out: Collection[str] = (),
    commas: bool = False,
) -> Callable:
    """Add the options of settings classes to a command, by section of its help: {"Training": TrainingConfig}.

    defaults: where the task starts from another value than the class, for the help. leave_out: fields without an option.
    commas: options with several values take them with commas between too, --lags 7,14.
    """

    def add(function):
        fields = [(one, title) for title, cls in sections.items() for one in config.options(cls)]
        fields = [(one, title) for one, title in fields if one.name not in leave_out]
        made = [_Setting(one, title, defaults.get(one.name, one.default), commas) for one, title in fields]
        # Decorators are read from below, and so are click's parameters.
        function.__click_params__ = [*getattr(function, "__click_params__", []), *reversed(made)]
        return function

    return add


class UserPath(click.Path):
    """A path as `paths.expanded` reads it: `--out=~/runs/a` reaches a command with its tilde."""

    def __init__(self, **rules: Any):
        super().__init__(path_type=Path, **rules)

    def convert(self, value, parameter, context):
        try:
            return super().convert(expanded(value), parameter, context)
        except ConfigError as error:
            self.fail(error.written(as_option), parameter, context)


class Source(click.ParamType):
    """What a command reads: a file, a folder or what else it takes, as text; with ~ as the home folder."""

    name = "text"

    def convert(self, value, parameter, context):
        try:
            return named(value)
        except ConfigError as error:
            self.fail(error.written(as_option), parameter, context)


class NewFile(UserPath):
    """The path of an output file. One that Recurra could not write to is refused before any work starts."""

    def __init__(self):
        super().__init__(dir_okay=False)

    def convert(self, value, parameter, context):
        from recurra.files import check_place

        if value == "-":
            self.fail("- names no file; give one, or leave the option out", parameter, context)
        try:
            return check_place(super().convert(value, parameter, context))
        except ConfigError as error:
            self.fail(error.written(as_option), parameter, context)


def spare(to: Path | None, sources: Iterable[str | Path]) -> None:
    """Refuse to write over what is read, before any work: UsageError if `to` is one of the files in `sources`."""
    if to is None or not to.is_file():
        return
    for source in map(Path, sources):
        if source.is_file() and to.samefile(source):
            raise click.UsageError(f"--to {to} is a file that is read, and would be lost; name another")


config_option = click.option(
    "--config",
    "file",
    type=UserPath(),
    help="Settings from a .json or .toml file; options win over it.",
)


def given(values: dict[str, Any], classes: list[type], file: Path | None = None) -> dict[str, Any]:
    """The settings that the user gave, by field: from the file, then from the options in `values`.

    ConfigError for a file that is unreadable, or that has a setting the classes do not.
    """
    known = [option.name for cls in classes for option in config.options(cls)]
    settings = read_settings(file, known) if file else {}
    return with_lengths(settings, {name: values[name] for name in known if values.get(name) not in (None, ())})


def read_settings(file: Path, known: list[str]) -> dict[str, Any]:
    """The settings in a JSON or TOML file, flat or in sections: {"training": {"lr": 0.001}} is {"lr": 0.001}."""
    from recurra import files

    kind, parse = ("TOML", tomllib.loads) if file.suffix == ".toml" else ("JSON", json.loads)
    try:
        with files.source(file, most=_CONFIG) as opened:
            text = opened.read()
    except DataError as error:
        raise ConfigError(f"--config: {error.marked}") from error
    with files.decoding(f"--config {file}", f"{kind} file", ConfigError):
        content = parse(text.decode("utf-8"))
    if isinstance(content, dict) and "schema" in content:  # a run's config.json, which says more than settings
        content = content.get("settings")
    if not isinstance(content, dict):
        found = "no settings" if content is None else f"a {type(content).__name__}"
        raise ConfigError(f"--config {file} holds {found}; expected settings by name")
    flat = {}
    for name, value in content.items():
        flat |= value if isinstance(value, dict) else {name: value}
    settings = {name.replace("-", "_"): value for name, value in flat.items()}
    for name in settings:
        if name not in known:
            raise ConfigError(f"--config {file}: `{name}` is not a setting; {config.nearest(name, known)}")
    return settings
