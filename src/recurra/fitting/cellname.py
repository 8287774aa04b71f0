"""The setting `cell`: a name, or in Python a Cell class or a Cell, which gets a name."""

from typing import Annotated, Any

from recurra.config import Reads


def _name(cell: Any) -> Any:
    if isinstance(cell, str):
        return cell
    from recurra import cells  # here, not above: a command's help needs none of them

    return cells.name_of(cell)


CellName = Annotated[str, Reads(_name)]
"""A setting that is a cell's name, and takes a Cell class or a Cell too."""
