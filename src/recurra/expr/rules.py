"""The longer derivatives and values of operations, for the rows of `ops`.

A derivative is (table, y, g, *arguments) → the gradient of each argument, or None, for the gradient g of y.
"""

import math

SOFTPLUS_LIMIT = 20.0
"""From here on softplus is its argument, as PyTorch has it; the C++ uses the same limit."""
SLOPE_OF_ERF = 2 / math.sqrt(math.pi)


def half(t):
    return t.const(0.5)


def product(t, y, g, a, b) -> tuple:
    return (t.mul(t.const(2), t.mul(g, a)), None) if a is b else (t.mul(g, b), t.mul(g, a))


def quotient(t, y, g, a, b) -> tuple:
    part = t.div(g, b)
    return part, t.neg(t.mul(part, y))


def extreme(t, y, g, a, b) -> tuple:
    """The one that was taken gets the gradient; at a tie each gets half."""
    tie, zero = t.where(t.apply("eq", a, b), t.mul(half(t), g), g), t.const(0)
    first_loses, second_loses = t.apply("lt", a, b), t.apply("lt", b, a)
    if y.op == "minimum":
        first_loses, second_loses = second_loses, first_loses
    return t.where(first_loses, zero, tie), t.where(second_loses, zero, tie)


def within(t, y, g, v) -> tuple:
    low, high, inside = y.value
    compare = "lt" if inside else "le"
    within = t.make("and", t.apply(compare, t.const(low), v), t.apply(compare, v, t.const(high)))
    return (t.where(within, g, t.const(0)),)


def largest(t, y, g, v) -> tuple:
    """Equal ones share the gradient."""
    is_largest = t.where(t.apply("eq", v, y), t.const(1), t.const(0))
    return (t.mul(t.div(g, t.sum(is_largest)), is_largest),)


def softplus(t, y, g, v) -> tuple:
    return (t.where(t.apply("lt", t.const(SOFTPLUS_LIMIT), v), g, t.mul(g, t.apply("sigmoid", v))),)


def remainder(t, y, g, a, b) -> tuple:
    """b gets -floor(a / b): a less the remainder is that many b, but for rounding."""
    times = t.apply("floor", t.add(t.div(t.sub(a, y), b), half(t)))
    return g, t.neg(t.mul(g, times))


def fold_quotient(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)


def fold_sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v)) if v > -700 else math.exp(v)


def fold_softplus(v: float) -> float:
    return v if v > SOFTPLUS_LIMIT else max(v, 0.0) + math.log1p(math.exp(-abs(v)))


def fold_remainder(a: float, b: float) -> float:
    rest = math.fmod(a, b)
    return rest + b if rest and (rest < 0) != (b < 0) else rest


def spread(v, units: int):
    """A value of a row, or a number, as one for each unit."""
    if v.dim() == 0:
        return v.expand(units)
    return v.expand(*v.shape[:-1], units)
