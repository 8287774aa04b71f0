"""Elementwise functions for tensors, symbols and numbers alike. On tensors they are PyTorch's own.

They are made from the tables of operations and of formulas; clamp and where, which take more than values, are written here.
"""

import functools
import inspect
from typing import Any

from recurra.expr import formulas
from recurra.expr.elementwise import ELEMENTWISE
from recurra.expr.graph import Table
from recurra.expr.operation import Op
from recurra.expr.ops import fold, torch_function
from recurra.expr.symbols import Symbol, lift, select


def _function(op: Op):
    """An operation as a function."""

    def one(v):
        return _apply(op, v)

    def two(a, b):
        return _apply(op, a, b)

    def extended(v, *more, **named):
        return _extended(op, v, *more, **named) if more or named else _apply(op, v)

    function = extended if op.extended else one if op.arity == 1 else two
    if op.extended:
        function.__signature__ = _without_types(op.extended, 1)
    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = op.says
    return function


def _without_types(function, skip: int) -> inspect.Signature:
    """A function's arguments, for tensors, symbols and numbers alike. skip: how many of the first stand for something else."""
    parameters = [*inspect.signature(function).parameters.values()][skip:]
    first, *more = parameters
    return inspect.Signature([first.replace(annotation=first.empty), *more])


def _apply(op: Op, *values: Any):
    """The operation on symbols, tensors or numbers; a number beside a symbol or a tensor is made the same."""
    for v in values:
        if isinstance(v, Symbol):
            first, *others = (lift(v.table, value) for value in values)
            return first._apply(op.name, *others)
    tensor = next((v for v in values if not isinstance(v, int | float)), None)
    if tensor is None:
        return fold(op.name, values)
    return torch_function(op)(*(tensor.new_tensor(v) if isinstance(v, int | float) else v for v in values))


def _extended(op: Op, v: Any, *more: Any, **named: Any):
    """The same with PyTorch's other arguments."""
    if isinstance(v, Symbol):
        return getattr(v, op.name)(*more, **named)
    if not isinstance(v, int | float):
        return torch_function(op)(v, *more, **named)
    import torch

    return torch_function(op)(torch.tensor(v, dtype=torch.float64), *more, **named).item()


globals().update({name: _function(op) for name, op in ELEMENTWISE.items()})


def _formula(formula: formulas.Formula):
    """A formula of operations as a function."""

    @functools.wraps(formula.of_symbols)
    def function(v, *more, **named):
        if isinstance(v, int | float):
            return fold_formula(lambda symbol: formula.of_symbols(symbol, *more, **named), v)
        if isinstance(v, Symbol):
            return formula.of_symbols(v, *more, **named)
        import torch.nn.functional as F

        return formula.of_tensors(F, v, *more, **named)

    function.__signature__ = _without_types(formula.of_symbols, 0)
    return function


globals().update({name: _formula(formula) for name, formula in formulas.ELEMENTWISE_FORMULAS.items()})


def clamp(v, low: float | None = None, high: float | None = None):
    """v kept between two numbers, either of which may be left out."""
    if isinstance(v, int | float):
        return fold_formula(lambda symbol: symbol.clamp(low, high), v)
    return v.clamp(low, high)


def where(condition, a, b):
    """a where the condition holds, else b: `where(x.i > 0, a, b)`. Either may be a number."""
    if any(isinstance(v, Symbol) for v in (condition, a, b)):
        return select(condition, a, b)
    if isinstance(condition, bool):
        return a if condition else b
    import torch

    return torch.where(condition, a, b)


def fold_formula(formula, v: float) -> float:
    """What a formula of symbols gives for a number."""
    table = Table()
    return formula(Symbol(table, table.const(v))).node.value


__all__ = sorted([*ELEMENTWISE, *formulas.ELEMENTWISE_FORMULAS, "clamp", "where"])
