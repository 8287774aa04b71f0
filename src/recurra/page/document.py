"""The page as one file: HTML, styles, modules, the WebAssembly module and a model, with a policy that allows nothing else.

JavaScript modules stay files that a browser or Node can load as they are, but for operations.js, which is made; here each
becomes a function that gives its exports, in the order in which they need each other. The module and the model are packed
(gzip, base64).
"""

import base64
import contextlib
import gzip
import hashlib
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import recurra
from recurra.cells.base import Cell
from recurra.errors import ConfigError, TraceError
from recurra.expr.compile import generate
from recurra.page import module, operations
from recurra.page.equations import equations

STATIC = Path(__file__).parent / "static"
STUDIO = Path(__file__).parents[1] / "studio" / "static"
STYLES = (STUDIO / "css/base.css", STUDIO / "css/parts.css", STUDIO / "css/cell.css", STATIC / "page.css")
_IMPORT = re.compile(r'^import (?:\{([^}]*)\}|\* as (\w+)) from "([^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (async function|function|class|const|let) ([\w$]+)", re.MULTILINE)


def document(
    cells: dict[str, Cell], model: dict[str, bytes] | None = None, title: str = "Recurra: write like this"
) -> str:
    """The page's HTML. cells: by name, those it can learn with. model: the files of one that it holds, by name.

    ConfigError if one of the cells does not compile, or the compiler for browsers is not installed.
    """
    held = module.enclosing(cells)
    code, places = module.module(list(held.values())), list(held)
    files = {name: base64.b64encode(content).decode() for name, content in (model or {}).items()}
    worker, script = bundle(STATIC / "worker.js"), bundle(STATIC / "page.js")
    style = "\n".join(path.read_text("utf-8") for path in STYLES)
    about = {
        "version": recurra.__version__,
        "cells": {name: facts(name, cell, places.index(name)) for name, cell in cells.items()},
    }
    parts = {
        "POLICY": policy(script, style),
        "TITLE": html.escape(title),
        "VERSION": recurra.__version__,
        "STYLE": style,
        "MODULE": packed(code),
        "FACTS": embedded(json.dumps(about)),
        "EQUATIONS": packed(json.dumps(_drawn(cells)).encode()),
        "MODEL": packed(json.dumps(files).encode()) if files else "",
        "WORKER": embedded(worker),
        "SCRIPT": script,
    }
    page = (STATIC / "page.html").read_text("utf-8")
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda match: parts[match[1]], page)


def facts(name: str, cell: Cell, index: int) -> dict[str, Any]:
    """What the page must know of a cell: see static/model.js."""
    meta = generate(cell).meta
    forget = {cell.forget: 1.0} if cell.forget in meta.x_gates else {}
    starts = forget | {gate: start for gate, start in cell.starts.items() if isinstance(start, int | float)}
    return {
        "name": name,
        "title": cell.lesson.title if cell.lesson else name,
        "index": index,
        "x_gates": meta.fields["x_gates"],
        "h_gates": meta.fields["h_gates"],
        "states": meta.fields["states"],
        "vectors": {one: start if isinstance(start, int | float) else 0.0 for one, start in cell.vectors.items()},
        "bias": [[meta.x_gates.index(gate), start] for gate, start in starts.items() if gate in meta.x_gates],
    }


def _drawn(cells: dict[str, Cell]) -> dict[str, Any]:
    """The equations of the cells that can be drawn, by name."""
    found = {}
    for name, cell in cells.items():
        with contextlib.suppress(ConfigError, TraceError):  # such a cell writes and learns here, and is not drawn
            found[name] = {"title": cell.lesson.title if cell.lesson else name} | equations(cell)
    return found


def packed(content: bytes) -> str:
    """Bytes as text that a page holds."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def embedded(text: str) -> str:
    """Text inside a script element, which nothing in it can end."""
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")


def policy(script: str, style: str) -> str:
    """The content security policy: this script, this style, the module, a worker made here; no address is reached."""
    rules = {
        "default-src": "'none'",
        "script-src": f"{_hash(script)} 'wasm-unsafe-eval' blob:",
        "style-src": _hash(style),
        "worker-src": "blob:",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def bundle(entry: Path) -> str:
    """A module and all that it imports, as one script."""
    order: list[Path] = []

    def visit(path: Path) -> None:
        if path in order:
            return
        for *_, source in _IMPORT.findall(_text(path)):
            visit((path.parent / source).resolve())
        order.append(path)

    visit(entry.resolve())
    names = {path: f"m{index}" for index, path in enumerate(order)}
    return "\n".join(_wrapped(path, names) for path in order)


def _text(path: Path) -> str:
    """A module's text: a file's, or that of the one that is made from the table of operations."""
    return operations.script() if path.name == "operations.js" else path.read_text("utf-8")


def _wrapped(path: Path, names: dict[Path, str]) -> str:
    text = _text(path)

    def taken(match: re.Match) -> str:
        listed, space, source = match.groups()
        name = names[(path.parent / source).resolve()]
        return f"const {space} = {name};" if space else f"const {{{listed.replace(' as ', ': ')}}} = {name};"

    exports = [name for _, name in _EXPORT.findall(text)]
    body = _EXPORT.sub(r"\1 \2", _IMPORT.sub(taken, text))
    for line in body.splitlines():
        assert not line.startswith(("import ", "export ")), f"{path.name}: {line}"
    return f"const {names[path]} = (() => {{\n{body}\nreturn {{ {', '.join(exports)} }};\n}})();"


def standard(names: Sequence[str] = module.STANDARD) -> dict[str, Cell]:
    """The cells of an empty page."""
    from recurra import cells

    return {name: cells.get(name) for name in names}
