"""What the forward pass keeps for the gradient, and what the gradient computes again.

The backward code may read the states before the step, learned vectors, given numbers, and what was kept. Of the forward
values that the gradient needs:

    costly   exp, log, tanh, sigmoid, erf, ..., row operations; raw products x.g, h.g: kept
    middle   division, square root: computed again if all they need is there already, else kept
    cheap    + - * min max select: computed again if that takes at most one more number per unit, else kept
    row      one number per row: kept, since it is 1 / units of the others' size
    vectors  what is made of learned vectors alone, and conditions: always computed again

So an LSTM keeps i, f, g, o and tanh(c'); a GRU r, z, n and its h.n; a plain RNN its result.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from recurra.expr.differentiate import Gradient
from recurra.expr.graph import Node, order
from recurra.expr.operation import CHEAP, MIDDLE


@dataclass(frozen=True)
class Keep:
    """The forward values that are kept, in slots: first one number per unit, then one per row."""

    units: tuple[Node, ...]
    rows: tuple[Node, ...]
    reads_state: tuple[bool, ...]
    """For each state, whether the gradient reads it as it was before the step."""


def keep(gradient: Gradient) -> Keep:
    """Choose by the rule above."""
    graph = gradient.graph
    forward = set(order(graph.outputs()))
    parts = gradient.dx, gradient.dh, gradient.dstates, gradient.dvectors, gradient.dgiven
    roots = [n for part in parts for n in part if n]
    chosen = _Chosen()
    asked = _asked(roots, forward)
    for node in asked:
        if not _again(node) or (node.kind == "row" and not node.boolean):
            chosen.take(node)
    for node in asked:
        if node not in chosen.nodes:
            chosen.settle(node)
    kept = sorted(chosen.nodes, key=lambda node: node.number)
    needed = order_until(roots, chosen.nodes)
    reads = tuple(graph.table.leaf("state", k) in needed for k in range(len(graph.states)))
    return Keep(tuple(n for n in kept if n.kind == "unit"), tuple(n for n in kept if n.kind == "row"), reads)


def order_until(roots: Iterable[Node], stop) -> list[Node]:
    """Every node that the roots need, not looking below those in `stop`; arguments first."""
    seen, todo = set(), list(roots)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            if node not in stop:
                todo.extend(node.args)
    return sorted(seen, key=lambda node: node.number)


def _free(node: Node) -> bool:
    """What the backward code has anyway: states, learned vectors, given numbers, constants."""
    return node.kind in ("vector", "const") or node.op in ("state", "given", "units", "per_unit")


def _again(node: Node) -> bool:
    return node.row.cost in (CHEAP, MIDDLE)


def _asked(roots: list[Node], forward: set[Node]) -> list[Node]:
    """The forward values that the gradient's own nodes, or its results, are made of."""
    return [n for n in order_until(roots, forward) if n in forward and not _free(n)]


class _Chosen:
    def __init__(self):
        self.nodes: dict[Node, None] = {}

    def take(self, node: Node) -> None:
        self.nodes.setdefault(node)

    def settle(self, node: Node) -> None:
        """Keep the node, or what it takes to compute it again."""
        lacking = self.lacking(node)
        most = len(lacking) if node.boolean else int(node.cheap)
        if sum(n.kind == "unit" for n in lacking) <= most:
            for n in lacking:
                self.take(n)
        else:
            self.take(node)

    def lacking(self, node: Node) -> dict[Node, None]:
        """What would have to be kept besides, to compute the node again."""
        if _free(node) or node in self.nodes:
            return {}
        if (node.kind == "row" and not node.boolean) or not _again(node):
            return {node: None}
        below: dict[Node, None] = {}
        for argument in node.args:
            below |= self.lacking(argument)
        if node.row.cost == MIDDLE and any(n.kind == "unit" for n in below):
            return {node: None}
        return below
