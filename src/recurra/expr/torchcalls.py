"""torch.* and torch.nn.functional.* on symbols: each known function by name, with PyTorch's own arguments."""

from typing import Any

from recurra.expr import formulas
from recurra.expr.ops import OPS
from recurra.expr.symbols import Symbol, completes, lift, refuse, select

# Functions that are a symbol's method: the table's operations by each of their words, and arithmetic and comparisons.
_METHODS = {
    word: row.name
    for row in OPS.values()
    for word in (row.name, row.torch.rpartition(".")[2], *row.names.split())
    if hasattr(Symbol, row.name)
} | {
    "pow": "pow",
    "sum": "sum",
    "amin": "amin",
    "detach": "detach",
    "clip": "clamp",
    "lt": "__lt__",
    "le": "__le__",
    "gt": "__gt__",
    "ge": "__ge__",
    "eq": "__eq__",
    "ne": "__ne__",
    "less": "__lt__",
    "greater": "__gt__",
    "less_equal": "__le__",
    "greater_equal": "__ge__",
    "logical_not": "__invert__",
    "logical_and": "__and__",
    "logical_or": "__or__",
    "rsub": "__rsub__",
    "clamp_min": "clamp_min",
    "clamp_max": "clamp_max",
    "clone": "clone",
    "contiguous": "contiguous",
}


@completes("torch")
def call(function: Any, args: tuple, kwargs: dict) -> Symbol:
    """What `function` gives for these arguments. TraceError if it is not known."""
    name = getattr(function, "__name__", str(function)).removeprefix("special_")
    if kwargs.get("inplace") or kwargs.get("out") is not None:
        raise refuse(f"`{name}` that writes into a value", "leave inplace and out away: v = f(v)")
    args, kwargs = list(args), {k: v for k, v in kwargs.items() if k not in ("inplace", "_stacklevel", "out")}
    own = _OWN.get(name)
    if own is not None:
        return own(*args, **kwargs)
    if name.startswith("__") and hasattr(Symbol, name):
        method = name
    else:
        method = _METHODS.get(name)
    if method is None:
        raise refuse(f"torch's `{name}` is not known to the compiler", "see recurra.expr for what is")
    table = next(v.table for v in [*args, *kwargs.values()] if isinstance(v, Symbol))
    first = args.pop(0) if args else kwargs.pop("input")
    if "other" in kwargs:
        args.append(kwargs.pop("other"))
    if "dtype" in kwargs and kwargs.pop("dtype") is not None:
        raise refuse(f"`{name}` with a dtype", "leave the dtype out: the layer's is used")
    return getattr(lift(table, first), method)(*args, **kwargs)


def _softmax(input, dim=-1, **_):
    return input.softmax(dim)


def _layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5, **_):
    return formulas.layer_norm(input, weight, bias, eps)


def _rms_norm(input, normalized_shape, weight=None, eps=None):
    if eps is None:
        raise refuse("rms_norm without eps", "give eps, such as 1e-6")
    return formulas.rms_norm(input, weight, eps)


def _leaky_relu(input, negative_slope=0.01):
    return select(input > 0, input, input * negative_slope)


def _elu(input, alpha=1.0):
    return select(input > 0, input, alpha * input.clamp(max=0.0).expm1())


def _formula(function):
    return lambda input, *more, **named: function(input, *more, **named)


_OWN = {formula.torch: _formula(formula.of_symbols) for formula in formulas.ELEMENTWISE_FORMULAS.values()} | {
    "where": lambda condition, input, other: select(condition, input, other),
    "hardtanh": lambda input, min_val=-1.0, max_val=1.0: formulas.hardtanh(input, min_val, max_val),
    "relu6": lambda input: formulas.hardtanh(input, 0, 6),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "softmax": _softmax,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "tanhshrink": lambda input: input - input.tanh(),
    "softsign": lambda input: input / (1 + input.abs()),
    "zeros_like": lambda input, **_: lift(input.table, 0.0),
    "ones_like": lambda input, **_: lift(input.table, 1.0),
    "full_like": lambda input, fill_value, **_: lift(input.table, fill_value),
}
