"""Functions that are formulas of operations, on symbols: what a step means by silu, softmax or a layer norm.

A new elementwise one is a function here and its row in `ELEMENTWISE_FORMULAS`; `recurra.expr` has it for tensors, numbers too.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from recurra.expr.symbols import Symbol, as_node, completes


def _called(name: str, result: Symbol, *args: Any) -> Symbol:
    """Remember the one word that stands for all of this, for those who read the equations."""
    if result.node.args and not any(a is None for a in args):
        result.table.called.setdefault(result.node, (name, tuple(as_node(result.table, a) for a in args)))
    return result


def square(v: Symbol) -> Symbol:
    """v * v."""
    return v * v


def gelu(v: Symbol, approximate: str = "none") -> Symbol:
    """v times the normal distribution's share below v; approximate: "none" (default, exact) or "tanh".

    Hendrycks & Gimpel 2016, arXiv:1606.08415.
    """
    if approximate == "tanh":
        inner = (math.sqrt(2 / math.pi) * (v + 0.044715 * v * v * v)).tanh()
        return _called("gelu_tanh", 0.5 * v * (1 + inner), v)
    return _called("gelu", 0.5 * v * (1 + (v * math.sqrt(0.5)).erf()), v)


def silu(v: Symbol) -> Symbol:
    """v sigmoid(v), also called swish."""
    return _called("silu", v * v.sigmoid(), v)


def hard_sigmoid(v: Symbol) -> Symbol:
    """A sigmoid of three straight lines, as torch's: (v + 3) / 6 kept between 0 and 1."""
    return _called("hard_sigmoid", hardtanh(v + 3, 0, 6) / 6, v)


def hardtanh(v: Symbol, low: float = -1, high: float = 1) -> Symbol:
    return v._new(v.table.clamp(v._number(v), low, high, inside=True))


class Formula(NamedTuple):
    """An elementwise function that is a formula."""

    of_symbols: Callable
    """(symbol, *more) → its value; its text and its other arguments are those of the function in `recurra.expr`."""
    of_tensors: Callable
    """(torch.nn.functional, tensor, *more) → PyTorch's value."""
    torch: str
    """PyTorch's word for it, whose arguments are the same."""


ELEMENTWISE_FORMULAS = {
    "square": Formula(square, lambda F, v: v.square(), "square"),
    "gelu": Formula(gelu, lambda F, v, approximate="none": F.gelu(v, approximate=approximate), "gelu"),
    "silu": Formula(silu, lambda F, v: F.silu(v), "silu"),
    # PyTorch's own rounds its sixth to float32, whatever the dtype.
    "hard_sigmoid": Formula(hard_sigmoid, lambda F, v: F.hardtanh(v + 3, 0, 6) / 6, "hardsigmoid"),
}


@completes("softmax")
def softmax(v: Symbol) -> Symbol:
    # The largest is taken off so that exp cannot overflow; the result does not depend on it, nor does the gradient.
    shifted = (v - v.amax(-1, keepdim=True).detach()).exp()
    return _called("softmax", shifted / shifted.sum(-1, keepdim=True), v)


def layer_norm(v: Symbol, gain, shift, eps: float) -> Symbol:
    apart = v - v.mean(-1, keepdim=True)
    normal = apart * (apart.square().mean(-1, keepdim=True) + eps).rsqrt()
    return _called("layer_norm", _affine(normal, gain, shift), v, gain, shift)


def rms_norm(v: Symbol, gain, eps: float) -> Symbol:
    return _called("rms_norm", _affine(v * (v.square().mean(-1, keepdim=True) + eps).rsqrt(), gain, None), v, gain)


def _affine(v: Symbol, gain, shift) -> Symbol:
    v = v if gain is None else v * gain
    return v if shift is None else v + shift
