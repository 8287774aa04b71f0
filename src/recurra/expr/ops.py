"""The operations of the language: a table with a row for each, from which all that knows an operation is made.

A row says what an operation is called and does, what it costs, how numbers fold, its derivative, PyTorch's names for it,
its C++ and JavaScript, and how people read it. From the rows come the functions of `recurra.expr`, the methods of symbols,
what of `torch.*` a step may call, the graph's folding, the gradient, the numbers of `evaluate`, the code for processors and
pages, and text.

The elementwise functions stand in `elementwise`; here are arithmetic, conditions, and what goes over the units.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from recurra.expr.elementwise import ELEMENTWISE
from recurra.expr.operation import CHEAP, MIDDLE, Op, fold_quotient


def _product(t, y, g, a, b) -> tuple:
    return (t.mul(t.const(2), t.mul(g, a)), None) if a is b else (t.mul(g, b), t.mul(g, a))


def _quotient(t, y, g, a, b) -> tuple:
    part = t.div(g, b)
    return part, t.neg(t.mul(part, y))


def _within(t, y, g, v) -> tuple:
    low, high, inside = y.value
    compare = "lt" if inside else "le"
    within = t.make("and", t.apply(compare, t.const(low), v), t.apply(compare, v, t.const(high)))
    return (t.where(within, g, t.const(0)),)


def _largest(t, y, g, v) -> tuple:
    """Equal ones share the gradient."""
    is_largest = t.where(t.apply("eq", v, y), t.const(1), t.const(0))
    return (t.mul(t.div(g, t.sum(is_largest)), is_largest),)


def _spread(v, units: int):
    """A value of a row, or a number, as one for each unit."""
    if v.dim() == 0:
        return v.expand(units)
    return v.expand(*v.shape[:-1], units)


_ARITHMETIC = (
    Op(
        name="neg",
        says="-v.",
        cost=CHEAP,
        fold=lambda v: -v,
        derivative=lambda t, y, g, v: (t.neg(g),),
        cpp="-{:9}",
        level=3,
        names="negative",
    ),
    Op(
        name="add",
        says="a + b.",
        arity=2,
        cost=CHEAP,
        commutative=True,
        fold=lambda a, b: a + b,
        derivative=lambda t, y, g, a, b: (g, g),
        cpp="{:1} + {:1}",
        level=1,
    ),
    Op(
        name="sub",
        says="a - b.",
        arity=2,
        cost=CHEAP,
        fold=lambda a, b: a - b,
        derivative=lambda t, y, g, a, b: (g, t.neg(g)),
        cpp="{:1} - {:2}",
        level=1,
        names="subtract",
    ),
    Op(
        name="mul",
        says="a ⊙ b.",
        arity=2,
        cost=CHEAP,
        commutative=True,
        fold=lambda a, b: a * b,
        derivative=_product,
        cpp="{:2} * {:2}",
        level=2,
        names="multiply",
    ),
    Op(
        name="div",
        says="a / b.",
        arity=2,
        cost=MIDDLE,
        fold=fold_quotient,
        derivative=_quotient,
        cpp="{:2} / {:3}",
        level=2,
        names="divide true_divide",
    ),
)

_CONDITIONS = (
    Op(name="lt", says="a < b.", arity=2, cpp="({} < {})", text="<", latex="<", boolean=True, cost=CHEAP),
    Op(name="le", says="a ≤ b.", arity=2, cpp="({} <= {})", text="≤", latex=r"\le", boolean=True, cost=CHEAP),
    Op(
        name="eq",
        says="a = b.",
        arity=2,
        cpp="({} == {})",
        text="=",
        latex="=",
        boolean=True,
        cost=CHEAP,
        commutative=True,
    ),
    Op(
        name="not",
        says="Not a.",
        cpp="~{}",
        js="!{}",
        text="not ({})",
        latex=r"\lnot ({})",
        boolean=True,
        cost=CHEAP,
        torch="logical_not",
    ),
    Op(
        name="and",
        says="a and b.",
        arity=2,
        cpp="({} & {})",
        text="and",
        latex=r"\land",
        boolean=True,
        cost=CHEAP,
        commutative=True,
        torch="logical_and",
    ),
    Op(
        name="or",
        says="a or b.",
        arity=2,
        cpp="({} | {})",
        text="or",
        latex=r"\lor",
        boolean=True,
        cost=CHEAP,
        commutative=True,
        torch="logical_or",
    ),
)

_CHOICES = (
    Op(
        name="where",
        says="a where the condition holds, else b.",
        arity=3,
        cost=CHEAP,
        derivative=lambda t, y, g, c, a, b: (None, t.where(c, g, t.const(0)), t.where(c, t.const(0), g)),
        cpp="select({}, {}, {})",
        js="({} ? {} : {})",
        latex=r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{else}} \end{{cases}}",
    ),
    Op(
        name="clamp",
        says="v kept between two numbers.",
        cost=CHEAP,
        derivative=_within,
        run=lambda torch, limits, units, v: v.clamp(*limits[:2]),
        cpp="clamp({}, {low}, {high})",
        limits=("low", "high"),
    ),
    Op(
        name="stop",
        says="The same value, through which no gradient flows.",
        js="{}",
        cost=CHEAP,
        run=lambda torch, value, units, v: v.detach(),
        names="detach",
    ),
)

_OVER_UNITS = (
    Op(
        name="mean",
        says="The mean over the hidden units of a row.",
        ends_loop="one",
        derivative=lambda t, y, g, v: (t.mul(g, t.per_unit),),
        run=lambda torch, value, units, v: v.mean(-1, keepdim=True),
    ),
    Op(
        name="amax",
        says="The largest of the hidden units of a row. Equal ones share the gradient.",
        ends_loop="one",
        derivative=_largest,
        run=lambda torch, value, units, v: v.amax(-1, keepdim=True),
        text="max({})",
        latex=r"\max({})",
    ),
    Op(
        name="cumsum",
        says="The sum of the hidden units up to and with each: (..., hidden) → the same shape.",
        ends_loop="scan",
        derivative=lambda t, y, g, v: (t.apply("cumsum_back", g),),
        run=lambda torch, value, units, v: _spread(v, units).cumsum(-1),
        cpp="sums_forward({}, H)",
    ),
    Op(
        name="cumsum_back",
        says="The sum of the hidden units from each to the last.",
        ends_loop="scan",
        run=lambda torch, value, units, v: _spread(v, units).flip(-1).cumsum(-1).flip(-1),
        cpp="sums_backward({}, H)",
    ),
)

OPS: dict[str, Op] = {op.name: op for op in (*_ARITHMETIC, *_CONDITIONS, *_CHOICES, *_OVER_UNITS)} | ELEMENTWISE


def fold(op: str, values: Sequence[float]) -> float:
    """The operation's value for numbers."""
    try:
        return float(OPS[op].fold(*values))
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def torch_function(op: Op) -> Callable:
    """PyTorch's function for it."""
    import torch

    found: Any = torch
    for part in (op.torch or op.name).split("."):
        found = getattr(found, part)
    return found
