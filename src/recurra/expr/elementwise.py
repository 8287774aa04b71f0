"""The elementwise operations, a row each, with their longer derivatives and values beside them.

A new one is a row here, and a vector function in native/vector.h where C++ has none yet. What is a formula of other operations
(silu, softmax) is no row: it stands in `formulas`.
"""

import math

from recurra.expr.operation import CHEAP, MIDDLE, Op, fold_quotient

_SOFTPLUS_LIMIT = 20.0
"""From here on softplus is its argument, as PyTorch has it; the C++ and the JavaScript use the same limit."""
_SLOPE_OF_ERF = 2 / math.sqrt(math.pi)


def _extreme(t, y, g, a, b) -> tuple:
    """The one that was taken gets the gradient; at a tie each gets half."""
    tie, zero = t.where(t.apply("eq", a, b), t.mul(t.const(0.5), g), g), t.const(0)
    first_loses, second_loses = t.apply("lt", a, b), t.apply("lt", b, a)
    if y.op == "minimum":
        first_loses, second_loses = second_loses, first_loses
    return t.where(first_loses, zero, tie), t.where(second_loses, zero, tie)


def _softplus(t, y, g, v) -> tuple:
    return (t.where(t.apply("lt", t.const(_SOFTPLUS_LIMIT), v), g, t.mul(g, t.apply("sigmoid", v))),)


def _softplus_of_torch(t, v, beta: float = 1.0, threshold: float = _SOFTPLUS_LIMIT):
    """log(1 + exp(beta v)) / beta, and v itself where beta v is above the threshold."""
    scaled = t.mul(t.const(beta), v)
    smooth = t.div(t.apply("softplus", scaled), t.const(beta))
    return smooth if threshold == _SOFTPLUS_LIMIT else t.where(t.apply("lt", t.const(threshold), scaled), v, smooth)


def _remainder(t, y, g, a, b) -> tuple:
    """b gets -floor(a / b): a less the remainder is that many b, but for rounding."""
    times = t.apply("floor", t.add(t.div(t.sub(a, y), b), t.const(0.5)))
    return g, t.neg(t.mul(g, times))


def _fold_sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v)) if v > -700 else math.exp(v)


def _fold_softplus(v: float) -> float:
    return v if v > _SOFTPLUS_LIMIT else max(v, 0.0) + math.log1p(math.exp(-abs(v)))


def _fold_remainder(a: float, b: float) -> float:
    rest = math.fmod(a, b)
    return rest + b if rest and (rest < 0) != (b < 0) else rest


_ROWS = (
    Op(
        name="sigmoid",
        says="1 / (1 + exp(-v)).",
        js="({0} < 0 ? Math.exp({0}) / (1 + Math.exp({0})) : 1 / (1 + Math.exp(-{0})))",
        fold=_fold_sigmoid,
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
        js="Math.max({}, 0)",
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
        js="2 ** {}",
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
        derivative=lambda t, y, g, v: (t.div(t.mul(t.const(0.5), g), y),),
        text="√({})",
        latex=r"\sqrt{{{}}}",
    ),
    Op(
        name="rsqrt",
        says="1 / sqrt(v).",
        cost=MIDDLE,
        fold=lambda v: fold_quotient(1.0, math.sqrt(v)),
        derivative=lambda t, y, g, v: (t.mul(t.const(-0.5), t.mul(g, t.mul(y, t.mul(y, y)))),),
        cpp="T(1) / sqrt({})",
        js="1 / Math.sqrt({})",
        level=2,
        text="1 / √({})",
        latex=r"\frac{{1}}{{\sqrt{{{}}}}}",
    ),
    Op(
        name="reciprocal",
        says="1 / v.",
        cost=MIDDLE,
        fold=lambda v: fold_quotient(1.0, v),
        derivative=lambda t, y, g, v: (t.neg(t.mul(g, t.mul(y, y))),),
        cpp="T(1) / {:3}",
        js="1 / {}",
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
        says="log(1 + exp(beta v)) / beta: a smooth relu; v itself where beta v is above the threshold.",
        fold=_fold_softplus,
        derivative=_softplus,
        torch="nn.functional.softplus",
        extended=_softplus_of_torch,
        cpp=f"softplus({{}}, T({_SOFTPLUS_LIMIT:g}))",
        js=f"({{0}} > {_SOFTPLUS_LIMIT:g} ? {{0}} : Math.max({{0}}, 0) + Math.log1p(Math.exp(-Math.abs({{0}}))))",
    ),
    Op(
        name="logsigmoid",
        says="log(sigmoid(v)), exact where sigmoid(v) is close to 0 or 1 too.",
        fold=lambda v: min(v, 0.0) - math.log1p(math.exp(-abs(v))),
        derivative=lambda t, y, g, v: (t.mul(g, t.apply("sigmoid", t.neg(v))),),
        torch="nn.functional.logsigmoid",
        js="Math.min({0}, 0) - Math.log1p(Math.exp(-Math.abs({0})))",
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
        fold=_fold_remainder,
        derivative=_remainder,
        js="((rest) => (rest && rest < 0 !== {1} < 0 ? rest + {1} : rest))({0} % {1})",
    ),
    Op(
        name="erf",
        says="The error function.",
        fold=math.erf,
        js="errorFunction({})",
        derivative=lambda t, y, g, v: (t.mul(g, t.mul(t.const(_SLOPE_OF_ERF), t.apply("exp", t.neg(t.mul(v, v))))),),
    ),
    Op(
        name="minimum",
        says="The smaller of two values; either may be a number. Where they are equal, each gets half of the gradient.",
        arity=2,
        cost=CHEAP,
        commutative=True,
        fold=lambda a, b: math.nan if a != a or b != b else min(a, b),
        derivative=_extreme,
        names="min",
        cpp_number="at_most({}, {})",
        js="Math.min({}, {})",
        latex=r"\min({}, {})",
    ),
    Op(
        name="maximum",
        says="The larger of two values; either may be a number. Where they are equal, each gets half of the gradient.",
        arity=2,
        cost=CHEAP,
        commutative=True,
        fold=lambda a, b: math.nan if a != a or b != b else max(a, b),
        derivative=_extreme,
        names="max",
        cpp_number="at_least({}, {})",
        js="Math.max({}, {})",
        latex=r"\max({}, {})",
    ),
)

ELEMENTWISE: dict[str, Op] = {op.name: op for op in _ROWS}
"""Those that are functions of `recurra.expr` and methods of a symbol, by name."""
