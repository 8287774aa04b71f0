"""Symbols: what a step is run on to learn its equations. Each stands for a value and answers as a tensor would.

A symbol takes arithmetic, comparisons, the methods below, `torch.*` calls and the functions of `recurra.expr`. What it
cannot stand for (a Python `if` on a value, indexing, an unknown function) is a TraceError that shows the user's line.
"""

import linecache
import os
import sys
from collections.abc import Callable
from numbers import Real
from typing import Any

from recurra.errors import TraceError
from recurra.expr.elementwise import ELEMENTWISE
from recurra.expr.graph import Node, Table
from recurra.expr.operation import Op

_HERE = os.path.dirname(os.path.abspath(__file__))
_CELLS = tuple(os.path.join(os.path.dirname(_HERE), "cells", name) for name in ("base.py", "check.py"))
_CONVERSIONS = ("to", "type", "type_as", "float", "double", "half", "bfloat16", "int", "long", "bool")
_SELECT = "write where(condition, a, b), and &, |, ~ for `and`, `or`, `not`"


def refuse(what: str, instead: str) -> TraceError:
    """The error for something that cannot be traced, with the place in the user's code that asked for it."""
    frame = sys._getframe(1)
    while frame is not None and _inner(frame.f_code.co_filename):
        frame = frame.f_back
    error = TraceError(f"{_line(frame)}{what}; {instead}")
    error.instead = instead
    return error


def place_of(traceback) -> str:
    """The innermost line of a user's step that an error came through, as the start of a message; empty if there is none."""
    found = None
    while traceback is not None:
        if not _inner(traceback.tb_frame.f_code.co_filename):
            found = traceback
        traceback = traceback.tb_next
    return "" if found is None else _line(found.tb_frame, found.tb_lineno)


def _line(frame, number: int | None = None) -> str:
    """`cell.py:12: `the line`: ` of a frame."""
    if frame is None:
        return ""
    file, number = frame.f_code.co_filename, number or frame.f_lineno
    line = linecache.getline(file, number).strip()
    place = f"{os.path.basename(file)}:{number}"
    return f"{place}: `{line}`: " if line else f"{place}: "


def _inner(file: str) -> bool:
    if file.startswith("<frozen "):  # Python's own; other names like it are a prompt's or a notebook's
        return True
    parts = file.replace("\\", "/").split("/")
    return file.startswith(_HERE) or file in _CELLS or "torch" in parts or "numpy" in parts


_OUTSIDE: dict[str, Callable[..., Any]] = {}
"""What a symbol hands on to modules that are made of symbols: `completes` enters their functions."""


def completes(name: str) -> Callable:
    """Enter a function that symbols need and that stands in a module above this one: "softmax", "torch"."""

    def enter(function: Callable) -> Callable:
        _OUTSIDE[name] = function
        return function

    return enter


class Symbol:
    """A value of the step. Make them through `trace`."""

    __slots__ = ("node", "table")
    __hash__ = object.__hash__

    def __init__(self, table: Table, node: Node):
        self.table, self.node = table, node

    def _new(self, node: Node) -> "Symbol":
        return Symbol(self.table, node)

    def _number(self, value: Any) -> Node:
        """The node of an operand that has to be a number."""
        return self._numbers(value)[0]

    def _numbers(self, *values: Any) -> list[Node]:
        """The nodes of operands, as numbers. A truth value counts as 1 or 0 beside a value of the step, whose type it takes;
        alone, or beside a plain number, PyTorch makes something else of it."""
        nodes = [as_node(self.table, value) for value in values]
        if any(node.boolean for node in nodes):
            if all(node.boolean or node.kind == "const" for node in nodes):
                raise refuse("a condition in place of a number", "write where(condition, 1.0, 0.0)")
            one, zero = self.table.const(1), self.table.const(0)
            nodes = [self.table.where(node, one, zero) if node.boolean else node for node in nodes]
        return nodes

    def _condition(self, value: Any) -> Node:
        node = as_node(self.table, value)
        if node.boolean:
            return node
        raise refuse("a number where a condition is expected", "compare it first, such as (v > 0)")

    def _call(self, method: Callable, *others: Any) -> "Symbol":
        return self._new(method(*self._numbers(self, *others)))

    def _apply(self, op: str, *others: Any) -> "Symbol":
        return self._new(self.table.apply(op, *self._numbers(self, *others)))

    def __repr__(self) -> str:
        return f"Symbol({self.node!r})"

    # arithmetic

    def __add__(self, other):
        return self._call(self.table.add, other)

    def __sub__(self, other):
        return self._call(self.table.sub, other)

    def __mul__(self, other):
        return self._call(self.table.mul, other)

    def __truediv__(self, other):
        return self._call(self.table.div, other)

    def __radd__(self, other):
        return lift(self.table, other) + self

    def __rsub__(self, other):
        return lift(self.table, other) - self

    def __rmul__(self, other):
        return lift(self.table, other) * self

    def __rtruediv__(self, other):
        return lift(self.table, other) / self

    def __mod__(self, other):
        return self._apply("remainder", other)

    def __rmod__(self, other):
        raise refuse("a number % a value, which PyTorch does not differentiate", "write remainder(number, v)")

    def __floordiv__(self, other):
        raise refuse("`//`, which PyTorch does not differentiate", "write floor(a / b)")

    __rfloordiv__ = __floordiv__

    def __neg__(self):
        return self._call(self.table.neg)

    def __pos__(self):
        return self

    def __abs__(self):
        return self.abs()

    def __pow__(self, exponent):
        if isinstance(exponent, Real) and not isinstance(exponent, bool):
            if exponent == int(exponent) and abs(exponent) <= 64:
                return self._new(self.table.power(self._number(self), int(exponent)))
            if abs(exponent) == 0.5:
                return self.sqrt() if exponent > 0 else self.rsqrt()
        raise refuse(f"a power of {_name(exponent)}", "whole powers and 0.5 are known; else write exp(p * log(v))")

    # comparisons

    def __lt__(self, other):
        return self._apply("lt", other)

    def __le__(self, other):
        return self._apply("le", other)

    def __gt__(self, other):
        return lift(self.table, other) < self

    def __ge__(self, other):
        return lift(self.table, other) <= self

    def __eq__(self, other):
        nodes = [as_node(self.table, value) for value in (self, other)]
        if all(node.boolean for node in nodes):
            a, b = nodes
            both, neither = self.table.make("and", a, b), self.table.make("not", self.table.make("or", a, b))
            return self._new(self.table.make("or", both, neither))
        return self._apply("eq", other)

    def __ne__(self, other):
        return ~(self == other)

    def __and__(self, other):
        return self._new(self.table.make("and", self._condition(self), self._condition(other)))

    def __or__(self, other):
        return self._new(self.table.make("or", self._condition(self), self._condition(other)))

    def __invert__(self):
        return self._new(self.table.make("not", self._condition(self)))

    __rand__, __ror__ = __and__, __or__

    # methods, as a tensor has them

    def square(self):
        return self * self

    def pow(self, exponent):
        return self**exponent

    def neg(self):
        return -self

    def add(self, other, *, alpha=1):
        return self + other * alpha

    def sub(self, other, *, alpha=1):
        return self - other * alpha

    def mul(self, other):
        return self * other

    def div(self, other):
        return self / other

    def clamp(self, min=None, max=None):
        if not all(limit is None or isinstance(limit, Real) for limit in (min, max)) or min is max is None:
            raise refuse("clamp takes numbers", "for other limits write minimum(maximum(v, low), high)")
        return self._new(self.table.clamp(self._number(self), min, max))

    clip = clamp

    def clamp_min(self, min):
        return self.clamp(min=min)

    def clamp_max(self, max):
        return self.clamp(max=max)

    def where(self, condition, other):
        return select(condition, self, other)

    def detach(self):
        return self._new(self.table.stop(self._number(self)))

    def clone(self):
        return self

    contiguous = clone

    def mean(self, dim=None, keepdim=False):
        return self._reduce(self.table.mean, "mean", dim, keepdim)

    def sum(self, dim=None, keepdim=False):
        # Of a row's number PyTorch's sum is the number.
        same = self.node.kind == "row"
        return self._reduce((lambda node: node) if same else self.table.sum, "sum", dim, keepdim)

    def amax(self, dim=None, keepdim=False):
        return self._reduce(self.table.amax, "amax", dim, keepdim)

    def amin(self, dim=None, keepdim=False):
        return -(-self).amax(dim, keepdim)

    def _reduce(self, method, name: str, dim, keepdim: bool):
        if not self._is_over_units(dim) or not keepdim:
            raise refuse(
                f"{name} over other than the hidden units", f"write v.{name}(-1, keepdim=True), which gives one per row"
            )
        return self._new(method(self._number(self)))

    def _is_over_units(self, dim: Any) -> bool:
        """Whether `dim` is the last axis: values are (batch, hidden), learned vectors (hidden,)."""
        last = (-1, 0 if self.node.kind == "vector" else 1)
        dim = dim[0] if isinstance(dim, tuple | list) and len(dim) == 1 else dim
        return not isinstance(dim, Symbol | tuple | list) and dim in last

    def cumsum(self, dim=None):
        if not self._is_over_units(dim):
            raise refuse("cumsum over other than the hidden units", "write cumsum(v)")
        node = self._number(self)
        if node.kind == "const":
            raise refuse("a cumsum of a number", "it is of a value with one number for each hidden unit")
        return self if node.kind == "row" else self._new(self.table.cumsum(node))

    def softmax(self, dim=-1):
        if not self._is_over_units(dim):
            raise refuse("softmax over other than the hidden units", "write softmax(v)")
        return _OUTSIDE["softmax"](self)

    # what a symbol cannot stand for

    def __bool__(self):
        raise refuse("a Python condition on a value that is only known when the cell runs", _SELECT)

    def __float__(self):
        raise refuse("a value made into a Python number", "use the functions of recurra.expr in place of math's")

    __int__ = __index__ = __complex__ = __float__

    def __format__(self, spec):
        return repr(self) if not spec else self.__float__()

    def item(self):
        return self.__float__()

    def __getitem__(self, key):
        raise refuse("indexing", "a step works on all hidden units alike; give each part a gate or a state of its own")

    def __setitem__(self, key, value):
        raise refuse("writing into a value", "write where(condition, a, b)")

    def __iter__(self):
        raise refuse("a loop over a value", "a step works on all hidden units alike: sum(v), mean(v) over them")

    def __len__(self):
        raise refuse("the length of a value", "mean(v) divides by the number of hidden units")

    def __array__(self, *args, **kwargs):
        raise refuse("numpy on a value", "use the functions of recurra.expr, or torch's")

    def __array_ufunc__(self, *args, **kwargs):
        raise refuse("numpy on a value", "use the functions of recurra.expr, or torch's")

    def __matmul__(self, other):
        raise refuse("a matrix product", "W_x and W_h multiply before the step; h.of(v) multiplies v by W_h")

    __rmatmul__ = __matmul__

    def __getattr__(self, name: str):
        if name.startswith("__"):  # introspection looks such names up and expects a plain answer
            raise AttributeError(name)
        if name in _CONVERSIONS:
            raise refuse(f"`.{name}`, which changes the type", "leave it out: a step's values have the layer's type")
        raise refuse(f"`.{name}` is not known to the compiler", "see recurra.expr for what is")

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return _OUTSIDE["torch"](function, args, kwargs or {})


def _method(op: Op) -> Callable:
    """A symbol's method of an operation's name."""

    def extended(self, *more, **named):
        if not (more or named):
            return self._apply(op.name)
        return self._new(op.extended(self.table, self._number(self), *more, **named))

    def method(self, *others):
        if len(others) != op.arity - 1:
            over = "; over the hidden units write row_max(v), row_sum(v), row_mean(v)" if op.arity > 1 else ""
            raise refuse(f"{len(others) + 1} arguments for `{op.name}`", f"it takes {op.arity}{over}")
        return self._apply(op.name, *others)

    return extended if op.extended else method


for _op in ELEMENTWISE.values():
    for _name in (_op.name, *_op.names.split()):
        setattr(Symbol, _name, _method(_op))


def as_node(table: Table, value: Any) -> Node:
    """A symbol's node, or a number's."""
    if isinstance(value, Symbol):
        if value.table is not table:
            raise refuse("a value kept from another run of the step", "a step may use only what it is given")
        return value.node
    if isinstance(value, Real):
        return table.const(value)
    if getattr(value, "ndim", None) == 0 and not getattr(value, "requires_grad", False):
        return table.const(value.item())
    if type(value).__module__.partition(".")[0] == "torch":
        raise refuse("a tensor inside the step", "declare it in the cell's `vectors`, and take it from w")
    raise refuse(f"{_name(value)} in arithmetic", "use symbols and numbers")


def lift(table: Table, value: Any) -> Symbol:
    return Symbol(table, as_node(table, value))


def select(condition: Any, a: Any, b: Any) -> Symbol:
    """a where the condition holds, else b."""
    table = next(v.table for v in (condition, a, b) if isinstance(v, Symbol))
    if isinstance(condition, bool):
        return lift(table, a if condition else b)
    if not isinstance(condition, Symbol):
        raise refuse(f"{_name(condition)} as a condition", "compare values, such as where(x.i > 0, a, b)")
    one = lift(table, condition)
    return Symbol(table, table.where(one._condition(one), *one._numbers(a, b)))


def _name(value: Any) -> str:
    return repr(value) if isinstance(value, Real | str) else type(value).__name__
