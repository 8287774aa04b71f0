"""Cells at random: every operation of the table, of products, states, vectors, rows and numbers; some that must be refused.

cell = random_cell(random.Random(3), "Cell3")      a class made of source that errors can show; `cell.source`
"""

import linecache
from random import Random

import torch
import torch.nn.functional as F

from recurra import expr
from recurra.cells import Cell
from recurra.expr.elementwise import ELEMENTWISE

# Arguments are kept where values stay moderate, and off the ties and steps that rounding could decide either way.
SAFE = {
    "exp": "exp(clamp({}, -3, 2))",
    "expm1": "expm1(clamp({}, -3, 2))",
    "exp2": "exp2(clamp({}, -3, 2))",
    "log": "log(0.6 + square({}))",
    "log1p": "log1p(square({}))",
    "sqrt": "sqrt(0.2 + square({}))",
    "rsqrt": "rsqrt(0.2 + square({}))",
    "reciprocal": "reciprocal(1.3 + square({}))",
    "sign": "sign(1.7 * {} + 0.37)",
    "floor": "floor(1.7 * {} + 0.37)",
    "abs": "abs({} + 0.013)",
    "relu": "relu({} - 0.017)",
    "minimum": "minimum({}, {} + 0.019)",
    "maximum": "maximum({}, 1.03 * {} - 0.021)",
    "remainder": "remainder(1.1 * {} + 0.23, 0.9 + square({}))",
}
ELEMENTS = [SAFE.get(name, f"{name}({', '.join(['{}'] * op.arity)})") for name, op in ELEMENTWISE.items()]
FORMULAS = [
    "square({})",
    "silu({})",
    "gelu({})",
    "gelu({}, 'tanh')",
    "hard_sigmoid({} + 0.011)",
    "softplus({}, 2.0)",
    "clamp({} + 0.012, -0.7, 0.9)",
    "({})**2",
    "({})**3 * 0.1",
    "(0.3 + square({}))**0.5",
    "-({})",
    "({}).detach()",
    "torch.tanh({})",
    "torch.special.expit({})",
    "F.elu({} + 0.014)",
    "F.leaky_relu({} + 0.015, 0.2)",
    "F.hardtanh({} + 0.016)",
    "F.softsign({})",
    "({}).clone()",
    "({}) % 1.3",
]
PAIRS = ["{} + {}", "{} - {}", "{} * {}", "({}) / (1.5 + square({}))", "where({} + s.h > 0.022, {} + s.h, 0.31)"]
ROWS = ["row_mean({})", "row_sum({}) * 0.2", "row_max({})", "({}).mean(1, keepdim=True)"]
OVER_UNITS = [
    "softmax({})",
    "cumsum({}) * 0.2",
    "layer_norm({}, {v}, None)",
    "rms_norm({}, {v}, 1e-3)",
    "layer_norm({}, None, {v})",
]
REFUSED = {
    "if": "{0} if {0} > 0 else -{0}",
    "unknown": "torch.sinh({0})",
    "index": "{0}[:, :1] + {0}",
    "matrix": "{0} @ {0}.transpose(0, 1) @ {0}",
    "noise": "{0} + torch.rand_like({0})",
    "power": "(1.1 + square({0}))**0.3",
    "condition": "{0} + (({0} > 0) * 0.5).to({0})",
}


class Maker:
    """Writes one cell's source."""

    def __init__(self, random: Random):
        self.random = random
        self.gates = [f"g{k}" for k in range(random.randint(1, 4))]
        self.states = ["h", "c", "m", "n"][: random.randint(1, 4)]
        self.vectors = ["p", "q", "r"][: random.choice((0, 1, 1, 2, 3))]
        self.recurrent = random.random() < 0.8
        self.given = ["dt", "mask"][: random.choice((0, 0, 0, 1, 2))]
        self.output = random.random() < 0.2
        # Every gate belongs to one product: that of h, or one of h.of.
        self.of = [g for g in self.gates if self.recurrent and random.random() < 0.2]
        self.lines: list[str] = []
        self.made: list[str] = []

    def source(self, name: str, refused: str | None) -> str:
        for k in range(self.random.randint(0, 3)):
            self.add(f"t{k}", self.unit(self.random.randint(1, 3)))
        for k, gate in enumerate(self.of):
            self.add(f"of{k}", f"h.of({self.unit(2)}).{gate}")
        if refused:
            self.add("bad", REFUSED[refused].format(self.leaf()))
        results = [f"{state}={self.squashed()}" for state in self.states]
        results += [f"y={self.squashed()}"] if self.output else []
        results += [f"{gate}={self.unit(1)}" for gate in self.gates if self.random.random() < 0.3]
        if refused:
            results[0] += " + bad"
        vectors = "{" + ", ".join(f"'{v}': {0.3 * k - 0.2:.1f}" for k, v in enumerate(self.vectors)) + "}"
        head = [f"class {name}(Cell):", f"    gates, states = '{' '.join(self.gates)}', '{' '.join(self.states)}'"]
        head += [f"    vectors, recurrent = {vectors}, {self.recurrent}"]
        head += [f"    given, output = '{' '.join(self.given)}', '{'y' if self.output else ''}'", ""]
        last = f"{', w' if self.vectors else ''}{', given' if self.given else ''}"
        head += [f"    def step(self, x, h, s{last}):"]
        return "\n".join([*head, *self.lines, f"        return s.next({', '.join(results)})", ""])

    def add(self, name: str, value: str) -> None:
        self.lines.append(f"        {name} = {value}")
        self.made.append(name)

    def squashed(self) -> str:
        value = self.unit(3)
        return self.random.choice((f"tanh({value})", f"0.5 * ({value})", f"sigmoid({value}) * s.{self.states[0]}"))

    def number(self) -> str:
        return f"{self.random.choice((-1.7, -0.6, 0.4, 0.5, 1.2, 2, 3))}"

    def leaf(self) -> str:
        gate = self.random.choice(self.gates)
        known = [f"x.{gate}", f"s.{self.random.choice(self.states)}", *self.made, *(f"given.{g}" for g in self.given)]
        if self.recurrent and gate not in self.of:
            known += [f"h.{gate}", f"(x.{gate} + h.{gate})", f"(x.{gate} + h.{gate})"]
        return self.random.choice(known)

    def unit(self, depth: int) -> str:
        """A value of each row and unit."""
        if depth <= 0:
            return self.leaf()
        chosen = self.random.random()
        if chosen < 0.35:
            return self.fill(self.random.choice(ELEMENTS), depth)
        if chosen < 0.5:
            return self.fill(self.random.choice(FORMULAS), depth)
        if chosen < 0.75:
            other = self.random.choice((self.unit, self.unit, self.row, self.vector))
            parts = [self.unit(depth - 1), other(depth - 1) if self.random.random() < 0.85 else self.number()]
            self.random.shuffle(parts)
            return f"({self.random.choice(PAIRS).format(*parts)})"
        if chosen < 0.85:
            value = self.unit(depth - 1)
            return f"where({self.condition(depth - 1)}, {value}, {self.random.choice((self.number(), self.unit(depth - 1)))})"
        if chosen < 0.92:
            gain = f"w.{self.random.choice(self.vectors)}" if self.vectors else "None"
            return self.random.choice(OVER_UNITS).format(self.unit(depth - 1), v=gain)
        return f"(({self.condition(0)}) * {self.unit(depth - 1)})"

    def fill(self, form: str, depth: int) -> str:
        return form.format(*(self.unit(depth - 1) for _ in range(form.count("{}"))))

    def row(self, depth: int) -> str:
        """One number a row."""
        value = self.random.choice(ROWS).format(self.unit(depth - 1))
        if self.random.random() < 0.3:
            value = self.random.choice(ELEMENTS).format(*[value] * 2)
        return value

    def vector(self, depth: int) -> str:
        """One number a unit, the same for all rows."""
        if not self.vectors:
            return self.number()
        value = f"w.{self.random.choice(self.vectors)}"
        for _ in range(self.random.randint(0, 2)):
            value = self.random.choice((*ELEMENTS, "({} * 1.1 - {})", "where({} > 0.1, {}, 0.2)", "cumsum({}) * 0.1"))
            value = value.format(*[f"w.{self.random.choice(self.vectors)}"] * 2)
        return value

    def condition(self, depth: int) -> str:
        parts = []
        for _ in range(self.random.choice((1, 1, 2))):
            kind = self.random.choice((self.unit, self.unit, self.row, self.vector))
            sign = self.random.choice(("<", "<=", ">", ">="))
            left = self.unit(depth) if kind is not self.vector or not self.vectors else kind(depth)
            parts.append(f"({left} {sign} {self.random.choice(('0.0137', kind(0), self.unit(0)))} + 0.0071)")
        text = self.random.choice((" & ", " | ")).join(parts)
        return f"~({text})" if self.random.random() < 0.2 else text


def random_cell(random: Random, name: str, refused: str | None = None) -> Cell:
    """A cell; refused: what in its step cannot be compiled, of REFUSED."""
    source = Maker(random).source(name, refused)
    file = f"{name.lower()}.py"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    space = {"Cell": Cell, "torch": torch, "F": F} | {word: getattr(expr, word) for word in expr.__all__}
    exec(compile(source, file, "exec"), space)  # noqa: S102 (its own source)
    space[name].source = source
    return space[name]()
