"""The setting `cell`: a name, or in Python a Cell class or a Cell, which gets a name. Its step reads inputs alone."""

from functools import partial
from typing import Annotated, Any

from recurra.config import Reads


def _name(cell: Any, brings: tuple[str, ...] = ()) -> Any:
    from recurra import cells  # here, not above: a command's help needs none of them

    name = cells.name_of(cell)
    if isinstance(name, str):
        cells.require_inputs_alone(name, brings=brings)
    return name


CellName = Annotated[str, Reads(_name)]
"""A setting that is a cell's name, and takes a Cell class or a Cell too."""

TimedCellName = Annotated[str, Reads(partial(_name, brings=("dt",)))]
"""The same, where the model gives its cell `dt` too."""
