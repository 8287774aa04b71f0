"""Write the pages that are made from the code: every setting, every command's help, every cell's equations.

python docs/make_reference.py            writes docs/reference/*.md; a test fails where they are out of date
"""

import importlib
import inspect
import textwrap
from dataclasses import is_dataclass
from pathlib import Path

import click

from recurra import cells, expr
from recurra.cli.frame import group
from recurra.config import options
from recurra.expr.compile import generate
from recurra.expr.elementwise import ELEMENTWISE
from recurra.expr.operation import CHEAP, COSTLY, MIDDLE
from recurra.expr.text import aligned
from recurra.expr.text import equations as compiled
from recurra.expr.trace import trace
from recurra.fitting.space import Between, Space
from recurra.generation import GenerationConfig
from recurra.studio.settings import Limits
from recurra.tasks import TASKS
from recurra.tasks.forecasting import config as forecasting
from recurra.tasks.language.config import CONFIGS, PRESETS, SEARCH
from recurra.tasks.sequences import config as sequences

FOLDER = Path(__file__).parent / "reference"
TITLES = {"text": "Text", "data": "Data", "model": "Model", "training": "Training", "generation": "Generation"}
SHARED = ("sequences", "memory")
"""Packages under recurra.tasks with settings that are no task of the table."""
NAMES = "Made from the code. In Python by these names, as options with `-` for `_`."


def settings() -> str:
    """The tables of settings, from the dataclasses."""
    lines = ["# Settings of language models", "", NAMES]
    for name, cls in (CONFIGS | {"generation": GenerationConfig}).items():
        lines += ["", f"## {TITLES[name]}", "", *table(cls)]
    lines += ["", "## Presets", "", "| preset | sets |", "|---|---|"]
    for name, values in PRESETS.items():
        lines.append(f"| `{name}` | {', '.join(f'`{k}={v}`' for k, v in values.items()) or 'the defaults above'} |")
    return "\n".join([*lines, "", "## Searched by `tune`", "", *searched(SEARCH)]) + "\n"


def searched(space: Space) -> list[str]:
    """A table of settings to search, a row each."""
    lines = ["| setting | tried |", "|---|---|"]
    for name, kind in space.items():
        if isinstance(kind, Between):
            how = f"multiples of {kind.step}" if kind.step else "any number"
            tried = f"{kind.least:g} to {kind.most:g}, {how}, {'evenly' if kind.even else 'evenly in the logarithm'}"
        else:
            tried = ", ".join(f"`{choice}`" for choice in kind)
        lines.append(f"| `{name}` | {tried} |")
    return lines


def table(cls: type) -> list[str]:
    """A settings class: its sentence, then a row for each of its fields."""
    lines = [inspect.getdoc(cls), "", "| name | default | range | what |", "|---|---|---|---|"]
    for option in options(cls):
        choices = f" One of: {', '.join(map(str, option.choices))}." if option.choices else ""
        default = "" if option.default is None else f"`{option.default}`".replace("``", "")
        ends = option.range.ends if option.range else ""
        lines.append(f"| `{option.name}` | {default} | {ends} | {option.help}{choices} |".replace("\n", " "))
    return lines


def tasks() -> str:
    """The settings of the other tasks, and of the studio."""
    lines = ["# Settings of the other tasks", "", NAMES]
    lines += [
        "",
        "All take [the settings of training](settings.md#training) too, some from other values than written there.",
    ]
    for name in sorted({one.package for one in TASKS if one.package != "language"} | set(SHARED)):
        module = importlib.import_module(f"recurra.tasks.{name}.config")
        own = [cls for cls in vars(module).values() if is_dataclass(cls) and cls.__module__ == module.__name__]
        lines += ["", f"## {name.capitalize()}"]
        for cls in own:
            lines += ["", f"### {cls.__name__}", "", *table(cls)]
        changed = ", ".join(f"`{key}={value}`" for key, value in module.DEFAULTS.items())
        lines += ["", f"Training starts from: {changed}."]
    lines += ["", "## Searched by `tune`", "", "Of classifier, tagger and regressor:", "", *searched(sequences.SEARCH)]
    lines += ["", "Of a forecaster:", "", *searched(forecasting.SEARCH), ""]
    lines += ["Of a language model: [there](settings.md#searched-by-tune)."]
    return "\n".join([*lines, "", "## Studio", "", *table(Limits)]) + "\n"


def commands() -> str:
    """Every command's help, as the terminal shows it."""
    lines = ["# Commands", "", "Made from `recurra COMMAND --help`."]
    found = {"recurra": group}
    for name in group.list_commands(click.Context(group)):
        found[f"recurra {name}"] = command = group.get_command(click.Context(group), name)
        found |= {f"recurra {name} {part}": one for part, one in getattr(command, "commands", {}).items()}
    for title, command in found.items():
        wide = {"terminal_width": 100, "max_content_width": 100}
        context = click.Context(command, info_name=title, **command.context_settings | wide)
        lines += ["", f"## {title}", "", "```text", command.get_help(context).rstrip(), "```"]
    return "\n".join(lines) + "\n"


def equations() -> str:
    """Every cell: its text and conventions, its step, and the equations that the compiler reads in it."""
    lines = [
        "# Cells",
        "",
        "Made from the files in `recurra/cells`: the text above each, its step, and the equations that",
    ]
    lines += [
        "the compiler reads in it (`recurra show CELL`). A prime marks a state after the step; `x.i` is the gate's part"
    ]
    lines += ["of W_x x + b_x, `h.i` of W_h h + b_h."]
    lines += ["", "| cell | what it is | when to pick it |", "|---|---|---|"]
    for name in cells.names():
        lesson = cells.get(name).lesson
        lines.append(f"| [`{name}`](#{name}) | {lesson.summary} | {lesson.pick} |")
    for name in cells.names():
        cell = cells.get(name)
        module = inspect.getmodule(type(cell))
        lines += ["", f"## `{name}`", "", "```text", inspect.getdoc(module), "```", ""]
        given = f" Given at each step: `{cell.given}`." if cell.given else ""
        lines += [f"Gates: `{cell.gates}`. States: `{cell.states}`.{given}", ""]
        lines += [f"- `{gate}`: {does}" for gate, does in cell.lesson.gates.items()]
        lines += ["", "```text"]
        lines += [textwrap.dedent(inspect.getsource(type(cell).step)).rstrip(), "```", ""]
        lines += ["```text", aligned(compiled(trace(cell, names=True))), "```", ""]
        lines += [f"Training keeps {_kept(generate(cell).keep)}."]
    return "\n".join(lines) + "\n"


COSTS = {CHEAP: "next to nothing: computed again", MIDDLE: "a division or a root: sometimes kept", COSTLY: "kept"}


def operations() -> str:
    """Every function that a step may call: what it gives, what PyTorch calls it, what training keeps of it."""
    lines = [
        "# Operations",
        "",
        "Made from the table in `recurra/expr/elementwise.py`. Besides these a step writes `+ - * / %`, whole powers,",
        "comparisons, `& | ~` between them: [what a cell can say](../guide/cell-language.md).",
        "",
        "| function | gives | PyTorch's words for it | for the gradient |",
        "|---|---|---|---|",
    ]
    for row in sorted(ELEMENTWISE.values(), key=lambda row: row.name):
        arguments = str(inspect.signature(getattr(expr, row.name)))[1:-1]
        words = sorted({row.torch.rpartition(".")[2] or row.name, *row.names.split()})
        table = ", ".join(f"`{word}`" for word in words)
        lines.append(f"| `{row.name}({arguments})` | {row.says} | {table} | {COSTS[row.cost]} |")
    lines += ["", "Formulas of these:", "", "| function | gives |", "|---|---|"]
    for name in sorted({*expr.__all__} - {*ELEMENTWISE}):
        function = getattr(expr, name)
        table = inspect.getdoc(function).splitlines()[0]
        form = f"{name}{inspect.signature(function)}".replace("|", "\\|")
        lines.append(f"| `{form}` | {table} |")
    return "\n".join(lines) + "\n"


def _kept(keep) -> str:
    units, rows = ([f"`{one.name}`" for one in keep if one.per_unit == per_unit] for per_unit in (True, False))
    more = f", and {len(rows)} numbers per row" if rows else ""
    return f"{', '.join(units)} of each unit and step{more}"


PAGES = {
    "settings.md": settings,
    "tasks.md": tasks,
    "commands.md": commands,
    "cells.md": equations,
    "operations.md": operations,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
        print(FOLDER / name)
