"""The operations of the language: a table with a row for each, from which all that knows an operation is made.

A row says what an operation is called and does, what it costs, how numbers fold, its derivative, PyTorch's names for
it, its C++ and how people read it. From the rows come the functions of `recurra.expr`, the methods of symbols, what of
`torch.*` a step may call, the graph's folding, the gradient, the numbers of `evaluate`, the generated code, and text.

A new elementwise operation is a row here, and a vector function in native/vector.h where C++ has none yet. What is a
formula of other operations (silu, softmax) is no row: it stands in `formulas`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from recurra.expr import rules

# What a value costs to compute again: the rule of `keep` and the loops of `schedule` go by this.
CHEAP, MIDDLE, COSTLY = "cheap", "middle", "costly"


@dataclass(frozen=True, kw_only=True)
class Op:
    """One operation."""

    name: str
    says: str
    """What it gives: a sentence, the text of its function in `recurra.expr`."""
    arity: int = 1
    cost: str = COSTLY
    ends_loop: str = ""
    """How its value needs every unit of a row: "one" number per row, or a "scan": one for each unit. Empty: elementwise."""
    boolean: bool = False
    """Gives true or false."""
    commutative: bool = False
    fold: Callable | None = None
    """Its value for numbers known now; ValueError is NaN, OverflowError infinity."""
    derivative: Callable | None = None
    """(table, y, g, *arguments) → the gradient of each argument, or None, for the gradient g of y. None: it stops here."""
    torch: str = ""
    """PyTorch's function, such as "tanh" or "nn.functional.softplus"; empty: torch.NAME."""
    names: str = ""
    """Other words that PyTorch has for it, functions and methods."""
    run: Callable | None = None
    """(torch, value, units, *arguments) → its value, where calling PyTorch's function with the arguments is not enough."""
    cpp: str = ""
    """Its C++, with {} for an argument as a vector and {:2} for one that binds at least so tightly. Empty: NAME({}, ...)."""
    level: int = 9
    """How tightly the C++ binds: 1 sum, 2 product, 3 sign, 9 all else."""
    cpp_number: str = ""
    """The C++ where one of two arguments is a number, which then comes second."""
    limits: tuple[str, ...] = ()
    """Names of the numbers that belong to the operation itself; the C++ has {low} for one."""
    text: str = ""
    """How people read it, with {} for its arguments. Empty: NAME({}, ...)."""
    latex: str = ""
    """The same in LaTeX. Empty: the name, upright, as a call."""


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
        derivative=rules.product,
        cpp="{:2} * {:2}",
        level=2,
        names="multiply",
    ),
    Op(
        name="div",
        says="a / b.",
        arity=2,
        cost=MIDDLE,
        fold=rules.fold_quotient,
        derivative=rules.quotient,
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
        latex=r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{else}} \end{{cases}}",
    ),
    Op(
        name="clamp",
        says="v kept between two numbers.",
        cost=CHEAP,
        derivative=rules.within,
        run=lambda torch, limits, units, v: v.clamp(*limits[:2]),
        cpp="clamp({}, {low}, {high})",
        limits=("low", "high"),
    ),
    Op(
        name="stop",
        says="The same value, through which no gradient flows.",
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
        derivative=rules.largest,
        run=lambda torch, value, units, v: v.amax(-1, keepdim=True),
        text="max({})",
        latex=r"\max({})",
    ),
    Op(
        name="cumsum",
        says="The sum of the hidden units up to and with each: (..., hidden) → the same shape.",
        ends_loop="scan",
        derivative=lambda t, y, g, v: (t.apply("cumsum_back", g),),
        run=lambda torch, value, units, v: rules.spread(v, units).cumsum(-1),
        cpp="sums_forward({}, H)",
    ),
    Op(
        name="cumsum_back",
        says="The sum of the hidden units from each to the last.",
        ends_loop="scan",
        run=lambda torch, value, units, v: rules.spread(v, units).flip(-1).cumsum(-1).flip(-1),
        cpp="sums_backward({}, H)",
    ),
)

_ELEMENTWISE = (
    Op(
        name="sigmoid",
        says="1 / (1 + exp(-v)).",
        fold=rules.fold_sigmoid,
        derivative=lambda t, y, g, v: (t.mul(g, t.mul(y, t.sub(t.const(1), y))),),
        names="expit",
        text="σ({})",
        latex=r"\sigma({})",
    ),
    Op(
        name="tanh",
        says="The hyperbolic tangent.",
        fold=math.tanh,
        derivative=lambda t, y, g, v: (t.mul(g, t.sub(t.const(1), t.mul(y, y))),),
        latex=r"\tanh({})",
    ),
    Op(
        name="relu",
        says="v where it is positive, else 0; the derivative at 0 is 0.",
        cost=CHEAP,
        fold=lambda v: max(v, 0.0),
        derivative=lambda t, y, g, v: (t.where(t.apply("le", y, t.const(0)), t.const(0), g),),
    ),
    Op(
        name="exp",
        says="e to the power v.",
        fold=math.exp,
        derivative=lambda t, y, g, v: (t.mul(g, y),),
        latex=r"\exp({})",
    ),
    Op(
        name="expm1",
        says="exp(v) - 1, exact for small v too.",
        fold=math.expm1,
        derivative=lambda t, y, g, v: (t.mul(g, t.add(y, t.const(1))),),
    ),
    Op(
        name="exp2",
        says="2 to the power v.",
        fold=lambda v: 2.0**v,
        derivative=lambda t, y, g, v: (t.mul(g, t.mul(t.const(math.log(2)), y)),),
        text="2^({})",
        latex="2^{{{}}}",
    ),
    Op(
        name="log",
        says="The natural logarithm.",
        fold=lambda v: math.log(v) if v else -math.inf,
        derivative=lambda t, y, g, v: (t.div(g, v),),
        latex=r"\ln({})",
    ),
    Op(
        name="log1p",
        says="The natural logarithm of 1 + v, exact for small v too.",
        fold=lambda v: math.log1p(v) if v != -1 else -math.inf,
        derivative=lambda t, y, g, v: (t.div(g, t.add(v, t.const(1))),),
    ),
    Op(
        name="sqrt",
        says="The square root.",
        cost=MIDDLE,
        fold=math.sqrt,
        derivative=lambda t, y, g, v: (t.div(t.mul(rules.half(t), g), y),),
        text="√({})",
        latex=r"\sqrt{{{}}}",
    ),
    Op(
        name="rsqrt",
        says="1 / sqrt(v).",
        cost=MIDDLE,
        fold=lambda v: rules.fold_quotient(1.0, math.sqrt(v)),
        derivative=lambda t, y, g, v: (t.mul(t.const(-0.5), t.mul(g, t.mul(y, t.mul(y, y)))),),
        cpp="T(1) / sqrt({})",
        level=2,
        text="1 / √({})",
        latex=r"\frac{{1}}{{\sqrt{{{}}}}}",
    ),
    Op(
        name="reciprocal",
        says="1 / v.",
        cost=MIDDLE,
        fold=lambda v: rules.fold_quotient(1.0, v),
        derivative=lambda t, y, g, v: (t.neg(t.mul(g, t.mul(y, y))),),
        cpp="T(1) / {:3}",
        level=2,
        text="1 / ({})",
        latex=r"\frac{{1}}{{{}}}",
    ),
    Op(
        name="abs",
        says="The value without its sign; the derivative at 0 is 0.",
        cost=CHEAP,
        fold=abs,
        derivative=lambda t, y, g, v: (t.mul(g, t.apply("sign", v)),),
        names="absolute",
        text="|{}|",
        latex=r"\lvert {} \rvert",
    ),
    Op(
        name="sign",
        says="-1, 0 or 1; the derivative is 0 everywhere.",
        cost=CHEAP,
        fold=lambda v: (v > 0) - (v < 0),
        names="sgn",
    ),
    Op(
        name="softplus",
        says="log(1 + exp(v)).",
        fold=rules.fold_softplus,
        derivative=rules.softplus,
        torch="nn.functional.softplus",
        cpp=f"softplus({{}}, T({rules.SOFTPLUS_LIMIT:g}))",
    ),
    Op(
        name="logsigmoid",
        says="log(sigmoid(v)), exact where sigmoid(v) is close to 0 or 1 too.",
        fold=lambda v: min(v, 0.0) - math.log1p(math.exp(-abs(v))),
        derivative=lambda t, y, g, v: (t.mul(g, t.apply("sigmoid", t.neg(v))),),
        torch="nn.functional.logsigmoid",
        names="log_sigmoid",
    ),
    Op(
        name="sin",
        says="The sine of v radians.",
        fold=math.sin,
        derivative=lambda t, y, g, v: (t.mul(g, t.apply("cos", v)),),
        latex=r"\sin({})",
    ),
    Op(
        name="cos",
        says="The cosine of v radians.",
        fold=math.cos,
        derivative=lambda t, y, g, v: (t.neg(t.mul(g, t.apply("sin", v))),),
        latex=r"\cos({})",
    ),
    Op(
        name="floor",
        says="The largest whole number that is not above v; the derivative is 0 everywhere.",
        cost=CHEAP,
        fold=lambda v: float(math.floor(v)) if math.isfinite(v) else v,
        text="⌊{}⌋",
        latex=r"\lfloor {} \rfloor",
    ),
    Op(
        name="remainder",
        says="What a / b leaves over, with the sign of b, as Python's a % b.",
        arity=2,
        cost=MIDDLE,
        fold=rules.fold_remainder,
        derivative=rules.remainder,
    ),
    Op(
        name="erf",
        says="The error function.",
        fold=math.erf,
        derivative=lambda t, y, g, v: (
            t.mul(g, t.mul(t.const(rules.SLOPE_OF_ERF), t.apply("exp", t.neg(t.mul(v, v))))),
        ),
    ),
    Op(
        name="minimum",
        says="The smaller of two values; either may be a number. Where they are equal, each gets half of the gradient.",
        arity=2,
        cost=CHEAP,
        commutative=True,
        fold=lambda a, b: math.nan if a != a or b != b else min(a, b),
        derivative=rules.extreme,
        names="min",
        cpp_number="at_most({}, {})",
        latex=r"\min({}, {})",
    ),
    Op(
        name="maximum",
        says="The larger of two values; either may be a number. Where they are equal, each gets half of the gradient.",
        arity=2,
        cost=CHEAP,
        commutative=True,
        fold=lambda a, b: math.nan if a != a or b != b else max(a, b),
        derivative=rules.extreme,
        names="max",
        cpp_number="at_least({}, {})",
        latex=r"\max({}, {})",
    ),
)

OPS: dict[str, Op] = {op.name: op for op in (*_ARITHMETIC, *_CONDITIONS, *_CHOICES, *_OVER_UNITS, *_ELEMENTWISE)}
ELEMENTWISE: dict[str, Op] = {op.name: op for op in _ELEMENTWISE}
"""Those that are functions of `recurra.expr` and methods of a symbol."""
LEAF = Op(name="leaf", says="What a step is given.")


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
