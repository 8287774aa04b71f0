"""Write the pages that are made from the code: every setting, every command's help, every cell's equations.

python docs/make_reference.py            writes docs/reference/*.md; a test fails where they are out of date
"""

import inspect
import textwrap
from pathlib import Path

import click

from recurra import cells
from recurra.cli.frame import group
from recurra.config import options
from recurra.generation import GenerationConfig
from recurra.tasks.language.config import CONFIGS, PRESETS

FOLDER = Path(__file__).parent / "reference"
TITLES = {"text": "Text", "data": "Data", "model": "Model", "training": "Training", "generation": "Generation"}


def settings() -> str:
    """The tables of settings, from the dataclasses."""
    lines = ["# Settings", "", "Made from the code. In Python by these names, as options with `-` for `_`."]
    for name, cls in (CONFIGS | {"generation": GenerationConfig}).items():
        lines += ["", f"## {TITLES[name]}", "", inspect.getdoc(cls), "", "| name | default | what |", "|---|---|---|"]
        for option in options(cls):
            choices = f" One of: {', '.join(map(str, option.choices))}." if option.choices else ""
            default = "" if option.default is None else f"`{option.default}`".replace("``", "")
            lines.append(f"| `{option.name}` | {default} | {option.help}{choices} |".replace("\n", " "))
    lines += ["", "## Presets", "", "| preset | sets |", "|---|---|"]
    for name, values in PRESETS.items():
        lines.append(f"| `{name}` | {', '.join(f'`{k}={v}`' for k, v in values.items()) or 'the defaults above'} |")
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Every command's help, as the terminal shows it."""
    lines = ["# Commands", "", "Made from `recurra COMMAND --help`."]
    for name in (None, *group.list_commands(click.Context(group))):
        command = group if name is None else group.get_command(click.Context(group), name)
        title = "recurra" if name is None else f"recurra {name}"
        wide = {"terminal_width": 100, "max_content_width": 100}
        context = click.Context(command, info_name=title, **command.context_settings | wide)
        lines += ["", f"## {title}", "", "```text", command.get_help(context).rstrip(), "```"]
    return "\n".join(lines) + "\n"


def equations() -> str:
    """Every cell: its equations and conventions, and its step."""
    lines = ["# Cells", "", "Made from the files in `recurra/cells`: the text above each, and its step."]
    for name in cells.names():
        cell = cells.get(name)
        module = inspect.getmodule(type(cell))
        lines += ["", f"## `{name}`", "", "```text", inspect.getdoc(module), "```", ""]
        lines += [f"Gates: `{cell.gates}`. States: `{cell.states}`.", "", "```text"]
        lines += [textwrap.dedent(inspect.getsource(type(cell).step)).rstrip(), "```"]
    return "\n".join(lines) + "\n"


PAGES = {"settings.md": settings, "commands.md": commands, "cells.md": equations}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
        print(FOLDER / name)
