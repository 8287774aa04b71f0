"""A cell of the user's own in a run: its equations and numbers are stored with it, and compared when it is opened."""

import hashlib
import inspect
from pathlib import Path
from typing import Any

from recurra import cells
from recurra.errors import CellError, RunError, TraceError
from recurra.expr.text import aligned, equations
from recurra.expr.trace import trace


def described(parts: dict[str, Any]) -> dict[str, Any] | None:
    """What a run with these settings stores of its cell; None for a built-in cell, and for what is no registered cell."""
    name = _name(parts)
    if name not in cells.names() or name in cells.built_in():
        return None
    cell = cells.get(name)
    text = _equations(cell)
    return {"name": name, "equations": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _equations(cell: cells.Cell) -> str:
    """The equations in words, with the numbers in them; of a cell that is not traceable the source of its step."""
    head = f"gates {cell.gates}; states {cell.states}; vectors {sorted(cell.vectors)}; recurrent {cell.recurrent}\n"
    try:
        return head + aligned(equations(trace(cell)))
    except TraceError:
        try:
            return head + inspect.getsource(type(cell).step)
        except OSError:
            return head + repr(cell)


def _name(parts: dict[str, Any]) -> str | None:
    return next((part.cell for part in parts.values() if hasattr(part, "cell")), None)


def compare(stored: Any, parts: dict[str, Any], folder: Path) -> None:
    """Check the cell registered here against the one that a run with these settings was trained with.

    RunError if its equations or numbers are others; CellError, which names --cell-file, where there is none.
    """
    if stored is None:
        return
    name = _name(parts)
    if name not in cells.names():
        raise CellError(
            f"no cell is called {name!r} here, and {folder} was trained with one of its author's own, whose equations stand"
            f" in its config.json; register it: recurra.cells.register({name!r}, cell), or recurra --cell-file FILE ..."
        )
    now = described(parts)
    if not isinstance(stored, dict) or now is None or stored.get("sha256") != now["sha256"]:
        raise RunError(
            f"the cell {name!r} that is registered here has other equations, or other numbers in them, than the one that"
            f" {folder} was trained with; they stand under `cell` in its config.json. Register that one again"
        )
