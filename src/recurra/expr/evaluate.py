"""The graph as numbers: each operation by PyTorch, one node after another. For tests, and to look inside a cell."""

from collections.abc import Callable, Iterable
from typing import Any

from recurra.expr.graph import Node, order


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

    match node.op:
        case "const":
            return torch.tensor(node.value, dtype=torch.float64)
        case "units":
            return torch.tensor(float(units), dtype=torch.float64)
        case "per_unit":
            return torch.tensor(1.0 / units, dtype=torch.float64)
        case _ if not node.args:
            return leaf(node)
        case "neg" | "sub" | "add" | "mul" | "div" | "lt" | "le" | "eq" | "minimum" | "maximum" | "where":
            return getattr(torch, node.op)(*args)
        case (
            "abs" | "sign" | "relu" | "exp" | "expm1" | "log" | "log1p" | "sqrt" | "rsqrt" | "sigmoid" | "tanh" | "erf"
        ):
            return getattr(torch, node.op)(*args)
        case "not" | "and" | "or":
            return getattr(torch, f"logical_{node.op}")(*args)
        case "recip":
            return args[0].reciprocal()
        case "softplus":
            return torch.nn.functional.softplus(args[0])
        case "clamp":
            return args[0].clamp(*node.value[:2])
        case "stop":
            return args[0]
        case "mean" | "amax":
            return getattr(args[0], node.op)(-1, keepdim=True)
    raise AssertionError(f"no value for {node.op}")
