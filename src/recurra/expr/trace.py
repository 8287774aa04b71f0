"""A cell's `step` → its graph: the step is run once, on symbols."""

import functools
import sys

from recurra.errors import CellError, TraceError
from recurra.expr.graph import Graph, Node, Table, order
from recurra.expr.symbols import Symbol, as_node

MOST_OFS = 3


def trace(cell) -> Graph:
    """The equations of one step. Raises TraceError where the step does what cannot be compiled, CellError for its faults."""
    graph = _traced(cell)
    if isinstance(graph, CellError):
        raise type(graph)(str(graph)) from graph.__cause__
    return graph


@functools.lru_cache(maxsize=256)
def _traced(cell) -> Graph | CellError:
    """The graph or the refusal, either found once: a layer asks at every call."""
    try:
        return _trace(cell)
    except CellError as error:
        return error


def _trace(cell) -> Graph:
    cell.check_names()
    table, gates = Table(), cell.gate_names
    products = _Products(table, gates)

    def symbols(op: str, names, kind: str = "unit") -> dict:
        return {name: Symbol(table, table.leaf(op, k, kind)) for k, name in enumerate(names)}

    states, vectors = symbols("state", cell.state_names), symbols("vector", cell.vectors, "vector")
    arguments = cell.arguments(symbols("x", gates), products, states, vectors)
    where = type(cell).__name__
    try:
        new, local = _with_locals(cell, arguments)
        states, shown = _results(cell, new)
        ofs = products.used()
    except TraceError as error:
        raise TraceError(f"{where}.step cannot be compiled: {error}") from error
    except CellError as error:
        raise CellError(f"{where}.step: {error}") from error
    except Exception as error:
        # Whatever the step may do with what is no tensor: it still runs on tensors.
        raise TraceError(f"{where}.step cannot be compiled: {type(error).__name__}: {error}") from error
    names = {node: name for name, node in shown.items() if node.args}
    for name, node in zip(cell.state_names, states, strict=True):
        if node.args:
            names.setdefault(node, f"{name}_new")
    taken = {*names.values(), *cell.state_names, *cell.vectors}
    for name, value in local.items():
        if isinstance(value, Symbol) and value.node.args and name not in taken:
            names.setdefault(value.node, name)
    graph = Graph(cell, table, states, shown, *ofs, names=names)
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


def _results(cell, new) -> tuple[tuple[Node, ...], dict[str, Node]]:
    """The new states, and the gates shown in the cell's order."""
    if not (isinstance(new, tuple) and hasattr(new, "states") and hasattr(new, "gates")):
        raise CellError(f"returned {type(new).__name__}; expected s.next(...)")
    nodes = {}
    for name, value in [*zip(cell.state_names, new.states, strict=True), *new.gates.items()]:
        if not isinstance(value, Symbol) or value.node.boolean or value.node.kind != "unit":
            kind = f"a {value.node.kind} value" if isinstance(value, Symbol) else type(value).__name__
            raise CellError(f"`{name}` came out as {kind}; expected one number for each row and hidden unit")
        nodes[name] = value.node
    states = tuple(nodes[name] for name in cell.state_names)
    return states, {name: nodes[name] for name in cell.gate_names if name in new.gates}


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
        if node.kind != "unit":
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
            raise TraceError(f"h.of is asked for {len(self.ofs)} vectors; at most {MOST_OFS} can be compiled")
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
    if not cell.recurrent:
        return _replaced(graph, {node: table.leaf("a", node.value) for node in nodes if node.op == "x"})
    sums = {}
    alone = set(graph.outputs())
    for node in nodes:
        if node.op == "add" and {a.op for a in node.args} == {"x", "h"} and len({a.value for a in node.args}) == 1:
            sums[node] = table.leaf("a", node.args[0].value)
        else:
            alone.update(node.args)
    if graph.ofs or not whole or any(node in alone for node in nodes if node.op in ("x", "h")):
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
        names={new[node]: name for node, name in graph.names.items() if new[node].args},
    )
