"""A plan → C++ that a person can read: one template a stage, a loop over rows, loops over units in vectors."""

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from recurra.expr.graph import Node
from recurra.expr.ops import OPS
from recurra.expr.schedule import Loop, Place, Stage

# No name of a cell may be one of these: C++'s words, and ours in the generated code.
_KEYWORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const consteval
    constexpr const_cast continue co_await co_return co_yield decltype default delete do double dynamic_cast else enum
    explicit export extern false final float for friend goto if import inline int linux long mutable module namespace new
    noexcept not not_eq nullptr operator or or_eq override private protected public register reinterpret_cast requires
    return short signed sizeof static static_assert static_cast struct switch template this thread_local throw true try
    typedef typeid typename union unix unsigned using virtual void volatile wchar_t while xor xor_eq
    GATE H KEEP LANES Part Step T V Vec Whole add_to all at at_least at_most clamp each first largest load maximum minimum
    only p per_unit recurra row select store total u units
"""
_CALLED = {name for op in OPS.values() for name in re.findall(r"([a-z]\w*)\(", op.cpp or f"{op.name}(")}
_RESERVED = _CALLED | set(_KEYWORDS.split())
_LONGEST = 90


def number(value: float) -> str:
    """A constant in C++."""
    if value != value:
        return 'T(__builtin_nan(""))'
    if value in (float("inf"), float("-inf")):
        return f"T({'-' if value < 0 else ''}__builtin_inf())"
    return f"T({int(value)})" if value == int(value) and abs(value) < 1e6 and str(value) != "-0.0" else f"T({value!r})"


def identifier(name: str) -> str:
    """A cell's word as a C++ name that clashes with none of ours."""
    name = re.sub(r"[^A-Za-z0-9_]", lambda m: f"u{ord(m[0]):x}", name).replace("__", "_")
    return f"{name}_" if name in _RESERVED or name.startswith("p_") else name


class Names:
    """A name for each node: the cell's own where it has one."""

    def __init__(self, known: dict[Node, str]):
        self.known = {node: identifier(name) for node, name in known.items()}
        self.taken = set(self.known.values())
        self.given: dict[Node, str] = {}

    def __call__(self, node: Node) -> str:
        if node not in self.given:
            self.given[node] = self._new(self.known.get(node))
        return self.given[node]

    def _new(self, wanted: str | None) -> str:
        if wanted is not None and wanted not in self.given.values():
            return wanted
        base, k = wanted or "t", 1 if wanted is None else 2
        while f"{base}{k}" in self.taken:
            k += 1
        self.taken.add(f"{base}{k}")
        return f"{base}{k}"


class Arrays:
    """Where the arrays of step.h lie for a row, as the generated code spells it."""

    def __init__(self, sizes: dict[str, int | tuple[int, int]], lists: dict[str, tuple[str, ...]]):
        self.sizes = sizes
        """Array → values of a row, or (unit slots, row slots)."""
        self.lists = lists
        """Arrays that are lists of pointers → a name for each."""

    def pointer(self, place: Place) -> str:
        array = place.array.removesuffix("_row")
        if array in self.lists:
            return identifier(f"p_{array}_{self.lists[array][place.index]}").removesuffix("_")
        return f"p_{array}"

    def address(self, place: Place) -> str:
        """Of the first unit."""
        if place.array in self.lists or place.index == 0:
            return self.pointer(place)
        return f"{self.pointer(place)} + {_times(place.index)}"

    def row_number(self, place: Place) -> str:
        """A row number's element."""
        units = self.sizes[place.array.removesuffix("_row")][0]
        return f"{self.pointer(place)}[{_times(units)} + {place.index}]"

    def declare(self, place: Place, written: bool) -> str:
        array = place.array.removesuffix("_row")
        const = "" if written else "const "
        pointer = self.pointer(place)
        if array in self.lists:
            step = "" if array in ("vector", "dvector") else " + row * H"
            return f"{const}T* __restrict__ const {pointer} = p->{array}[{place.index}]{step};"
        if array == "scratch":
            return f"{const}T* __restrict__ const {pointer} = p->scratch;"
        size = self.sizes[array]
        stride = f"({_times(size[0])} + {size[1]})" if isinstance(size, tuple) and size[1] else None
        units = size[0] if isinstance(size, tuple) else size
        if written and array in ("keep", "gate"):
            # Null where they are not asked for: no arithmetic on a null pointer then.
            row = f"{array.upper()} ? p->{array} + row * {stride or _times(units)} : nullptr"
            return f"T* __restrict__ const {pointer} = {row};"
        return f"{const}T* __restrict__ const {pointer} = p->{array} + row * {stride or _times(units)};"


def _times(units: int) -> str:
    return "H" if units == 1 else f"{units} * H"


class Writer:
    """Writes one stage's function."""

    def __init__(
        self, stage: Stage, names: Names, arrays: Arrays, label: Callable[[Place], str], ordered: bool = False
    ):
        """ordered: sums over the units have one order whatever the width of the vectors."""
        self.ordered = ordered
        self.stage, self.names, self.arrays, self.label = stage, names, arrays, label
        self.text: dict[Node, tuple[int, str]] = {}
        self.out: list[str] = []

    def function(self, name: str, parameters: str) -> str:
        self.out = []
        if self.stage.before.steps:
            self._declare([self.stage.before], "  ")
            self._loop(self.stage.before, "  ", "once")
        self.out.append("  for (long row = 0; row < p->rows; ++row) {")
        self._declare(self.stage.loops, "    ", rows=True)
        for node, place in sorted(self.stage.row_loads.items(), key=lambda pair: pair[0].number):
            self.out.append(f"    const V {self.names(node)} = all<T>({self.arrays.row_number(place)});")
        for number, loop in enumerate(self.stage.loops):
            for node in loop.rows:
                self._row(node)
            if loop.steps or loop.stores or loop.reductions or loop.scans:  # all of a stage may have been done before
                self._loop(loop, "    ", f"units_{number}")
        for node in self.stage.rows:
            self._row(node)
        for place, node in self.stage.row_stores:
            guard = "if (KEEP) " if place.array == "keep_row" else ""
            self.out.append(f"    {guard}{self.arrays.row_number(place)} = first({self._value(node)});")
        head = [f"template <{parameters}>", f"inline void {name}(const recurra::Step<T>* p) {{"]
        head += ["  using V = recurra::Vec<T>;"] if any(re.search(r"\bV\b", line) for line in self.out) else []
        uses_units = any(re.search(r"\b(H|units|per_unit)\b", line) for line in self.out)
        head += ["  const long H = p->units;"] if uses_units else []
        for constant, value in (("units", "T(H)"), ("per_unit", "T(1) / T(H)")):
            if any(re.search(rf"\b{constant}\b", line) for line in self.out):
                head.append(f"  const V {constant} = all<T>({value});")
        return "\n".join([*head, *self.out, "  }", "}"])

    def _declare(self, loops: list[Loop], indent: str, rows: bool = False) -> None:
        """Pointers to this row of each array that the loops use."""
        reads = [place for loop in loops for place in loop.loads.values()]
        writes = [place for loop in loops for place, _ in loop.stores]
        if rows:
            reads += self.stage.row_loads.values()
            writes += [place for place, _ in self.stage.row_stores]
        written = {self.arrays.pointer(place) for place in writes}
        seen: dict[str, str] = {}
        for place in [*reads, *writes]:
            pointer = self.arrays.pointer(place)
            if pointer not in seen:
                seen[pointer] = self.arrays.declare(place, pointer in written)
        self.out += [indent + line for line in seen.values()]

    def _row(self, node: Node) -> None:
        if node.args:
            kind = "auto" if node.boolean else "V"
            self.out.append(f"    const {kind} {self.names(node)} = {self._expression(node)[1]};")

    def _loop(self, loop: Loop, indent: str, name: str) -> None:
        self.text = {}
        for node in loop.reductions:
            start = "V{}" if node.op == "mean" else "all<T>(T(-__builtin_inf()))"
            ordered = self.ordered and node.op == "mean"
            kind, start = ("OrderedSum<T>", "{}") if ordered else ("V", start)
            self.out.append(f"{indent}{kind} sum_{self.names(node)} = {start};")
        self.out.append(f"{indent}auto {name} = [&](auto at) __attribute__((always_inline)) {{")
        inside = indent + "  "
        uses = Counter(a for node in loop.steps if node not in loop.loads for a in node.args)
        uses.update(node for _, node in loop.stores)
        uses.update(node.args[0] for node in loop.reductions)
        stored = {}
        for place, node in loop.stores:
            stored.setdefault(node, []).append(place)
        for node in loop.steps:
            if node in loop.loads:
                place = loop.loads[node]
                note = self.label(place)
                note = f"  // {note}" if note and note != self.names(node) else ""
                self.out.append(f"{inside}const V {self.names(node)} = load({self.arrays.address(place)}, at);{note}")
                continue
            level, text = self._expression(node)
            plain = node.cheap and node not in self.names.known
            if plain and uses[node] == 1 and node not in stored and len(text) <= _LONGEST:
                self.text[node] = (level, text)
                continue
            kind = "auto" if node.boolean else "V"
            self.out.append(f"{inside}const {kind} {self.names(node)} = {text};")
            for place in stored.pop(node, []):
                self._store(place, node, inside)
        for node, places in stored.items():
            for place in places:
                self._store(place, node, inside)
        for node in loop.reductions:
            argument, into = node.args[0], f"sum_{self.names(node)}"
            if node.op == "mean":
                value = f"only({self._value(argument)}, at, T(0))"
                self.out.append(f"{inside}{into}.add(at, {value});" if self.ordered else f"{inside}{into} += {value};")
            else:
                lowest = "T(-__builtin_inf())"
                self.out.append(f"{inside}{into} = maximum({into}, only({self._value(argument)}, at, {lowest}));")
        self.out += [f"{indent}}};", f"{indent}each<T>(H, {name});"]
        for place, node in loop.scans:
            self.out.append(f"{indent}{node.row.cpp.format(self.arrays.address(place))};")
        self.text = {}
        for node in loop.reductions:
            ending = "all<T>(total({0})) * per_unit" if node.op == "mean" else "all<T>(largest({0}))"
            self.out.append(f"{indent}const V {self.names(node)} = {ending.format('sum_' + self.names(node))};")

    def _store(self, place: Place, node: Node, indent: str) -> None:
        guard = {"keep": "if (KEEP) ", "gate": "if (GATE) "}.get(place.array, "")
        call = "add_to" if place.array == "dvector" else "store"
        note = self.label(place)
        note = f"  // {note}" if note and note != self._value(node) else ""
        self.out.append(f"{indent}{guard}{call}({self.arrays.address(place)}, at, {self._value(node)});{note}")

    # expressions: (precedence, text); higher binds tighter

    def _value(self, node: Node) -> str:
        """As an argument that must be a vector."""
        return f"all<T>({number(node.value)})" if node.op == "const" else self._text(node)[1]

    def _text(self, node: Node) -> tuple[int, str]:
        if node.op == "const":
            return 9, number(node.value)
        if node.op in ("units", "per_unit"):
            return 9, node.op
        return self.text.get(node) or (9, self.names(node))

    def _expression(self, node: Node) -> tuple[int, str]:
        row, args = node.row, node.args
        if node.op == "stop":
            return self._text(args[0])
        form = row.cpp or f"{row.name}({', '.join(['{}'] * row.arity)})"
        if row.cpp_number and "const" in (args[0].op, args[1].op):
            limit, v = args if args[0].op == "const" else args[::-1]
            return row.level, row.cpp_number.format(self._value(v), number(limit.value))
        limits = zip(row.limits, node.value or (), strict=False)
        operands = [_Operand(*self._text(a), self._value(a)) for a in args]
        return row.level, form.format(*operands, **{name: number(limit) for name, limit in limits})


class _Operand(NamedTuple):
    """An argument in a row's C++: {} is its value as a vector, {:2} its text, in brackets where it binds more loosely."""

    level: int
    text: str
    vector: str

    def __format__(self, level: str) -> str:
        if not level:
            return self.vector
        return self.text if self.level >= int(level) else f"({self.text})"
