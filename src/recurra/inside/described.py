"""A cell's drawing as JSON: its parts with their places, and its equations with each symbol linked to its part."""

import re
from typing import Any

from recurra.cells import Cell
from recurra.expr.text import aligned, equations
from recurra.inside.drawing import Wiring, wiring

_WORD = re.compile(r"(?<![.\w])[^\W\d][\w.]*'?")
"""A name as the equations have them: f, c', x.i, peephole_f."""


def drawing(cell: Cell) -> dict[str, Any]:
    """All that a page needs to draw the cell; the numbers come by the parts' names. TraceError if it has no graph."""
    found = wiring(cell)
    return {
        "parts": [
            {
                "name": part.name,
                "kind": part.kind,
                "label": part.label,
                "args": part.args,
                "valve": part.valve,
                "column": found.places[part.name][0],
                "row": found.places[part.name][1],
            }
            for part in found.parts
        ],
        "bends": [{"start": a, "end": b, "places": places} for (a, b), places in found.bends.items()],
        "equations": [list(_symbols(line, found)) for line in aligned(equations(found.graph)).splitlines()],
    }


def _symbols(line: str, found: Wiring):
    """A line in pieces: names that have a part, and the text between them."""
    end = 0
    for match in _WORD.finditer(line):
        part = _part(match[0], found)
        if part is not None:
            if match.start() > end:
                yield {"text": line[end : match.start()], "part": None}
            yield {"text": match[0], "part": part}
            end = match.end()
    if end < len(line):
        yield {"text": line[end:], "part": None}


def _part(word: str, found: Wiring) -> str | None:
    """The part that a name in the equations stands for: x.i and h.i are parts of their own, or of the sum of both."""
    if word in found.places:
        return word
    side, _, gate = word.partition(".")
    return f"sum.{gate}" if side in ("x", "h") and f"sum.{gate}" in found.places else None
