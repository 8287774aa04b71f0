"""Elementwise functions for tensors and symbols alike. On tensors they are PyTorch's own."""

from typing import Any

from recurra.expr import symbols
from recurra.expr.symbols import Symbol


def sigmoid(v):
    """1 / (1 + exp(-v))."""
    return v.sigmoid()


def tanh(v):
    """The hyperbolic tangent."""
    return v.tanh()


def relu(v):
    """v where it is positive, else 0; the derivative at 0 is 0."""
    return v.relu()


def exp(v):
    """e to the power v."""
    return v.exp()


def log(v):
    """The natural logarithm."""
    return v.log()


def sqrt(v):
    """The square root."""
    return v.sqrt()


def rsqrt(v):
    """1 / sqrt(v)."""
    return v.rsqrt()


def reciprocal(v):
    """1 / v."""
    return v.reciprocal()


def square(v):
    """v * v."""
    return v.square()


def abs(v):
    """The value without its sign; the derivative at 0 is 0."""
    return v.abs()


def sign(v):
    """-1, 0 or 1; the derivative is 0 everywhere."""
    return v.sign()


def softplus(v, beta: float = 1.0):
    """log(1 + exp(beta v)) / beta: a smooth relu."""
    return symbols.softplus(v, beta) if isinstance(v, Symbol) else _functional().softplus(v, beta)


def gelu(v, approximate: str = "none"):
    """v times the normal distribution's share below v; approximate: "none" (default, exact) or "tanh".

    Hendrycks & Gimpel 2016, arXiv:1606.08415.
    """
    return symbols.gelu(v, approximate) if isinstance(v, Symbol) else _functional().gelu(v, approximate=approximate)


def silu(v):
    """v sigmoid(v), also called swish."""
    return symbols.silu(v) if isinstance(v, Symbol) else _functional().silu(v)


def hard_sigmoid(v):
    """A sigmoid of three straight lines, as torch's: (v + 3) / 6 kept between 0 and 1."""
    return symbols.hard_sigmoid(v) if isinstance(v, Symbol) else _functional().hardtanh(v + 3, 0, 6) / 6


def clamp(v, low: float | None = None, high: float | None = None):
    """v kept between two numbers, either of which may be left out."""
    return v.clamp(low, high)


def maximum(a, b):
    """The larger of two values; one of them may be a number. Where they are equal, each gets half of the gradient."""
    a, b = _alike(a, b)
    return a.maximum(b)


def minimum(a, b):
    """The smaller of two values; one of them may be a number. Where they are equal, each gets half of the gradient."""
    a, b = _alike(a, b)
    return a.minimum(b)


def where(condition, a, b):
    """a where the condition holds, else b: `where(x.i > 0, a, b)`. Either may be a number."""
    if any(isinstance(v, Symbol) for v in (condition, a, b)):
        return symbols.select(condition, a, b)
    import torch

    return torch.where(condition, a, b)


def _functional():
    import torch.nn.functional as F

    return F


def _alike(a: Any, b: Any) -> tuple:
    """A number beside a tensor or a symbol, made the same."""
    if isinstance(a, Symbol) or isinstance(b, Symbol):
        table = (a if isinstance(a, Symbol) else b).table
        return symbols.lift(table, a), symbols.lift(table, b)
    if isinstance(a, int | float):
        return b.new_tensor(a), b
    return (a, a.new_tensor(b)) if isinstance(b, int | float) else (a, b)
