"""What a page has to know before its first request: the version, the machine, the cells, the forms, the corpora."""

import inspect
import os
import platform
import sys
from pathlib import Path
from typing import Any

import recurra
from recurra import cells, config
from recurra.data.corpora import corpora
from recurra.errors import TraceError
from recurra.expr.text import aligned, equations
from recurra.expr.trace import trace
from recurra.studio import words
from recurra.studio.settings import MINUTES, PRESET, Limits, known
from recurra.studio.shapes import GENERATION
from recurra.tasks.language.config import PRESETS, settings


def about(limits: Limits, threads: int) -> dict[str, Any]:
    """All of it, as GET /api/about returns it. threads: those that training takes."""
    return {
        "version": recurra.__version__,
        "machine": {"cores": os.cpu_count(), "threads": threads, "name": _processor()},
        "limits": {option.name: getattr(limits, option.name) for option in config.options(type(limits))},
        "cells": [cell(name) for name in cells.names()],
        "corpora": [{"name": c.name, "about": c.about, "here": c.embedded or c.local() is not None} for c in corpora()],
        "presets": PRESETS,
        "form": _form(words.TRAINING, known()),
        "generation_form": _form(words.WRITING, {option.name: option for option in GENERATION}),
        "defaults": _flat("default"),
        "studio_defaults": {"preset": PRESET} | _flat(PRESET) | {"minutes": MINUTES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:  # no Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def cell(name: str) -> dict[str, Any]:
    """What a learner sees of a cell: its equations are read from its step."""
    found = cells.get(name)
    lesson = found.lesson or _from_docstring(name, found)
    built_in = name in cells.built_in()
    return {
        "name": name,
        "title": lesson.title,
        "summary": lesson.summary,
        "states": list(found.state_names),
        "given": list(found.call_names),
        "gates": [{"name": gate, "does": lesson.gates.get(gate, "")} for gate in found.gate_names],
        "equations": _equations(found),
        "source": _source(found) if built_in else None,
        "pick": lesson.pick,
        "from": "built-in" if built_in else Path(cell_file(found)).name,
    }


def _from_docstring(name: str, found: cells.Cell) -> cells.Lesson:
    first = (type(found).__doc__ or "A cell of your own.").strip().split("\n\n")[0]
    gates = dict.fromkeys(found.gate_names, "as its equations say")
    return cells.Lesson(
        name, " ".join(first.split()), gates, "A cell of your own: compare it with the others on your text."
    )


def _equations(found: cells.Cell) -> list[str]:
    try:
        return aligned(equations(trace(found, names=True))).splitlines()
    except TraceError as error:
        return [f"not to be shown as equations: {error}"]


def _source(found: cells.Cell) -> str:
    """The last paragraph of the cell's file says where it is from."""
    return " ".join((inspect.getdoc(sys.modules[type(found).__module__]) or "").split("\n\n")[-1].split())


def cell_file(found: cells.Cell) -> str:
    """The file that a user's cell was written in."""
    return type(found).step.__code__.co_filename


def own_cell_files() -> list[str]:
    """The files of all cells that are not built in: a training process has to run them too."""
    return list(dict.fromkeys(cell_file(cells.get(name)) for name in cells.names() if name not in cells.built_in()))


def _flat(preset: str) -> dict[str, Any]:
    parts = settings(preset).values()
    return {o.name: getattr(part, o.name) for part in parts for o in config.options(type(part)) if o.name in known()}


def _form(groups: dict[str, dict[str, str]], options: dict[str, config.Option]) -> list[dict[str, Any]]:
    """The fields of a form, group by group."""
    return [_field(options[name], group, label) for group, fields in groups.items() for name, label in fields.items()]


def _field(option: config.Option, group: str, label: str) -> dict[str, Any]:
    """A setting as a form's field; of group "" where it stands in no form."""
    choices = {"cell": cells.names(given=False), "init": ("recommended", "torch")}.get(option.name, option.choices)
    kind = "choice" if choices else getattr(option.type, "__name__", "str")
    kind = "float" if option.name == "temperature" else kind
    field = {
        "name": option.name,
        "label": label,
        "group": group,
        "type": kind if kind in ("int", "float", "bool", "str", "choice") else "str",
        "default": list(option.default) if isinstance(option.default, tuple) else option.default,
        "choices": list(choices),
        "help": words.help_in_words(" ".join(option.help.split())),
        "optional": option.optional,
    }
    if field["type"] in ("int", "float"):
        field["min"], field["max"] = option.range.form_ends if option.range else (None, None)
    return field
