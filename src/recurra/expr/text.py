"""The graph as formulas that people read: Unicode for a terminal, LaTeX for a page.

A value that the cell names, and one that is used more than once, has a line of its own; the rest is written in place.
States after the step carry a prime. In a gradient ∂h' is the incoming gradient of a new state h', δv the gradient of v.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from recurra.expr.differentiate import Gradient
from recurra.expr.graph import Graph, Node
from recurra.expr.keep import order_until
from recurra.expr.operation import Op


@dataclass(frozen=True)
class Style:
    """How operations are written."""

    name: Callable[[str], str]
    """A cell's word."""
    primed: Callable[[str], str]
    form: Callable[[Op], str]
    """How an operation is written, with {} for its arguments; "" for a plain call."""
    call: str
    times: str
    fraction: str | None
    """How a quotient is written, or None for a / b."""
    given: str
    delta: str
    number: Callable[[float], str]


UNICODE = Style(
    name=lambda word: word,
    primed=lambda word: f"{word}'",
    form=lambda row: row.text,
    call="{}({})",
    times=" ⊙ ",
    fraction=None,
    given="∂{}",
    delta="δ{}",
    number=lambda value: _number(value),
)


def _latex_name(word: str) -> str:
    base, _, index = word.partition("_")
    base, index = _latex_word(base), _latex_word(index.replace("_", r"\,"))
    return f"{base}_{{{index}}}" if index else base


def _latex_word(word: str) -> str:
    """One letter is a variable; more are a word, upright. Greek letters have commands; others become ASCII."""
    letters = [_latex_letter(letter) for letter in word]
    if len(word) == 1 or all(letter.startswith("\\") for letter in letters):
        return " ".join(letters)
    plain = "".join(letter.removeprefix("\\") for letter in letters)
    return rf"\mathrm{{{plain}}}"


def _latex_letter(letter: str) -> str:
    """A letter as LaTeX sets it without further packages."""
    if letter.isascii():
        return letter
    kind = unicodedata.name(letter, "").split()
    if kind[:1] == ["GREEK"] and len(kind) == 4 and kind[2] == "LETTER":
        name = {"LAMDA": "lambda", "FINAL": "sigma"}.get(kind[3], kind[3].lower())
        if kind[1] == "SMALL":
            return "o" if name == "omicron" else f"\\{name}"
        return f"\\{name.capitalize()}" if name in _CAPITALS else _LATIN[name]
    base = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return base or f"u{ord(letter):x}"


_CAPITALS = ("gamma", "delta", "theta", "lambda", "xi", "pi", "sigma", "upsilon", "phi", "psi", "omega")
_LATIN = dict(alpha="A", beta="B", epsilon="E", zeta="Z", eta="H", iota="I", kappa="K", mu="M", nu="N", omicron="O")
_LATIN |= dict(rho="P", tau="T", chi="X")


LATEX = Style(
    name=_latex_name,
    primed=lambda word: f"{_latex_name(word)}'",
    form=lambda row: row.latex,
    call=r"\mathrm{{{}}}({})",
    times=r" \odot ",
    fraction=r"\frac{{{}}}{{{}}}",
    given=r"\partial {}",
    delta=r"\delta {}",
    number=lambda value: _latex_number(value),
)


class Printer:
    """Writes nodes in a style; `names` grows as lines are given to values without one."""

    def __init__(self, graph: Graph, style: Style = UNICODE):
        self.graph, self.style = graph, style
        self.names: dict[Node, str] = {}
        new = {f"{state}_new": style.primed(state) for state in graph.cell.state_names}
        for node, name in graph.names.items():
            self.names[node] = new.get(name) or style.name(name)
        self.count = 0

    def lines(self, outputs: Iterable[tuple[str, Node]], stop=frozenset()) -> list[tuple[str, str]]:
        """(left side, right side) for each value that needs a line, then for each output; none for those in `stop`."""
        outputs = list(outputs)
        nodes = self._written(outputs, stop)
        uses = Counter(a for n in nodes for a in self._arguments(n))
        uses.update(node for _, node in outputs)
        lines, own, done = [], {node: left for left, node in reversed(outputs)}, set()
        once = Counter(node for _, node in outputs)
        for node in nodes:
            left = own.get(node) if node.args else None
            if left != self.names.get(node, left) and uses[node] > once[node]:
                left = self.names[node]  # other lines call it so
            if left is None and node in self.names:
                left = self.names[node]
            elif left is None and node.args and uses[node] > 1 and not _small(node):
                left = self.new_name("t")
            if left is not None:
                lines.append((left, self.write(node, top=True)))
                self.names.setdefault(node, left)
                done.add((left, node))
        return lines + [(left, self.write(node)) for left, node in outputs if (left, node) not in done]

    def new_name(self, letter: str) -> str:
        self.count += 1
        return self.style.name(f"{letter}_{self.count}" if self.style is LATEX else f"{letter}{self.count}")

    def _written(self, outputs, stop) -> list[Node]:
        """The values that are written out, arguments first: not the inside of a layer norm, which is written as one."""
        seen, todo = set(), [n for _, n in outputs]
        while todo:
            node = todo.pop()
            if node not in seen and node not in stop:
                seen.add(node)
                todo.extend(self._arguments(node))
        return sorted(seen, key=lambda node: node.number)

    def _arguments(self, node: Node) -> tuple[Node, ...]:
        """What is written inside it: what a layer norm is of, what `h.of` multiplies."""
        if node.op == "of":
            return (self.graph.ofs[node.value[0]],)
        called = self.graph.table.called.get(node)
        return called[1] if called else node.args

    def write(self, node: Node, top: bool = False) -> str:
        """The node's formula; top: written out even where it has a name."""
        return self._write(node, top)[1]

    def _write(self, node: Node, top: bool = False) -> tuple[float, str]:
        """(how tightly it binds, text)."""
        style = self.style
        if node in self.names and not top:
            return 9, self.names[node]
        if not node.args:
            return self._leaf(node)
        called = self.graph.table.called.get(node)
        if called:
            word = called[0].replace("_", r"\_") if style is LATEX else called[0]
            return 9, style.call.format(word, self._list(called[1]))
        op, args = node.op, node.args
        if op in ("add", "sub"):
            (_, left), (right_level, right) = self._write(args[0]), self._write(args[1])
            right = f"({right})" if op == "sub" and right_level <= 1 else right
            return 1, f"{left} {'+' if op == 'add' else '-'} {right}"
        if op == "mul":
            if args[0] is args[1]:
                level, text = self._write(args[0])
                return 8, f"{text if level == 9 else f'({text})'}{'^2' if style is LATEX else '²'}"
            parts = [self._write(a) for a in args]
            sign = " " if args[0].op == "const" else style.times
            return 2, sign.join(text if level >= 2 else f"({text})" for level, text in parts)
        if op == "div":
            (left_level, left), (right_level, right) = self._write(args[0]), self._write(args[1])
            if style.fraction:
                return 3, style.fraction.format(left, right)
            return 2, f"{left if left_level >= 2 else f'({left})'} / {right if right_level > 2 else f'({right})'}"
        if op == "neg":
            level, text = self._write(args[0])
            return 2, f"-{text if level >= 2 else f'({text})'}"
        form = style.form(node.row)
        if node.boolean and len(args) == 2:
            left, right = (self._write(a) for a in args)
            if op in _TURNED and args[0].op == "const":  # v > 20, not 20 < v
                left, right, form = right, left, _TURNED[op][style is LATEX]
            least = 1 if op in ("lt", "le", "eq") else 9
            return 0, f" {form} ".join(t if level >= least else f"({t})" for level, t in (left, right))
        texts = [self.write(a) for a in args]
        if op == "clamp":
            texts += [style.number(limit) for limit in node.value[:2]]
        if form:
            return (1.5 if form.startswith("1 / ") else 9), form.format(*texts)
        return 9, style.call.format(op, ", ".join(texts))

    def _list(self, nodes: Iterable[Node]) -> str:
        return ", ".join(self.write(n) for n in nodes)

    def _leaf(self, node: Node) -> tuple[int, str]:
        style, cell = self.style, self.graph.cell

        def of(what: str, gate: int) -> str:
            name = cell.gate_names[gate]
            return f"{what}_{{{style.name(name)}}}" if style is LATEX else f"{what}.{name}"

        match node.op:
            case "const":
                text = style.number(node.value)
                return 1 if text.startswith("-") else (2 if " " in text else 9), text
            case "x" | "h":
                return 9, of(node.op, node.value)
            case "a" if self.graph.h_gates:
                return 1, f"{of('x', node.value)} + {of('h', node.value)}"
            case "a":
                return 9, of("x", node.value)
            case "of":
                k, gate = node.value
                inside = self.write(self.graph.ofs[k])
                return 9, f"W_{{{style.name(cell.gate_names[gate])}}}({inside})" if style is LATEX else (
                    f"h.of({inside}).{cell.gate_names[gate]}"
                )
            case "state":
                return 9, style.name(cell.state_names[node.value])
            case "vector":
                return 9, style.name(tuple(cell.vectors)[node.value])
            case "given":
                return 9, style.name(cell.given_names[node.value])
            case "doutput":
                return 9, style.given.format(style.name(cell.output))
            case "dnext":
                return 9, style.given.format(style.primed(cell.state_names[node.value]))
            case "dof":
                return 9, style.delta.format(f"({self.write(self.graph.ofs[node.value])})")
            case "units":
                return 9, "H"
            case _:
                return (9, r"\frac{1}{H}") if style is LATEX else (1.5, "1 / H")


_TURNED = {"lt": (">", ">"), "le": ("≥", r"\ge")}
"""Comparisons with a number on the left, as they are read from the right: in Unicode and in LaTeX."""


def _small(node: Node) -> bool:
    """Not worth a line: 1 - z, -v, 2 v."""
    return node.op in ("add", "sub", "neg", "mul") and sum(a.op != "const" for a in node.args) <= 1


def _number(value: float) -> str:
    if not math.isfinite(value):
        return f"{value}".replace("inf", "∞")
    return f"{int(value)}" if value == int(value) and abs(value) < 1e9 else f"{value:.6g}"


def _latex_number(value: float) -> str:
    if not math.isfinite(value):
        return r"\mathrm{nan}" if math.isnan(value) else rf"{'-' * (value < 0)}\infty"
    digits, _, power = _number(value).partition("e")
    if not power:
        return digits
    power = f"10^{{{int(power)}}}"
    return power if digits == "1" else rf"{digits} \cdot {power}"


def equations(graph: Graph, style: Style = UNICODE) -> list[tuple[str, str]]:
    """One step as lines (left side, right side): values, then the new states."""
    states = [(style.primed(n), node) for n, node in zip(graph.cell.state_names, graph.states, strict=True)]
    states += [(style.name(graph.cell.output), graph.output)] if graph.output is not None else []
    printer = Printer(graph, style)
    shown = [(style.name(name), node) for name, node in graph.gates.items() if not node.args]
    return _unique(printer.lines(states + shown))


def gradient_equations(gradient: Gradient, style: Style = UNICODE) -> list[tuple[str, str]]:
    """The gradient as lines: forward values that it reads and that have no name, then the gradients, in order."""
    graph, cell = gradient.graph, gradient.graph.cell
    printer = Printer(graph, style)
    forward = set(order_until(graph.outputs(), ()))
    primed = {f"d_{n}_new": style.primed(n) for n in cell.state_names}
    for node, name in gradient.names.items():
        if name.startswith("d_"):
            word = primed.get(name) or style.name(name.removeprefix("d_"))
            printer.names.setdefault(node, style.delta.format(word))
    table, gates = graph.table, range(len(cell.gate_names))
    outputs = []
    for g in gates:
        for op, node in (("a" if graph.merged else "x", gradient.dx[g]), ("h", gradient.dh[g])):
            if node is not None:
                of = next(((k, g) for k, read in enumerate(graph.of_gates) if g in read), None)
                leaf = table.leaf("of", of) if op == "h" and of else table.leaf(op, g)
                outputs.append((_delta(printer, leaf), node))
    for k, node in enumerate(gradient.dstates):
        if node is not None:
            outputs.append((_delta(printer, table.leaf("state", k)), node))
    for k, node in enumerate(gradient.dvectors):
        if node is not None:
            outputs.append((_delta(printer, table.leaf("vector", k, "vector")), node))
    for k, node in enumerate(gradient.dgiven):
        if node is not None:
            outputs.append((_delta(printer, table.leaf("given", k)), node))
    read = [n for n in order_until((n for _, n in outputs), forward) if n in forward and n.args]
    values = []
    for node in read:
        if node not in printer.names and not _small(node):
            text = printer.write(node)
            printer.names[node] = printer.new_name("v")
            values.append((printer.names[node], text))
    return _unique(values + printer.lines(outputs, stop=forward))


def _delta(printer: Printer, leaf: Node) -> str:
    level, text = printer._write(leaf)
    return printer.style.delta.format(text if level == 9 else f"({text})")


def _unique(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [line for line in dict.fromkeys(lines) if line[0] != line[1]]


def formula(graph: Graph, node: Node) -> str:
    """A forward value in terms of what the cell names."""
    return Printer(graph).write(node, top=node in graph.names)


def short(graph: Graph, node: Node) -> str:
    """A forward value's name, or its formula where it has none."""
    return Printer(graph).write(node)


def aligned(lines: list[tuple[str, str]]) -> str:
    """Lines with their equal signs one below the other."""
    width = max((len(left) for left, _ in lines), default=0)
    return "\n".join(f"{left:<{width}} = {right}" for left, right in lines)


def latex(lines: list[tuple[str, str]]) -> str:
    """Lines as an align environment."""
    rows = " \\\\\n".join(f"  {left} &= {right}" for left, right in lines)
    return f"\\begin{{align}}\n{rows}\n\\end{{align}}"
