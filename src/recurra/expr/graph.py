"""The graph of a cell's step: immutable nodes, made once each, simplified as they are made.

A node is an operation on other nodes. Its kind says what it varies over, and so what it costs:

    unit    a number for each batch row and each hidden unit: (rows, units)
    row     one number per batch row: what a row operation gives; (rows, 1)
    vector  one number a hidden unit, the same for all rows: a learned vector and what is made of it; (units,)
    const   a number known now

Asking a Table twice for the same operation gives the same node, so common subexpressions are shared by construction.
"""

import functools
import hashlib
import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from recurra.expr.operation import CHEAP, LEAF, Op
from recurra.expr.ops import OPS, fold


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One operation. Equal nodes of one Table are the same object."""

    op: str
    args: tuple["Node", ...]
    value: object
    """What the operation needs beside its arguments: a constant's number, a leaf's index, clamp's limits."""
    kind: str
    number: int
    """Order of making: arguments have smaller numbers."""

    @property
    def row(self) -> Op:
        """Its row in the table of operations; a leaf's is LEAF."""
        return OPS.get(self.op, LEAF)

    @property
    def boolean(self) -> bool:
        return self.row.boolean

    @property
    def cheap(self) -> bool:
        """Whether to compute it again costs next to nothing."""
        return self.row.cost == CHEAP

    def __repr__(self) -> str:
        # One level: a node that is shared would be written out at every use.
        inside = [f"#{a.number}" for a in self.args] + ([repr(self.value)] if self.value is not None else [])
        return f"#{self.number} = {self.op}({', '.join(inside)})"


def order(roots: Iterable[Node]) -> list[Node]:
    """Every node that the roots need, arguments first."""
    seen, todo = set(), list(roots)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo.extend(node.args)
    return sorted(seen, key=lambda node: node.number)


def is_const(node: Node, value: float) -> bool:
    return node.op == "const" and node.value == value


@dataclass(frozen=True, eq=False)
class Graph:
    """One step of a cell as nodes."""

    cell: object
    table: "Table"
    states: tuple[Node, ...]
    """The new states, in the cell's order."""
    gates: dict[str, Node]
    """The gates that the step names in s.next(...), in the cell's order."""
    ofs: tuple[Node, ...] = ()
    """The vectors that `h.of` multiplies by W_h, in the order of their stages."""
    of_gates: tuple[tuple[int, ...], ...] = ()
    """For each of them, which gates of the product are read."""
    merged: bool = False
    """Every gate is read only as x.g + h.g (or there is no W_h): one leaf `a` a gate holds the sum."""
    names: dict[Node, str] = field(default_factory=dict)
    """What the cell calls a value, where it has a name."""
    x_gates: tuple[int, ...] = ()
    """The gates that have rows in W_x: those that the step reads of x."""
    h_gates: tuple[int, ...] = ()
    """The gates that have rows in W_h; empty: there is no W_h."""
    output: Node | None = None
    """The layer's output, for a cell whose output is no state."""

    @functools.cached_property
    def key(self) -> str:
        """Equal for equal equations in equal words, whichever cell they were read from, and when."""
        nodes = order(self.outputs())
        place = {node: k for k, node in enumerate(nodes)}
        cell = self.cell
        parts = [
            repr(cell),
            type(cell).__doc__,
            (cell.gates, cell.states, tuple(cell.vectors), cell.recurrent, self.of_gates, self.merged),
            (self.x_gates, self.h_gates, cell.given, cell.output),
            [(node.op, [place[a] for a in node.args], node.value, node.kind) for node in nodes],
            [place[node] for node in self.outputs()],
            tuple(self.gates),
            sorted((place[node], name) for node, name in self.names.items() if node in place),
            sorted(
                (place[node], word)
                for node, (word, args) in self.table.called.items()
                if node in place and all(a in place for a in args)
            ),
        ]
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def __eq__(self, other) -> bool:
        return isinstance(other, Graph) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def outputs(self) -> Iterator[Node]:
        yield from self.states
        yield from self.gates.values()
        yield from self.ofs
        if self.output is not None:
            yield self.output


class Table:
    """Makes nodes. Each method is an operation, simplified where the result is the same number: numbers are not regrouped
    but for powers of two, so that (v + 12582912) - 12582912 rounds v. Two exceptions round otherwise: x.g and h.g are
    added first, wherever they stand in a sum, and a row's factors leave its mean."""

    def __init__(self):
        self._nodes: dict = {}
        self.called: dict[Node, tuple[str, tuple[Node, ...]]] = {}
        """What the cell called to make a value, with its arguments, where that is one word for several nodes."""

    def make(self, op: str, *args: Node, value=None, kind: str | None = None) -> Node:
        """The node of this operation, as it stands."""
        inputs = sorted(args, key=lambda a: a.number) if op in OPS and OPS[op].commutative else args
        # By bits: 0.0 and -0.0 differ, and NaN is itself.
        exact = struct.pack("d", value) if op == "const" else value
        key = (op, *(a.number for a in inputs), "=", exact)
        if key not in self._nodes:
            self._nodes[key] = Node(op, args, value, kind or _join(a.kind for a in args), len(self._nodes))
        return self._nodes[key]

    def const(self, value: float) -> Node:
        return self.make("const", value=float(value), kind="const")

    def leaf(self, op: str, value=None, kind: str = "unit") -> Node:
        return self.make(op, value=value, kind=kind)

    @property
    def units(self) -> Node:
        """The number of hidden units."""
        return self.leaf("units", kind="row")

    @property
    def per_unit(self) -> Node:
        """1 / the number of hidden units."""
        return self.leaf("per_unit", kind="row")

    def add(self, a: Node, b: Node) -> Node:
        if a.op == b.op == "const":
            return self.const(a.value + b.value)
        if a.op == "const":
            a, b = b, a
        if is_const(b, 0):
            return a
        if a is b:
            return self.mul(self.const(2), a)
        if b.op == "neg":
            return self.sub(a, b.args[0])
        if a.op == "neg":
            return self.sub(b, a.args[0])
        return self._pair(a, b) or self.make("add", a, b)

    def _pair(self, a: Node, b: Node) -> Node | None:
        """x.g and h.g of one gate are brought together, however the sum was written: so that they can become one."""
        left, right = _terms(a), _terms(b)
        for sign, node in left:
            partner = self._partner(node)
            if sign > 0 and partner and (1, partner) in right and not (node is a and partner is b):
                rest = [t for t in left if t != (1, node)] + [t for t in right if t != (1, partner)]
                x, h = (node, partner) if node.op == "x" else (partner, node)
                total = self.make("add", x, h)
                for sign, term in rest:
                    total = self.add(total, term) if sign > 0 else self.sub(total, term)
                return total
        return None

    def _partner(self, node: Node) -> Node | None:
        return self.leaf({"x": "h", "h": "x"}[node.op], node.value) if node.op in ("x", "h") else None

    def sub(self, a: Node, b: Node) -> Node:
        if a.op == b.op == "const":
            return self.const(a.value - b.value)
        if b.op == "const":
            return self.add(a, self.const(-b.value))
        if is_const(a, 0):
            return self.neg(b)
        if a is b and a.kind == "row":
            # mean(v - mean(v)) is this. A NaN in it is in everything else of the row too.
            return self.const(0)
        if b.op == "neg":
            return self.add(a, b.args[0])
        if a.op == "neg":
            return self.neg(self.add(a.args[0], b))
        return self.make("sub", a, b)

    def neg(self, a: Node) -> Node:
        if a.op == "const":
            return self.const(-a.value)
        if a.op == "neg":
            return a.args[0]
        if a.op == "sub":
            return self.sub(a.args[1], a.args[0])
        if a.op == "mul" and a.args[0].op == "const":
            return self.mul(self.const(-a.args[0].value), a.args[1])
        return self.make("neg", a)

    def mul(self, a: Node, b: Node) -> Node:
        if a.op == b.op == "const":
            return self.const(a.value * b.value)
        if b.op == "const" or (b.kind == "row" and a.kind in ("unit", "vector")):
            a, b = b, a
        if is_const(a, 1):
            return b
        if is_const(a, -1):
            return self.neg(b)
        if a.op == "neg" or b.op == "neg":
            negative = (a.op == "neg") != (b.op == "neg")
            product = self.mul(a.args[0] if a.op == "neg" else a, b.args[0] if b.op == "neg" else b)
            return self.neg(product) if negative else product
        if a.kind in ("row", "const"):
            factors = _factors(a) + _factors(b)
            if b.kind == "row" and _exact([f.value for f in factors if f.op == "const"]):
                return self._row_product(factors)
            first = b.args[0] if b.op == "mul" else b
            # One factor of the whole row, so that a unit has one product less.
            if first is not b and (first.kind == "row" or (first.op == "const" and _may_join(a, first))):
                return self.mul(self.mul(a, first), b.args[1])
        return self.make("mul", a, b)

    def _row_product(self, factors: list[Node]) -> Node:
        """Numbers first and as one; H and 1 / H cancel."""
        number, units, rest = 1.0, 0, []
        for factor in factors:
            match factor.op:
                case "const":
                    number *= factor.value
                case "units":
                    units += 1
                case "per_unit":
                    units -= 1
                case _:
                    rest.append(factor)
        rest += [self.units if units > 0 else self.per_unit] * abs(units)
        if not rest:
            return self.const(number)
        total = rest[0]
        for factor in rest[1:]:
            total = self.make("mul", total, factor)
        if number in (1, -1):
            return total if number == 1 else self.neg(total)
        return self.make("mul", self.const(number), total)

    def div(self, a: Node, b: Node) -> Node:
        if a.op == b.op == "const":
            return self.const(fold("div", (a.value, b.value)))
        if b.op == "const" and _power_of_two(b.value):
            return self.mul(self.const(1 / b.value), a)
        if is_const(a, 1):
            return self.apply("reciprocal", b)
        if a.op == "neg":
            return self.neg(self.div(a.args[0], b))
        return self.make("div", a, b)

    def power(self, a: Node, exponent: int) -> Node:
        """a to a whole power, by squaring."""
        if exponent < 0:
            return self.apply("reciprocal", self.power(a, -exponent))
        result, square = self.const(1), a
        while exponent:
            if exponent % 2:
                result = self.mul(result, square)
            exponent //= 2
            square = self.mul(square, square) if exponent else square
        return result

    def apply(self, op: str, *args: Node) -> Node:
        """An operation by name, simplified."""
        own = getattr(self, op) if op in _OWN else None
        if own:
            return own(*args)
        if OPS[op].fold and all(a.op == "const" for a in args):
            return self.const(fold(op, [a.value for a in args]))
        return self.make(op, *args)

    def clamp(self, a: Node, low: float | None, high: float | None, inside: bool = False) -> Node:
        """Between low and high; `inside`: at the limits themselves the derivative is 0, as in hardtanh; else 1."""
        low, high = -math.inf if low is None else float(low), math.inf if high is None else float(high)
        if a.op == "const":
            return self.const(min(max(a.value, low), high))
        return self.make("clamp", a, value=(low, high, inside))

    def where(self, condition: Node, a: Node, b: Node) -> Node:
        return a if a is b else self.make("where", condition, a, b)

    def stop(self, a: Node) -> Node:
        """The same value, through which no gradient flows."""
        return a if a.op == "const" else self.make("stop", a)

    def mean(self, a: Node) -> Node:
        """Over the hidden units. Row factors and row terms leave the sum: fewer sums, and no loop that waits for one."""
        if a.kind in ("row", "const"):
            return a
        if a.op == "neg":
            return self.neg(self.mean(a.args[0]))
        if a.op == "mul":
            row, rest = self._pulled(a)
            if row is not None:
                mean = self.mean(rest)
                return mean if is_const(mean, 0) else self.mul(row, mean)
        if a.op in ("add", "sub") and any(_leaves_mean(side) for side in a.args):
            return (self.add if a.op == "add" else self.sub)(self.mean(a.args[0]), self.mean(a.args[1]))
        return self.make("mean", a, kind="row")

    def _pulled(self, node: Node) -> tuple[Node | None, Node]:
        """A product's factors of the whole row, and the rest as it stands."""
        if node.op != "mul":
            return None, node
        if node.args[0].kind in ("row", "const"):
            row, rest = self._pulled(node.args[1])
            return (node.args[0] if row is None else self.mul(node.args[0], row)), rest
        (row_a, a), (row_b, b) = self._pulled(node.args[0]), self._pulled(node.args[1])
        rows = [row for row in (row_a, row_b) if row is not None]
        if not rows:
            return None, node
        return (self.mul(*rows) if len(rows) > 1 else rows[0]), self.mul(a, b)

    def sum(self, a: Node) -> Node:
        return self.mul(self.units, self.mean(a))

    def cumsum(self, a: Node, op: str = "cumsum") -> Node:
        """Over the hidden units; a row's number counts once for each."""
        return self.make(op, a, kind="unit")

    def cumsum_back(self, a: Node) -> Node:
        return self.cumsum(a, "cumsum_back")

    def amax(self, a: Node) -> Node:
        return a if a.kind in ("row", "const") else self.make("amax", a, kind="row")

    def again(self, node: Node, args: tuple[Node, ...]) -> Node:
        """The node's operation on other arguments, simplified again."""
        if not args:
            return node
        return self.clamp(*args, *node.value) if node.op == "clamp" else self.apply(node.op, *args)


_OWN = frozenset(("add", "sub", "neg", "mul", "div", "where", "stop", "mean", "amax", "cumsum", "cumsum_back"))
"""Operations that are simplified by a method of their own."""


def _join(kinds: Iterable[str]) -> str:
    kinds = set(kinds)
    if "unit" in kinds or {"row", "vector"} <= kinds:
        return "unit"
    return next((kind for kind in ("row", "vector") if kind in kinds), "const")


def _terms(node: Node, sign: int = 1) -> list[tuple[int, Node]]:
    """A sum's terms with their signs; x.g + h.g is one term."""
    if is_pair(node):
        return [(sign, node)]
    if node.op == "add":
        return _terms(node.args[0], sign) + _terms(node.args[1], sign)
    if node.op == "sub":
        return _terms(node.args[0], sign) + _terms(node.args[1], -sign)
    return [(sign, node)]


def is_pair(node: Node) -> bool:
    """Whether this is x.g + h.g of one gate."""
    return node.op == "add" and {a.op for a in node.args} == {"x", "h"} and len({a.value for a in node.args}) == 1


def _power_of_two(value: float) -> bool:
    return math.isfinite(value) and abs(math.frexp(value)[0]) == 0.5


def _may_join(a: Node, number: Node) -> bool:
    return a.kind == "row" or _exact([a.value, number.value])


def _exact(numbers: list[float]) -> bool:
    """Whether a product of these is the same in any order: all but one are powers of two."""
    return sum(not _power_of_two(number) for number in numbers) <= 1


def _factors(node: Node) -> list[Node]:
    return _factors(node.args[0]) + _factors(node.args[1]) if node.op == "mul" else [node]


def _leaves_mean(node: Node) -> bool:
    """Whether a part of this term's mean is known without a sum of its own."""
    if node.op in ("add", "sub", "neg"):
        return any(_leaves_mean(a) for a in node.args)
    return any(f.kind in ("row", "const") for f in _factors(node))
