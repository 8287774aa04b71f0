"""The elementwise operations in JavaScript, made from the table: what static/graph.js imports as operations.js.

const tanh = (a) => Math.tanh(a);
export const OPS = { tanh: [tanh, (y, a) => [(1 - (y * y))]], ...       a function, and the derivative by each argument
"""

import math
import re

from recurra.expr.graph import Node, Table
from recurra.expr.operation import Op
from recurra.expr.ops import OPS

ARGUMENTS = "abc"


def script() -> str:
    """The module's text. An operation over the units, or with numbers of its own (clamp), is none of these."""
    rows = [row for row in OPS.values() if not (row.ends_loop or row.limits)]
    functions = [f"const {_name(row)} = ({_arguments(row)}) => {_value(row, ARGUMENTS)};" for row in rows]
    table = [f"  {row.name}: [{_name(row)}, (y, {_arguments(row)}) => [{', '.join(_slopes(row))}]]," for row in rows]
    head = 'import { errorFunction } from "./functions.js";'
    return "\n".join([head, "", *functions, "", "export const OPS = {", *table, "};", ""])


def _name(row: Op) -> str:
    """Its function: of a name that no word of JavaScript has."""
    return f"${row.name}"


def _arguments(row: Op) -> str:
    return ", ".join(ARGUMENTS[: row.arity])


def _value(row: Op, arguments) -> str:
    """The operation of these arguments."""
    arithmetic = row.level < 9 or row.boolean
    default = re.sub(r"{:\d}", "{}", row.cpp) if arithmetic else f"Math.{row.name}({', '.join(['{}'] * row.arity)})"
    text = (row.js or default).format(*arguments)
    return f"+{text}" if row.boolean else text


def _slopes(row: Op) -> list[str]:
    """The derivative by each argument, where y is the value."""
    if row.derivative is None:
        return ["0"] * row.arity
    table = Table()
    arguments = [table.leaf("argument", name) for name in ARGUMENTS[: row.arity]]
    y = table.make(row.name, *arguments)
    slopes = row.derivative(table, y, table.const(1), *arguments)
    return ["0" if slope is None else _written(slope, y) for slope in slopes]


def _written(node: Node, y: Node) -> str:
    if node is y:
        return "y"
    if node.op == "argument":
        return node.value
    if node.op == "const":
        return _number(node.value)
    arguments = [_written(a, y) for a in node.args]
    return f"({_value(node.row, arguments)})" if node.row.level < 9 else f"{_name(node.row)}({', '.join(arguments)})"


def _number(value: float) -> str:
    text = "NaN" if math.isnan(value) else f"{value!r}".replace("inf", "Infinity").removesuffix(".0")
    return f"({text})" if text.startswith("-") else text
