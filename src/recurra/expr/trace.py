"""A cell's `step` → its graph: the step is run once, on symbols."""

import sys

from recurra.errors import CellError, TraceError
from recurra.expr import torchcalls  # noqa: F401 (it completes the symbols)
from recurra.expr.graph import Graph, Node, Table, is_pair, order
from recurra.expr.symbols import Symbol, as_node, place_of

MOST_OFS = 3
MOST_GATES = 64
"""Of a cell with `h.of`: which of them a product fills is passed to the core in the bits of a long."""


def trace(cell, names: bool = False) -> Graph:
    """The equations of one step. Raises TraceError if the step does something that does not compile, CellError for its faults.

    A layer's cell was read when the layer was made, and has its graph; another is read now.
    names: call values as the step's own variables are called, for those who read the equations.
    """
    graph = _read(cell, names=True) if names else read(cell)
    if isinstance(graph, CellError):
        raise type(graph)(str(graph)) from graph.__cause__
    return graph


def read(cell) -> Graph | CellError:
    """The graph, or why there is none. The step is run twice: what differs is no equation."""
    known = getattr(cell, "_graph", None)
    if known is not None:
        return known
    graph = _read(cell)
    again = _read(cell)
    if isinstance(graph, Graph) and isinstance(again, Graph) and graph.key != again.key:
        return TraceError(f"{type(cell).__name__}.step cannot be compiled: {_difference(graph, again)}")
    return graph


def _read(cell, names: bool = False) -> Graph | CellError:
    try:
        return _trace(cell, names)
    except CellError as error:
        return error


def _difference(graph: Graph, again: Graph) -> str:
    numbers, others = ([n.value for n in order(g.outputs()) if n.op == "const"] for g in (graph, again))
    pair = next(((a, b) for a, b in zip(numbers, others, strict=False) if repr(a) != repr(b)), None)
    values = f" ({pair[0]:g}, then {pair[1]:g})" if pair else ""
    return (
        f"two runs of it gave different equations{values}, as a random number or a counter would; a number must be the same "
        "at every step, and what changes is a state"
    )


def _trace(cell, with_names: bool) -> Graph:
    cell.check_names()
    table, gates = Table(), cell.gate_names
    products = _Products(table, gates)

    def symbols(op: str, names, kind: str = "unit") -> dict:
        return {name: Symbol(table, table.leaf(op, k, kind)) for k, name in enumerate(names)}

    states, vectors = symbols("state", cell.state_names), symbols("vector", cell.vectors, "vector")
    reads: set[str] = set()
    values = cell.arguments(symbols("x", gates), products, states, vectors, given=symbols("given", cell.given_names))
    arguments = cell.recorded(values, reads)
    where = type(cell).__name__
    try:
        new, local = _with_locals(cell, arguments) if with_names else (cell.step(*arguments), {})
        states, shown, output = _results(cell, new)
        ofs = products.used()
    except TraceError as error:
        refused = TraceError(f"{where}.step cannot be compiled: {error}")
        refused.instead = error.instead
        raise refused from error
    except CellError as error:
        raise CellError(f"{where}.step: {error}") from error
    except Exception as error:
        # Whatever the step may do with what is no tensor: it still runs on tensors.
        place = place_of(error.__traceback__)
        raise TraceError(f"{where}.step cannot be compiled: {place}{type(error).__name__}: {error}") from error
    names = {node: name for name, node in shown.items() if node.args}
    for name, node in zip(cell.state_names, states, strict=True):
        if node.args:
            names.setdefault(node, f"{name}_new")
    if output is not None and output.args:
        names.setdefault(output, cell.output)
    taken = {*names.values(), *cell.state_names, *cell.vectors, *cell.given_names}
    for name, value in local.items():
        if isinstance(value, Symbol) and value.node.args and name not in taken:
            names.setdefault(value.node, name)
    blocks = [tuple(map(gates.index, block)) for block in cell.blocks(reads)]
    graph = Graph(cell, table, states, shown, *ofs, False, names, *blocks, output)
    return _merge(graph)


def _with_locals(cell, arguments: list) -> tuple:
    """Run the step; what it returned, and what its own variables held then: the names that its author gave."""
    code = getattr(getattr(type(cell).step, "__func__", type(cell).step), "__code__", None)
    local: dict = {}

    def look(frame, event, _):
        if event == "return" and frame.f_code is code:
            local.update(frame.f_locals)

    before = sys.getprofile()
    written_in_c = hasattr(before, "disable")  # cProfile's cannot be set again as a function can
    if written_in_c:
        before.disable()
    sys.setprofile(look)
    try:
        return cell.step(*arguments), local
    finally:
        sys.setprofile(None if written_in_c else before)
        if written_in_c:
            before.enable()


def _results(cell, new) -> tuple[tuple[Node, ...], dict[str, Node], Node | None]:
    """The new states, the gates shown in the cell's order, and the output where that is no state."""
    if not (isinstance(new, tuple) and hasattr(new, "states") and hasattr(new, "gates")):
        raise CellError(f"returned {type(new).__name__}; expected s.next(...)")
    nodes = {}
    for name, value in [*zip(cell.state_names, new.states, strict=True), *new.gates.items()]:
        if not isinstance(value, Symbol) or value.node.boolean or value.node.kind != "unit":
            kind = type(value).__name__
            if isinstance(value, Symbol):
                kind = "true or false" if value.node.boolean else f"a {value.node.kind} value"
            raise CellError(f"`{name}` came out as {kind}; expected one number for each row and hidden unit")
        nodes[name] = value.node
    states = tuple(nodes[name] for name in cell.state_names)
    shown = {name: nodes[name] for name in cell.gate_names if name in new.gates}
    return states, shown, nodes[cell.output] if cell.output else None


class _Products:
    """Answers for W_h v + b_h: one leaf a gate, of h_{t-1} or of another vector."""

    def __init__(self, table: Table, gates: tuple[str, ...]):
        self.table, self.gates = table, gates
        self.ofs: list[Node] = []
        self.read: list[list[int]] = []

    def __call__(self, v, gate: int | None):
        if gate is None:
            return tuple(Symbol(self.table, self.table.leaf("h", g)) for g in range(len(self.gates)))
        node = as_node(self.table, v)
        if node.op == "state" and node.value == 0:
            return Symbol(self.table, self.table.leaf("h", gate))
        if node.kind != "unit" or node.boolean:
            raise CellError("h.of(...) got a value that is not one number for each row and hidden unit")
        if node not in self.ofs:
            self.ofs.append(node)
            self.read.append([])
        k = self.ofs.index(node)
        if gate not in self.read[k]:
            self.read[k].append(gate)
        return Symbol(self.table, self.table.leaf("of", (k, gate)))

    def used(self) -> tuple[tuple[Node, ...], tuple[tuple[int, ...], ...]]:
        """The vectors multiplied and their gates, after a check that each gate has one product."""
        if len(self.ofs) > MOST_OFS:
            raise TraceError(f"h.of is used for {len(self.ofs)} vectors; at most {MOST_OFS} can be compiled")
        if self.ofs and len(self.gates) > MOST_GATES:
            raise TraceError(f"it has {len(self.gates)} gates; with h.of at most {MOST_GATES} can be compiled")
        every = [gate for gates in self.read for gate in gates]
        for gate in every:
            if every.count(gate) > 1:
                name = self.gates[gate]
                raise TraceError(f"gate `{name}` is read from two h.of products; give each product gates of its own")
        return tuple(self.ofs), tuple(tuple(sorted(gates)) for gates in self.read)


def _merge(graph: Graph) -> Graph:
    """Check the products, and make x.g + h.g one leaf where nothing reads either alone."""
    nodes = order(graph.outputs())
    cell, table = graph.cell, graph.table
    whole = {node.value for node in nodes if node.op == "h"}
    for gates in graph.of_gates:
        for gate in set(gates) & whole:
            raise TraceError(
                f"{type(cell).__name__}.step cannot be compiled: it reads gate `{cell.gate_names[gate]}` both from h "
                "and from h.of(...); give each product gates of its own"
            )
    if not graph.h_gates:
        return _replaced(graph, {node: table.leaf("a", node.value) for node in nodes if node.op == "x"})
    sums = {}
    alone = set(graph.outputs())
    for node in nodes:
        if is_pair(node):
            sums[node] = table.leaf("a", node.args[0].value)
        else:
            alone.update(node.args)
    if graph.ofs or graph.x_gates != graph.h_gates or any(node in alone for node in nodes if node.op in ("x", "h")):
        return graph
    return _replaced(graph, sums)


def _replaced(graph: Graph, new: dict[Node, Node]) -> Graph:
    """The graph with some nodes put in place of others."""
    new = dict(new)
    for node in order(graph.outputs()):
        if node not in new:
            new[node] = graph.table.again(node, tuple(new[a] for a in node.args)) if node.args else node
    for node, (name, args) in list(graph.table.called.items()):
        if node in new and all(a in new for a in args):
            graph.table.called[new[node]] = name, tuple(new[a] for a in args)
    return Graph(
        graph.cell,
        graph.table,
        tuple(new[node] for node in graph.states),
        {name: new[node] for name, node in graph.gates.items()},
        graph.ofs,
        graph.of_gates,
        merged=True,
        x_gates=graph.x_gates,
        h_gates=graph.h_gates,
        # A value that simplification left out is named all the same.
        names={new[node]: name for node, name in graph.names.items() if node in new and new[node].args},
        output=None if graph.output is None else new[graph.output],
    )
