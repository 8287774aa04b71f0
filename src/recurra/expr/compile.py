"""A cell → the C++ of its time step, forward and backward, and what the core must know of it (native/step.h)."""

import functools
import inspect
from dataclasses import dataclass, replace

from recurra.errors import TraceError
from recurra.expr.cpp import Arrays, Names, Writer
from recurra.expr.differentiate import Gradient, differentiate
from recurra.expr.graph import Graph, Node
from recurra.expr.keep import Keep, keep
from recurra.expr.schedule import Place, Plan, plan
from recurra.expr.text import formula, short
from recurra.expr.trace import trace

_TYPES = {"f32": "float", "f64": "double"}


@dataclass(frozen=True)
class Kept:
    """One value that the forward pass keeps for the gradient."""

    name: str
    """What the cell calls it, else its formula."""
    expression: str
    """Its formula."""
    per_unit: bool
    """One number per hidden unit; else one per batch row."""


@dataclass(frozen=True)
class Meta:
    """What the core must know of a cell, and names for people."""

    name: str
    fields: dict[str, int | tuple[int, ...]]
    """native/fields_cell.h but for the functions: by the field's name a number, or one for each stage."""
    x_gates: tuple[str, ...]
    h_gates: tuple[str, ...]
    gate_names: tuple[str, ...]
    state_names: tuple[str, ...]
    vector_names: tuple[str, ...]
    shown_names: tuple[str, ...]


@dataclass(frozen=True)
class Generated:
    """A cell compiled to C++."""

    source: str
    """One translation unit; needs step.h and vector.h."""
    meta: Meta
    keep: tuple[Kept, ...]
    """What the gradient needs from the forward pass, in the order of its slots, row numbers last."""


def generate(cell) -> Generated:
    """The cell's step and its gradient as C++. Raises TraceError if the step does not compile."""
    graph = trace(cell)
    try:
        return of_graph(graph)
    except RecursionError as error:
        raise TraceError(f"{type(cell).__name__}.step cannot be compiled: it is too long a formula") from error


@functools.lru_cache(maxsize=256)
def of_graph(graph: Graph) -> Generated:
    """The same from its equations: equal ones are generated once."""
    gradient = differentiate(graph)
    graph = gradient.graph  # an equal one, if it was differentiated before
    kept = keep(gradient)
    forward, backward = _forward(graph, kept), _backward(graph, gradient, kept)
    meta = _meta(graph, kept, forward, backward)
    kept_names = tuple(
        Kept(short(graph, node), formula(graph, node), node.kind == "unit") for node in kept.units + kept.rows
    )
    return Generated(_source(graph, gradient, meta, kept_names, forward, backward), meta, kept_names)


def inference(cell) -> Generated:
    """The cell's step alone, in float, with sums over the units that have one order whatever the width of the vectors.

    What the engine runs (native/engine.h). Raises as `generate` does.
    """
    graph = trace(cell)
    try:
        return _inference(graph)
    except RecursionError as error:
        raise TraceError(f"{type(cell).__name__}.step cannot be compiled: it is too long a formula") from error


@functools.lru_cache(maxsize=256)
def _inference(graph: Graph) -> Generated:
    nothing = Keep((), (), (False,) * len(graph.states))
    step = _forward(replace(graph, gates={}), nothing)
    meta = _meta(graph, nothing, step, Plan([], 0, 0))
    parts = [_heading(graph, meta, None)]
    for number, stage in enumerate(step.stages):
        writer = Writer(
            stage, Names(_leaf_names(graph) | graph.names), _arrays(graph, meta), lambda _: "", ordered=True
        )
        parts.append(writer.function(f"step_{number}", "class T"))
    parts.append("}  // namespace")
    for number in range(len(step.stages)):
        head = f"RECURRA_EXPORT void RECURRA_NAME(step_{number})(const recurra::Step<float>* p)"
        parts.append(f"{head} {{ step_{number}<float>(p); }}")
    return Generated("\n\n".join(parts) + "\n", meta, ())


def _inputs(graph: Graph) -> dict[Node, Place]:
    """Where each direction finds states, learned vectors and given numbers."""
    table, cell = graph.table, graph.cell
    places = {table.leaf("state", k): Place("state", k) for k in range(len(cell.state_names))}
    places |= {table.leaf("vector", k, "vector"): Place("vector", k) for k in range(len(cell.vectors))}
    return places | {table.leaf("given", k): Place("given", k) for k in range(len(cell.given_names))}


def _forward(graph: Graph, kept: Keep) -> Plan:
    table, row = graph.table, graph.h_gates.index
    loads = _inputs(graph)
    loads |= {table.leaf("a" if graph.merged else "x", g): Place("x", k) for k, g in enumerate(graph.x_gates)}
    loads |= {table.leaf("h", g): Place("h", k) for k, g in enumerate(graph.h_gates)}
    loads |= {table.leaf("of", (k, g)): Place("h", row(g)) for k, read in enumerate(graph.of_gates) for g in read}
    last = [(Place("next", k), node) for k, node in enumerate(graph.states)]
    last += [(Place("output", 0), graph.output)] if graph.output is not None else []
    last += [(Place("gate", k), node) for k, node in enumerate(graph.gates.values())]
    last += [(Place("keep", k), node) for k, node in enumerate(kept.units)]
    last += [(Place("keep_row", k), node) for k, node in enumerate(kept.rows)]
    return plan([*([(Place("of", k), node)] for k, node in enumerate(graph.ofs)), last], loads)


def _backward(graph: Graph, gradient: Gradient, kept: Keep) -> Plan:
    table, cell, row = graph.table, graph.cell, graph.h_gates.index
    zero = table.const(0)
    loads = _inputs(graph)
    loads |= {table.leaf("dnext", k): Place("dnext", k) for k in range(len(cell.state_names))}
    loads |= {table.leaf("dof", k): Place("dof", k) for k in range(len(graph.ofs))}
    loads[table.leaf("doutput", 0)] = Place("doutput", 0)
    loads |= {node: Place("keep", k) for k, node in enumerate(kept.units)}
    loads |= {node: Place("keep_row", k) for k, node in enumerate(kept.rows)}
    # A product's gates first: the core turns their gradient into that of the vector multiplied, for the stage after.
    roots = [[(Place("dh", row(g)), gradient.dh[g] or zero) for g in read] for read in reversed(graph.of_gates)]
    early = {g for read in graph.of_gates for g in read}
    last = [(Place("dx", k), gradient.dx[g] or zero) for k, g in enumerate(graph.x_gates)]
    if not graph.merged:
        last += [(Place("dh", k), gradient.dh[g] or zero) for k, g in enumerate(graph.h_gates) if g not in early]
    last += [(Place("dstate", k), node or zero) for k, node in enumerate(gradient.dstates)]
    last += [(Place("dgiven", k), node or zero) for k, node in enumerate(gradient.dgiven)]
    last += [(Place("dvector", k), node) for k, node in enumerate(gradient.dvectors) if node is not None]
    return plan([*roots, last], loads)


def _meta(graph: Graph, kept: Keep, forward: Plan, backward: Plan) -> Meta:
    cell, count, row = graph.cell, len(graph.ofs), graph.h_gates.index
    bits = [sum(1 << row(g) for g in read) for read in graph.of_gates]
    fields = dict(
        x_gates=len(graph.x_gates),
        h_gates=len(graph.h_gates),
        states=len(cell.state_names),
        vectors=len(cell.vectors),
        given=len(cell.given_names),
        output=int(graph.output is not None),
        merged=int(graph.merged),
        keep=len(kept.units),
        keep_row=len(kept.rows),
        shown=len(graph.gates),
        of=count,
        cross=max(forward.cross, backward.cross),
        cross_row=max(forward.cross_row, backward.cross_row),
        scratch=max(stage.scratch for stage in forward.stages),
        scratch_backward=max((stage.scratch for stage in backward.stages), default=0),
        keeps_state=sum(1 << k for k, reads in enumerate(kept.reads_state) if reads),
        forward_stages=len(forward.stages),
        backward_stages=len(backward.stages),
        forward_of=(0, *range(count)),
        forward_gates=(0, *bits),
        backward_of=(0, *reversed(range(count))),
        backward_gates=(0, *bits[::-1]),
        whole_gates=(1 << len(graph.h_gates)) - 1 - sum(bits),
    )
    return Meta(
        name=repr(cell),
        fields=fields,
        x_gates=tuple(cell.gate_names[g] for g in graph.x_gates),
        h_gates=tuple(cell.gate_names[g] for g in graph.h_gates),
        gate_names=cell.gate_names,
        state_names=cell.state_names,
        vector_names=tuple(cell.vectors),
        shown_names=tuple(graph.gates),
    )


def _leaf_names(graph: Graph) -> dict[Node, str]:
    table, cell = graph.table, graph.cell
    names = {}
    for g, gate in enumerate(cell.gate_names):
        names |= {table.leaf(op, g): f"{op}_{gate}" for op in ("x", "h", "a")}
        names |= {table.leaf("of", (k, g)): f"of_{gate}" for k, read in enumerate(graph.of_gates) if g in read}
    for k, state in enumerate(cell.state_names):
        names |= {table.leaf("state", k): state, table.leaf("dnext", k): f"d_{state}_next"}
    names |= {table.leaf("vector", k, "vector"): vector for k, vector in enumerate(cell.vectors)}
    names |= {table.leaf("given", k): name for k, name in enumerate(cell.given_names)}
    names |= {table.leaf("doutput", 0): f"d_{cell.output}"} if cell.output else {}
    return names | {table.leaf("dof", k): f"d_of_{k}" for k in range(len(graph.ofs))}


def _arrays(graph: Graph, meta: Meta) -> Arrays:
    cell, fields = graph.cell, meta.fields
    x, h, of = fields["x_gates"], fields["h_gates"], fields["of"]
    given, output = fields["given"], fields["output"]
    sizes = dict(x=x, h=h, dx=x, dh=h, gate=fields["shown"], of=of, dof=of)
    sizes |= dict(given=given, dgiven=given, output=output, doutput=output)
    sizes |= {name: (fields[name], fields[f"{name}_row"]) for name in ("keep", "cross")}
    lists = dict.fromkeys(("state", "next", "dnext", "dstate"), cell.state_names)
    return Arrays(sizes, lists | dict.fromkeys(("vector", "dvector"), tuple(cell.vectors)))


def _source(graph: Graph, gradient: Gradient, meta: Meta, kept: tuple[Kept, ...], forward: Plan, backward: Plan) -> str:
    arrays = _arrays(graph, meta)

    def label(place: Place) -> str:
        """What a slot holds, where the array's name does not say it."""
        match place.array:
            case "keep":
                return f"keep {place.index}: {kept[place.index].name}"
            case "dx" | "dh":
                return f"{place.array}.{(meta.x_gates if place.array == 'dx' else meta.h_gates)[place.index]}"
            case "dgiven":
                return f"dgiven.{graph.cell.given_names[place.index]}"
            case "gate":
                return f"gate {meta.shown_names[place.index]}"
        return ""

    known = _leaf_names(graph) | graph.names
    parts = [_heading(graph, meta, kept)]
    for stages, direction, template in (
        (forward.stages, "forward", "class T, bool KEEP, bool GATE"),
        (backward.stages, "backward", "class T"),
    ):
        named = known if direction == "forward" else known | {n: t for n, t in gradient.names.items() if n not in known}
        for number, stage in enumerate(stages):
            writer = Writer(stage, Names(named), arrays, label)
            parts.append(writer.function(f"{direction}_{number}", template))
    parts.append("}  // namespace")
    for direction, count in (("forward", len(forward.stages)), ("backward", len(backward.stages))):
        parts += [_export(direction, number, suffix) for number in range(count) for suffix in _TYPES]
    return "\n\n".join(parts) + "\n"


def _heading(graph: Graph, meta: Meta, kept: tuple[Kept, ...] | None) -> str:
    """The comment on top, and what is included. kept: None for a step without its gradient."""
    module = inspect.getmodule(type(graph.cell))
    prose = inspect.cleandoc(type(graph.cell).__doc__ or "")
    if module is not None and module.__name__.startswith("recurra.cells."):
        prose = inspect.cleandoc(module.__doc__ or prose)
    lines = [
        f"{meta.name}: one time step{'' if kept is None else ' and its gradient'}, generated from the cell's equations.",
        "",
        *prose.splitlines(),
    ]
    if kept is not None:
        lines += ["", "Kept for the gradient:" if kept else "Nothing is kept for the gradient."]
    lines += [f"  {k}  {one.name}{'' if one.per_unit else ' (one per row)'}" for k, one in enumerate(kept or ())]
    comment = "\n".join(f"// {line}".rstrip().replace("\\", "/") for line in lines)
    return f'{comment}\n#include "step.h"\n#include "vector.h"\n\nnamespace {{\n\nusing namespace recurra;'


def _export(direction: str, number: int, suffix: str) -> str:
    kind = _TYPES[suffix]
    head = f"RECURRA_EXPORT void RECURRA_NAME({direction}_{number}_{suffix})(const recurra::Step<{kind}>* p) {{"
    if direction == "backward":
        return f"{head}\n  backward_{number}<{kind}>(p);\n}}"
    name = f"forward_{number}<{kind}"
    return (
        f"{head}\n"
        f"  if (p->keep) return p->gate ? {name}, true, true>(p) : {name}, true, false>(p);\n"
        f"  return p->gate ? {name}, false, true>(p) : {name}, false, false>(p);\n}}"
    )
