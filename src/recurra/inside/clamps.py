"""A unit held still: what becomes of the loss and of the writing when it may not change.

A held unit keeps its value at every step, before the first one too. Whatever reads it in the same step reads the held
value: with c of an LSTM held, h is σ(o) ⊙ tanh(the held c).
"""

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from torch import nn

from recurra.cells import Cell, facts
from recurra.cells.base import Next
from recurra.errors import ConfigError, TraceError
from recurra.expr.evaluate import evaluate
from recurra.expr.graph import Graph, Node, Table, order
from recurra.expr.trace import trace
from recurra.inside.reading import check_place, read, recurrent
from recurra.nn import Recurrent
from recurra.tasks.language.model import LanguageModel


@dataclass(frozen=True)
class Clamp:
    """One unit, held at a value: `Clamp(0, 17)` silences the output of unit 17 of the first layer."""

    layer: int
    """From 0, the layer that reads the text."""
    unit: int
    """From 0."""
    value: float = 0.0
    """What it is held at; 0 silences it."""
    state: str | None = None
    """Which of the cell's states; not set = the output, which is the first."""


@dataclass(frozen=True, eq=False)
class Effect:
    """What clamping does to a text's loss. Nats a token, (T,) each; the first is NaN."""

    before: np.ndarray
    after: np.ndarray
    model: LanguageModel
    """The model with its units held: let it generate, read with it, evaluate it."""

    @property
    def change(self) -> float:
        """Mean loss after less that before, in nats a token: above 0 where the model misses the unit. NaN for one token."""
        return float((self.after - self.before)[1:].mean()) if len(self.before) > 1 else math.nan


def clamp(model: LanguageModel, text: str, clamps: Iterable[Clamp]) -> Effect:
    """Read a text twice, as the model is and with units held: `clamp(model, text, [Clamp(0, 17)]).change`.

    To see what it writes: `clamp(...).model.generate("The ", seed=1)` beside `model.generate("The ", seed=1)`.
    Raises what `read` and `clamped` raise.
    """
    held = clamped(model, clamps)
    return Effect(read(model, text, choices=1).losses, read(held, text, choices=1).losses, held)


def clamped(model: LanguageModel, clamps: Iterable[Clamp]) -> LanguageModel:
    """The same model with units held: `clamped(model, [Clamp(0, 17), Clamp(0, 3, 1.0, "c")]).generate("The ")`.

    It shares the model's weights and runs on the backend `equations`. ConfigError for a unit that is not there, for
    two values of one unit, and for an inner state of a cell whose step is not traceable.
    """
    old = recurrent(model)
    held = _places(model, clamps)
    layers = Recurrent(
        Held(old.cell, inner=any(state != old.cell.state_names[0] for _, state in held)),
        old.input_size,
        old.hidden_size,
        old.num_layers,
        residual=old.residual,
        zoneout=old.zoneout or 0.0,
        learn_initial=True,
        backend="equations",
        check_finite=False,
        device="meta",
    )
    for name, weight in old.named_parameters():
        setattr(layers, name, weight)
    for layer in range(old.num_layers):
        for state in old.cell.state_names:
            mask, values = old.weight_ih_l0.new_zeros(2, old.hidden_size)
            for unit, value in held.get((layer, state), {}).items():
                mask[unit], values[unit] = 1, value
            for name, vector in (("held", mask), ("value", values), ("initial", values)):
                setattr(layers, f"{name}_{state}_l{layer}", nn.Parameter(vector, requires_grad=False))
    twin = copy.copy(model)
    twin._modules = model._modules | {"layers": layers}  # a dict of its own: the copy shares the model's
    return twin.train(model.training)


def _places(model: LanguageModel, clamps: Iterable[Clamp]) -> dict[tuple[int, str], dict[int, float]]:
    """The held units, checked: for each layer and state, unit → value."""
    cell, units = model.layers.cell, [model.config.hidden_size] * model.layers.num_layers
    held: dict[tuple[int, str], dict[int, float]] = {}
    for one in clamps:
        state = check_place(cell, units, one.layer, one.unit, one.state)
        if not math.isfinite(one.value):
            raise ConfigError(f"`value` is {one.value!r}; expected a number")
        values = held.setdefault((one.layer, state), {})
        if values.setdefault(one.unit, one.value) != one.value:
            raise ConfigError(
                f"unit {one.unit} of layer {one.layer} is held at {values[one.unit]} and at {one.value}; drop one"
            )
    return held


class Held(Cell):
    """A cell whose states can be held: vectors held_h (1: held, 0: free) and value_h, and so for every state.

    inner: whether other states than the output are held. Then the step's graph is run, with the held value in its place.
    """

    def __init__(self, cell: Cell, inner: bool):
        self.cell, self.inner = cell, inner
        self.graph = _graph(cell) if inner else None

    gates = property(lambda self: self.cell.gates)
    states = property(lambda self: self.cell.states)
    recurrent = property(lambda self: self.cell.recurrent)
    output = property(lambda self: self.cell.output)

    @property
    def vectors(self) -> dict[str, float]:
        return self.cell.vectors | {f"{part}_{name}": 0.0 for name in self.state_names for part in ("held", "value")}

    def blocks(self, reads) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The cell's own, whose weights these are, whatever its graph still reads."""
        return facts(self.cell).x_gates, facts(self.cell).h_gates

    def step(self, x, h, s, w):
        if self.inner:
            return self._run(x, h, s, w)
        new = self.cell.step(x, h, s, *([w] if self.cell.vectors else []))
        first, *rest = new.states
        name = self.state_names[0]
        # At weight 1 it is the end's own bits, at 0 the start's.
        return Next((first.lerp(getattr(w, f"value_{name}"), getattr(w, f"held_{name}")), *rest), new.gates)

    def _run(self, x, h, s, w) -> Next:
        graph, names = self.graph, (self.gate_names, self.state_names, [*self.vectors])
        homes = {"x": (x, names[0]), "h": (h, names[0]), "state": (s, names[1]), "vector": (w, names[2])}

        def leaf(node: Node):
            if node.op == "of":
                stage, gate = node.value
                return getattr(h.of(run([graph.ofs[stage]])[0]), self.gate_names[gate])
            home, named = homes[node.op]
            return getattr(home, named[node.value])

        def run(nodes) -> list:
            return evaluate(nodes, leaf, units=getattr(s, self.state_names[0]).shape[-1])

        output = {self.output: graph.output} if self.output else {}
        shown = graph.gates | output
        values = run([*graph.states, *shown.values()])
        count = len(graph.states)
        return Next(tuple(values[:count]), dict(zip(shown, values[count:], strict=True)))


def _graph(cell: Cell) -> Graph:
    """The cell's graph with a choice behind each new state: the held value or the computed one."""
    try:
        graph = trace(cell)
    except TraceError as error:
        raise ConfigError(f"only the output {cell.state_names[0]!r} of {cell!r} can be held: {error}") from error
    table, new, base = Table(), {}, len(cell.vectors)
    for node in order(graph.outputs()):
        if node.op == "a":  # the sum of both products, or the input's alone
            x = table.leaf("x", node.value)
            new[node] = table.add(x, table.leaf("h", node.value)) if graph.h_gates else x
        elif node.args:
            new[node] = table.again(node, tuple(new[a] for a in node.args))
        else:
            new[node] = table.make(node.op, value=node.value, kind=node.kind)
        for k, state in enumerate(graph.states):
            if node is state:
                held, value = (table.leaf("vector", base + 2 * k + part, "vector") for part in (0, 1))
                new[node] = table.where(table.apply("lt", table.const(0.5), held), value, new[node])
    return Graph(
        cell,
        table,
        tuple(new[node] for node in graph.states),
        {name: new[node] for name, node in graph.gates.items()},
        tuple(new[node] for node in graph.ofs),
        output=None if graph.output is None else new[graph.output],
    )
