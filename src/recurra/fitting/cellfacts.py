"""A cell of the user's own in a run: its equations and numbers are stored with it, and compared when it is opened."""

import hashlib
import inspect
from pathlib import Path
from typing import Any

from recurra import cells
from recurra.errors import CellError, RunError, TraceError
from recurra.expr.text import aligned, equations
from recurra.expr.trace import trace


def described(name: Any) -> dict[str, Any] | None:
    """What a run stores of the cell with this name; None for a built-in cell, and for what is no registered cell."""
    if name not in cells.names() or name in cells.built_in():
        return None
    cell = cells.get(name)
    text = _equations(cell)
    return {"name": name, "equations": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _equations(cell: cells.Cell) -> str:
    """The equations in words, with the numbers in them; of a cell that cannot be traced the source of its step."""
    head = f"gates {cell.gates}; states {cell.states}; vectors {sorted(cell.vectors)}; recurrent {cell.recurrent}\n"
    try:
        return head + aligned(equations(trace(cell)))
    except TraceError:
        try:
            return head + inspect.getsource(type(cell).step)
        except OSError:
            return head + repr(cell)


def compare(stored: Any, name: str, folder: Path) -> None:
    """Check the cell registered here against the one that a run was trained with.

    RunError where its equations or numbers are others; CellError, which names --cell-file, where there is none.
    """
    if stored is None:
        return
    if name not in cells.names():
        raise CellError(
            f"{folder} was trained with a cell of its author's own, {name!r}, which is not registered here. Its equations"
            " stand in config.json. Load its file: recurra --cell-file FILE ..., or recurra.cells.register(name, cell)"
        )
    now = described(name)
    if not isinstance(stored, dict) or now is None or stored.get("sha256") != now["sha256"]:
        raise RunError(
            f"the cell {name!r} that is registered here has other equations, or other numbers in them, than the one that"
            f" {folder} was trained with; they stand under `cell` in its config.json. Register that one again"
        )
