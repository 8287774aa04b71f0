"""A cell's step as a drawing: what goes in, each operation, what comes out, and where each stands on the page.

The parts are read from the cell's own graph, so every cell that can be traced has a drawing, a user's too. The numbers that
flow through it are in `flow`; whoever draws it needs only this and numbers by the parts' names.
"""

from dataclasses import dataclass

from recurra import cells
from recurra.cells import Cell
from recurra.expr.graph import Graph, Node, is_pair
from recurra.expr.trace import trace
from recurra.inside.gates import squashed
from recurra.inside.layout import place

SYMBOLS = {
    "add": "+",
    "sub": "−",
    "mul": "×",
    "div": "÷",
    "neg": "−",
    "reciprocal": "1 ÷",
    "sigmoid": "σ",
    "sqrt": "√",
    "lt": "<",
    "le": "≤",
    "eq": "=",
    "where": "if",
    "maximum": "max",
    "minimum": "min",
    "clamp": "limit",
}
"""How an operation is written into its place; the others by their name."""


@dataclass(frozen=True)
class Part:
    """One place of a drawing."""

    name: str
    """Unique: a state before the step `c`, one after it `c'`, a gate or a named value by its name, `#7` for the others."""
    kind: str
    """"input": the letter that is read. "state": a number carried here from the step before. "vector": a learned number.
    "sum": W x + U h + b of one gate. "product": only one of the two. "op": an operation. "new": a state after the step."""
    label: str
    """What is written into it."""
    args: tuple[str, ...]
    """The parts whose numbers go into it."""
    valve: bool = False
    """A gate that stays between 0 and 1: shut or open."""


@dataclass(frozen=True, eq=False)
class Wiring:
    """A cell's drawing: `wiring(LSTM()).parts`."""

    parts: tuple[Part, ...]
    """Each after those that it reads."""
    places: dict[str, tuple[int, float]]
    """(column, row) of each part: whole columns from 0 at the left, rows from 0 at the top, at least 1 apart."""
    bends: dict[tuple[str, str], tuple[tuple[int, float], ...]]
    """For a wire that passes other columns, by (from, to), the places it goes through."""
    graph: Graph
    nodes: dict[str, Node]
    """The value of the graph that a part shows; none for the letter."""


def wiring(cell: str | type[Cell] | Cell) -> Wiring:
    """The drawing of a cell: `wiring("gru").places["h'"]`. TraceError for a cell whose step is not traceable."""
    cell = cells.get(cell)
    graph = trace(cell, names=True)
    parts, nodes = _Parts(graph, squashed(cell)).found()
    places, bends = place([(part.name, part.kind, part.args) for part in parts], cell.state_names)
    return Wiring(tuple(parts), places, bends, graph, nodes)


class _Parts:
    """Collects the parts of a graph, arguments first."""

    def __init__(self, graph: Graph, valves: tuple[str, ...]):
        self.graph, self.cell = graph, graph.cell
        self.valves = {graph.gates[name] for name in valves}
        self.parts: dict[str, Part] = {}
        self.nodes: dict[str, Node] = {}
        self.names: dict[Node, str] = {}
        new = {f"{state}_new" for state in self.cell.state_names}
        taken = {"x", *self.cell.state_names, *self.cell.vectors}
        for node, name in (*((n, g) for g, n in graph.gates.items()), *graph.names.items()):
            if node.args and name not in taken and name not in new and node not in self.names:
                self.names[node] = name
                taken.add(name)

    def found(self) -> tuple[list[Part], dict[str, Node]]:
        for name, node in zip(self.cell.state_names, self.graph.states, strict=True):
            self._add(f"{name}'", "new", f"{name}'", (self._part(node),), node)
        for node in self.graph.gates.values():
            self._part(node)
        return list(self.parts.values()), self.nodes

    def _add(self, name: str, kind: str, label: str, args: tuple[str, ...], node: Node | None) -> str:
        self.parts[name] = Part(name, kind, label, args, node in self.valves and kind != "new")
        if node is not None:
            self.nodes[name] = node
        return name

    def _part(self, node: Node) -> str:
        """The name of the part that shows a node, made where there is none yet."""
        name = self._name(node)
        if name in self.parts:
            return name
        gate, state, vectors = self.cell.gate_names, self.cell.state_names, list(self.cell.vectors)
        match node.op:
            case "state":
                return self._add(name, "state", state[node.value], (), node)
            case "vector":
                return self._add(name, "vector", vectors[node.value], (), node)
            case "a" | "x" | "h" | "of":
                return self._product(node, name, gate[node.value[1] if node.op == "of" else node.value])
        if is_pair(node):
            return self._product(node, name, gate[node.args[0].value])
        called = self.graph.table.called.get(node)
        label, args = called or _written(node)
        # A formula's word stands for all of it; numbers known now are in the label.
        args = tuple(dict.fromkeys(self._part(a) for a in args if a.kind != "const" and a.op not in _SIZES))
        return self._add(name, "op", label, args, node)

    def _product(self, node: Node, name: str, gate: str) -> str:
        sides = {"a": "xh" if self.graph.h_gates else "x", "add": "xh", "x": "x", "h": "h", "of": "v"}[node.op]
        args = []
        if "x" in sides:
            if "x" not in self.parts:
                self._add("x", "input", "x", (), None)
            args.append("x")
        if "h" in sides:
            args.append(self._state())
        if "v" in sides:
            args.append(self._part(self.graph.ofs[node.value[0]]))
        label = f"Wx+Uh {gate}" if sides == "xh" else f"{'W' if sides == 'x' else 'U'} {gate}"
        return self._add(name, "sum" if sides == "xh" else "product", label, tuple(args), node)

    def _state(self) -> str:
        name = self.cell.state_names[0]
        return self._part(self.graph.table.leaf("state", 0)) if name not in self.parts else name

    def _name(self, node: Node) -> str:
        match node.op:
            case "state":
                return self.cell.state_names[node.value]
            case "vector":
                return list(self.cell.vectors)[node.value]
            case "a" | "x" | "h" | "of":
                gate = self.cell.gate_names[node.value[1] if node.op == "of" else node.value]
                return f"{'sum' if node.op == 'a' else node.op}.{gate}"
        if is_pair(node):
            return f"sum.{self.cell.gate_names[node.args[0].value]}"
        return self.names.get(node, f"#{node.number}")


_SIZES = ("units", "per_unit")


def _written(node: Node) -> tuple[str, tuple[Node, ...]]:
    """What is written into an operation's place, and what goes in: a number known now is part of the label."""
    symbol = SYMBOLS.get(node.op, node.op)
    if node.op == "clamp":
        low, high, _ = node.value
        return f"{low:g}…{high:g}", node.args
    if len(node.args) == 2:
        first, second = node.args
        if first.kind == "const":
            number = _number(first)
            return (f"{number} {symbol}" if node.op != "add" else f"+ {number}"), (second,)
        if second.kind == "const":
            return f"{symbol} {_number(second)}", (first,)
    return symbol, node.args


def _number(node: Node) -> str:
    return f"{node.value:.3g}" if node.op == "const" else node.op
