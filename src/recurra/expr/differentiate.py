"""The gradient of a step, by reverse mode on its graph.

From the gradients of the new states (leaves `dnext`), and of an output apart from them (`doutput`), follow those of
everything the step reads. Each operation's own derivative is in its row (`ops`), in terms of its result where that is
cheaper: y (1 - y) for y = σ(v), so that v need not be kept. At corners the conventions are torch's: relu and abs have 0 at 0,
maximum halves ties, clamp passes at its limits.

A product `h.of(v)` is the core's: where the graph meets it, the gradient of its gates goes out (`dh`), and the
gradient of v comes back as a leaf `dof`.
"""

import functools
from dataclasses import dataclass, field

from recurra.expr.graph import Graph, Node, Table, is_const, order


@dataclass(frozen=True, eq=False)
class Gradient:
    """Nodes for the gradient of each thing that a step reads; None if it is zero."""

    graph: Graph
    dx: tuple[Node | None, ...]
    """For each gate; of the sum x.g + h.g in a merged graph."""
    dh: tuple[Node | None, ...]
    """For each gate, of h.g or of the `h.of` product that has the gate; all None in a merged graph."""
    dstates: tuple[Node | None, ...]
    dvectors: tuple[Node | None, ...]
    """One row's part: the sum over the rows is the gradient."""
    dgiven: tuple[Node | None, ...] = ()
    names: dict[Node, str] = field(default_factory=dict)


@functools.lru_cache(maxsize=256)
def differentiate(graph: Graph) -> Gradient:
    """The gradient of all that the step reads, for given gradients of its new states."""
    table, cell = graph.table, graph.cell
    # A product's leaf is made after the vector that it multiplies, so the order of making holds for it too.
    nodes = order(graph.outputs())
    reach = _reach(nodes, graph)
    adjoint = _Adjoints(table)
    names: dict[Node, str] = {}
    for k, node in enumerate(graph.states):
        adjoint.add(node, table.leaf("dnext", k), of_units=True)
    if graph.output is not None:
        adjoint.add(graph.output, table.leaf("doutput", 0), of_units=True)
    for node in reversed(nodes):
        total = adjoint.of(node)
        if total is None or node not in reach:
            continue
        if node in graph.names and total.args:
            names.setdefault(total, f"d_{graph.names[node]}")
        if node.op == "of":
            k = node.value[0]
            if graph.ofs[k] in reach:
                adjoint.add_once(graph.ofs[k], table.leaf("dof", k))
        elif node.args:
            for argument, part in zip(node.args, node.row.derivative(table, node, total, *node.args), strict=True):
                if part is not None and argument in reach:
                    adjoint.add(argument, part, of_units=node.kind in ("unit", "vector"))

    def leaves(op: str, values) -> tuple[Node | None, ...]:
        return tuple(adjoint.of(table.leaf(op, v, "vector" if op == "vector" else "unit")) for v in values)

    gates = range(len(cell.gate_names))
    products = {gate: (k, gate) for k, read in enumerate(graph.of_gates) for gate in read}
    dh = tuple(leaves("of", [products[g]])[0] if g in products else leaves("h", [g])[0] for g in gates)
    dx = leaves("a" if graph.merged else "x", gates)
    for k, name in enumerate(cell.gate_names):
        for what, node in (("x", dx[k]), ("h", dh[k])):
            if node is not None and node.args:
                names.setdefault(node, f"d{what}_{name}")
    return Gradient(
        graph,
        dx,
        dh,
        leaves("state", range(len(cell.state_names))),
        leaves("vector", range(len(cell.vectors))),
        leaves("given", range(len(cell.given_names))),
        names,
    )


def _reach(nodes: list[Node], graph: Graph) -> set[Node]:
    """The nodes through which a gradient gets to something that is wanted."""
    reach = set()
    for node in nodes:
        wanted = node.op in ("x", "h", "a", "of", "state", "vector", "given")
        if wanted or (node.row.derivative and any(a in reach for a in node.args)):
            reach.add(node)
    return reach


class _Adjoints:
    """The gradients collected so far. A row number's gradient sums over the units, once all its parts are there."""

    def __init__(self, table: Table):
        self.table = table
        self.parts: dict[Node, dict[bool, Node]] = {}
        self.once: set = set()

    def add(self, node: Node, part: Node, of_units: bool) -> None:
        """of_units: the part comes from a value of each unit, so that a row number has one from each."""
        if is_const(part, 0):
            return
        to_sum = node.kind == "row" and of_units
        have = self.parts.setdefault(node, {})
        have[to_sum] = self.table.add(have[to_sum], part) if to_sum in have else part

    def add_once(self, node: Node, part: Node) -> None:
        if (node, part) not in self.once:
            self.once.add((node, part))
            self.add(node, part, of_units=True)

    def of(self, node: Node) -> Node | None:
        have = self.parts.get(node)
        if not have:
            return None
        parts = [self.table.sum(part) if to_sum else part for to_sum, part in have.items()]
        return parts[0] if len(parts) == 1 else self.table.add(*parts)
