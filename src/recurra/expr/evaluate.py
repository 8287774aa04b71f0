"""The graph as numbers: each operation by PyTorch, one node after another. For tests, and to look inside a cell."""

from collections.abc import Callable, Iterable
from typing import Any

from recurra.expr.graph import Node, order
from recurra.expr.ops import torch_function


def evaluate(nodes: Iterable[Node], leaf: Callable[[Node], Any], units: int) -> list:
    """The values of some nodes, as tensors.

    leaf: gives the tensor of a leaf: (rows, units) for x, h, a state or a gradient, (units,) for a learned vector.
    units: hidden units, which `sum` and `mean` need.
    """
    nodes, values = list(nodes), {}
    for node in order(nodes):
        values[node] = _value(node, [values[a] for a in node.args], leaf, units)
    return [values[node] for node in nodes]


def _value(node: Node, args: list, leaf: Callable[[Node], Any], units: int):
    import torch

    numbers = {"const": node.value, "units": units, "per_unit": 1 / units}
    if node.op in numbers:
        return torch.tensor(float(numbers[node.op]), dtype=torch.float64)
    if not node.args:
        return leaf(node)
    if node.row.run:
        return node.row.run(torch, node.value, units, *args)
    return torch_function(node.row)(*args)
