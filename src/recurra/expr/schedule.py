"""Values → stages and loops: what is computed where, and what is stored for later.

A stage is one function of the generated code; a cell with `h.of` has several, since the core multiplies between them.
A value is computed in the first stage that needs it. Inside a stage each batch row runs through loops over the units: a
row operation (a sum, the largest, a cumulative sum) ends a loop, and what needs its result comes in a later one. Again a
value is computed in the first loop that needs it. Where a later loop needs it too it is read again if it was an input,
computed again if that is cheap and its arguments are at hand, read back from where it was written anyway, or else left in
`scratch`. What a later stage needs goes the same way, through `cross`.

What is made of learned vectors alone and costly is computed once a call, before the rows, into `scratch`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from recurra.expr.graph import Node


class Place(NamedTuple):
    """Where a value lies: an array of step.h and an index in it."""

    array: str
    index: int


# Written whenever the stage runs, and not written over until the step is done: later code may read from here.
_LASTING = frozenset(("next", "output", "of", "dx", "dh", "dstate", "dgiven", "cross"))


@dataclass
class Loop:
    """One pass over the units of a row."""

    rows: list[Node] = field(default_factory=list)
    """Row numbers computed before the loop, in order."""
    loads: dict[Node, Place] = field(default_factory=dict)
    steps: list[Node] = field(default_factory=list)
    """What the loop loads and computes, in order."""
    reductions: list[Node] = field(default_factory=list)
    stores: list[tuple[Place, Node]] = field(default_factory=list)
    scans: list[tuple[Place, Node]] = field(default_factory=list)
    """Cumulative sums: after the loop, in place where their arguments were stored."""


@dataclass
class Stage:
    """One function: what it computes before the rows, the loops of a row, and row numbers at the end."""

    before: Loop
    loops: list[Loop]
    rows: list[Node]
    """Row numbers that only the end of a row needs."""
    row_loads: dict[Node, Place]
    row_stores: list[tuple[Place, Node]]
    scratch: int


@dataclass
class Plan:
    """All stages of one direction, and how many slots they leave for one another."""

    stages: list[Stage]
    cross: int
    cross_row: int


def plan(roots: list[list[tuple[Place, Node]]], loads: dict[Node, Place]) -> Plan:
    """Stages for what each has to write: `roots` by stage, where the last holds all that no earlier one must write.

    loads: where the inputs lie. One that a stage waits for is used by no earlier stage's roots.
    """
    stages = _Stages(loads)
    for j, wanted in enumerate(roots):
        stages.demand(j, [node for _, node in wanted if node not in stages.done])
    stores = stages.place(roots)
    made = [_Loops(stores[j], stages.available(j)).make() for j in range(len(roots))]
    return Plan(made, stages.cross, stages.cross_row)


def _trivial(node: Node) -> bool:
    """Known everywhere at no cost beyond a load: numbers, and what learned vectors give."""
    return node.kind in ("const", "vector") or node.op in ("units", "per_unit")


class _Stages:
    def __init__(self, loads: dict[Node, Place]):
        self.loads = loads
        self.done: dict[Node, int] = {}
        self.crossing: dict[Node, int] = {}
        self.cross_places: dict[Node, Place] = {}
        self.cross = self.cross_row = 0

    def demand(self, stage: int, nodes: Iterable[Node]) -> None:
        seen = set()
        todo = list(nodes)
        while todo:
            node = todo.pop()
            if node in seen or node in self.loads or _trivial(node):
                continue
            seen.add(node)
            if node in self.crossing:
                continue
            if self.done.setdefault(node, stage) < stage and not self._again(node):
                self.crossing[node] = stage
                continue
            todo.extend(node.args)

    def _again(self, node: Node) -> bool:
        return node.boolean or (node.cheap and node.kind == "unit" and all(map(self._at_hand, node.args)))

    def _at_hand(self, node: Node) -> bool:
        if _trivial(node) or node in self.loads or node in self.crossing:
            return True
        return node.cheap and all(map(self._at_hand, node.args))

    def place(self, roots: list[list[tuple[Place, Node]]]) -> list[list[tuple[Place, Node]]]:
        """Every store, by the stage that computes its value; crossing values get a place."""
        stores: list[list[tuple[Place, Node]]] = [[] for _ in roots]
        for stage, wanted in enumerate(roots):
            for place, node in wanted:
                stores[self.done.get(node, stage)].append((place, node))
        for node in self.crossing:
            # A row's number that is written for every unit cannot be read back as one.
            lasting = () if node.kind == "row" else _LASTING
            written = [p for part in stores for p, n in part if n is node and p.array in lasting]
            if not written:
                if node.kind == "row":
                    written = [Place("cross_row", self.cross_row)]
                    self.cross_row += 1
                else:
                    written = [Place("cross", self.cross)]
                    self.cross += 1
                stores[self.done[node]].append((written[0], node))
            self.cross_places[node] = written[0]
        return stores

    def available(self, stage: int) -> dict[Node, Place]:
        crossed = {n: self.cross_places[n] for n in self.crossing if self.done[n] < stage}
        return self.loads | crossed


class _Loops:
    def __init__(self, stores: list[tuple[Place, Node]], places: dict[Node, Place]):
        self.places = places
        self.unit_stores = [(p, n) for p, n in stores if not p.array.endswith("_row")]
        self.row_stores = [(p, n) for p, n in stores if p.array.endswith("_row")]
        self.lasting = {n: p for p, n in self.unit_stores if p.array in _LASTING}
        self.levels: dict[Node, int] = {}
        self.first: dict[Node, int] = {}
        self.scratch: dict[Node, Place] = {}
        self.before = Loop()
        self.loops: list[Loop] = []
        self.rows: dict[Node, None] = {}

    def make(self) -> Stage:
        roots = [n for _, n in self.unit_stores + self.row_stores]
        reductions = self._reductions(roots)
        last = max([self._level(n) for _, n in self.unit_stores] + [self._level(r) - 1 for r in reductions] + [0])
        stored = set()
        for number in range(last + 1):
            self.loops.append(Loop())
            for node in reductions:
                if self._level(node) == number + 1:
                    self._need(node.args[0])
                    if node.row.ends_loop == "scan":
                        self._scan(node, self.loops[number])
                    else:
                        self.loops[number].reductions.append(node)
            if number == last:
                for place, node in self.unit_stores:
                    if (place, node) not in stored:
                        self._need(node)
            here = set(self.loops[number].steps)
            for place, node in self.unit_stores:
                if (place, node) not in stored and (node in here or number == last):
                    stored.add((place, node))
                    self.loops[number].stores.append((place, node))
        for _, node in self.row_stores:
            self._row(node)
        for node in sorted(self.rows, key=lambda n: n.number):
            level = self._level(node)
            if not node.row.ends_loop and node not in self.places and level <= last:
                self.loops[level].rows.append(node)
        ends = [n for n in sorted(self.rows, key=lambda n: n.number) if self._level(n) > last and n not in reductions]
        row_loads = {n: self.places[n] for n in self.rows if n in self.places}
        return Stage(self.before, self.loops, ends, row_loads, self.row_stores, len(self.scratch))

    def _scan(self, node: Node, loop: Loop) -> None:
        self.scratch[node] = Place("scratch", len(self.scratch))
        loop.stores.append((self.scratch[node], node.args[0]))
        loop.scans.append((self.scratch[node], node))

    def _reductions(self, roots: list[Node]) -> list[Node]:
        seen, todo, found = set(), list(roots), []
        while todo:
            node = todo.pop()
            if node in seen or node in self.places:
                continue
            seen.add(node)
            if node.row.ends_loop:
                found.append(node)
            todo.extend(node.args)
        return sorted(found, key=lambda n: n.number)

    def _level(self, node: Node) -> int:
        """How many row operations are on the way to the value: the first loop that can compute it."""
        if node not in self.levels:
            if node in self.places or not node.args:
                level = 0
            else:
                level = max(map(self._level, node.args)) + bool(node.row.ends_loop)
            self.levels[node] = level
        return self.levels[node]

    def _row(self, node: Node) -> None:
        if node in self.rows or node.kind == "const":
            return
        self.rows[node] = None
        if node not in self.places and not node.row.ends_loop:
            for argument in node.args:
                self._row(argument)

    def _need(self, node: Node) -> None:
        """Have the value in the loop that is being made."""
        number = len(self.loops) - 1
        loop = self.loops[number]
        if node.kind in ("row", "const"):
            self._row(node)
        elif node not in loop.steps:
            if node in self.places:
                loop.loads[node] = self.places[node]
            elif node.row.ends_loop:  # a cumulative sum; operations with one number per row were handled above
                loop.loads[node] = self.scratch[node]
            elif node.kind == "vector" and not node.boolean and not _cheap_vector(node):
                loop.loads[node] = self._once(node)
            elif self.first.get(node, number) < number and not self._again(node, loop):
                loop.loads[node] = self._stored(node)
            else:
                for argument in node.args:
                    self._need(argument)
                self.first.setdefault(node, number)
            loop.steps.append(node)

    def _again(self, node: Node, loop: Loop) -> bool:
        """Whether to compute the value again in this loop."""
        return node.boolean or (node.cheap and all(self._at_hand(a, loop) for a in node.args))

    def _at_hand(self, node: Node, loop: Loop) -> bool:
        if node.kind in ("row", "const", "vector") or node in self.places or node in loop.steps:
            return True
        if (node in self.lasting and node in self.first) or (node.row.ends_loop and node in self.scratch):
            return True
        return node.cheap and all(self._at_hand(a, loop) for a in node.args)

    def _stored(self, node: Node) -> Place:
        if node in self.lasting:
            return self.lasting[node]
        if node not in self.scratch:
            self.scratch[node] = Place("scratch", len(self.scratch))
            self.loops[self.first[node]].stores.append((self.scratch[node], node))
        return self.scratch[node]

    def _once(self, node: Node) -> Place:
        """A value of learned vectors alone: computed before the rows."""
        if node not in self.scratch:
            self._before(node)
            self.scratch[node] = Place("scratch", len(self.scratch))
            self.before.stores.append((self.scratch[node], node))
        return self.scratch[node]

    def _before(self, node: Node) -> None:
        if node.kind == "const" or node in self.before.steps:
            return
        if node in self.places:
            self.before.loads[node] = self.places[node]
        for argument in node.args:
            self._before(argument)
        self.before.steps.append(node)


def _cheap_vector(node: Node) -> bool:
    return not node.args or (node.cheap and all(map(_cheap_vector, node.args)))
