"""A cell's equations for a page: its graph as JSON, with the names of its drawing, for JavaScript to run and differentiate."""

import math
from typing import Any

from recurra.cells import Cell
from recurra.errors import ConfigError
from recurra.expr.graph import order
from recurra.inside.described import drawing
from recurra.inside.drawing import wiring


def equations(cell: Cell) -> dict[str, Any]:
    """The graph of a cell, see static/graph.js: its nodes in the order in which they are worked out, and what goes in and out.

    ConfigError for a cell with given numbers or an output apart from its states; TraceError if it has no graph.
    """
    if cell.given_names or cell.output:
        raise ConfigError(
            f"{type(cell).__name__} reads given numbers or has an output of its own: a page cannot draw that"
        )
    found = wiring(cell)
    graph, nodes = found.graph, order([*found.graph.outputs(), *found.nodes.values()])
    place = {node: k for k, node in enumerate(nodes)}
    return {
        "nodes": [[node.op, [place[a] for a in node.args], _number(node.value)] for node in nodes],
        "parts": {name: place[node] for name, node in found.nodes.items()},
        "states": [place[node] for node in graph.states],
        "state_names": list(cell.state_names),
        "vectors": {name: start if isinstance(start, int | float) else 0.0 for name, start in cell.vectors.items()},
        "gates": list(cell.gate_names),
        "x_gates": list(graph.x_gates),
        "h_gates": list(graph.h_gates),
        "ofs": [place[node] for node in graph.ofs],
        "forget": cell.gate_names.index(cell.forget) if cell.forget in cell.gate_names else -1,
        "drawing": drawing(cell),
    }


def _number(value: Any) -> Any:
    """A node's value as JSON has it: a limit that is infinite is null."""
    if isinstance(value, tuple):
        return [_number(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
