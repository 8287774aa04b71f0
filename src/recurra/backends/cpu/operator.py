"""The torch.library operator `recurra::layer`, its gradient `recurra::layer_backward`, and the short way past both.

torch.compile, torch.export and whatever else looks at operators sees one node a layer. A plain eager call takes the short
way, an autograd.Function or nothing at all: the dispatcher's Python side costs more than a small layer's single step.

A second derivative runs the equations on what was saved: exact, and as slow as they are.
"""

import torch
from torch import Tensor
from torch.autograd import forward_ad

from recurra.backends.call import Call, Weights
from recurra.backends.cpu import execute, library
from recurra.backends.cpu.execute import NAMES, Work
from recurra.errors import BackendError

_STATIC = (
    "str cell, int io, int present, int directions, int threads, bool keep_states, bool keep_gates, bool train, "
    "bool batch_major, float[] shares"
)
_TENSORS = (
    "Tensor x, Tensor[] weights, Tensor[] states, Tensor? lengths, Tensor? resets, Tensor[] initial, Tensor[] masks, "
    "Tensor[] zones, Tensor? tokens"
)
SCHEMA = f"({_STATIC}, {_TENSORS}) -> Tensor[]"
BACKWARD_SCHEMA = f"({_STATIC}, {_TENSORS}, Tensor keep, Tensor?[] gradients, bool[] wanted) -> Tensor[]"

_PLAIN = (Tensor, torch.nn.Parameter)


def layer(work: Work) -> list[Tensor]:
    """Run one layer: what `execute.forward` gives, without what it keeps."""
    tensors = inputs(work)
    if torch.compiler.is_compiling() or not _is_plain(tensors):
        out = torch.ops.recurra.layer(*work)
        return out[:-1] if work.train else out
    return list(_Layer.apply(work, *tensors)) if work.train else execute.forward(work)


def inputs(work: Work) -> list[Tensor]:
    """Those of the tensors that have gradients, in the order that `execute.backward` gives them in."""
    return [work.x, *work.weights, *work.states, *work.initial]


def _is_plain(tensors: list[Tensor]) -> bool:
    """Whether these are ordinary tensors that nothing looks over."""
    return torch._C._len_torch_dispatch_stack() == 0 and all(type(t) in _PLAIN for t in tensors)


def is_forward_ad() -> bool:
    """Whether forward-mode derivatives are being taken."""
    return forward_ad._current_level >= 0


class _Layer(torch.autograd.Function):
    """The short way with gradients. `work` comes whole, and its tensors with gradients once more, for autograd to see."""

    @staticmethod
    def forward(ctx, work: Work, *tensors: Tensor):
        packed = execute.structures(work)
        *results, keep = execute.forward(work, packed=packed)
        ctx.set_materialize_grads(False)
        ctx.packed, ctx.work = packed.for_backward(), _save(ctx, work, keep)
        return tuple(results)

    @staticmethod
    def backward(ctx, *gradients: Tensor | None):
        work, keep = _restore(ctx)
        wanted = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():  # create_graph=True: the gradient itself is to be differentiated
            return None, *_by_equations(work, gradients, wanted)
        return None, *execute.backward(work, keep, list(gradients), list(wanted), ctx.packed)


_TENSOR_FIELDS = ("x", "weights", "states", "lengths", "resets", "initial", "masks", "zones", "tokens")


def _save(ctx, work: Work, keep: Tensor) -> Work:
    """Save every tensor where hooks (checkpointing, offloading) see it; → the work with each one's place instead."""
    tensors: list[Tensor] = []
    places = {}
    for name in _TENSOR_FIELDS:
        part = getattr(work, name)
        if isinstance(part, Tensor):
            places[name] = len(tensors)
            tensors.append(part)
        elif part:
            places[name] = slice(len(tensors), len(tensors) + len(part))
            tensors += part
    ctx.save_for_backward(*tensors, keep)
    return work._replace(**places)


def _restore(ctx) -> tuple[Work, Tensor]:
    *tensors, keep = ctx.saved_tensors
    places = {name: getattr(ctx.work, name) for name in _TENSOR_FIELDS}
    return ctx.work._replace(
        **{name: tensors[place] for name, place in places.items() if isinstance(place, int | slice)}
    ), keep


def _by_equations(work: Work, gradients, wanted) -> list[Tensor | None]:
    """The gradients as the equations give them, with a graph of their own."""
    from recurra.backends import equations

    # Views: where one input was computed from another, its gradient must not flow on into the other here.
    seen = [t.view_as(t) for t in inputs(work)]
    ran = equations.run(_as_call(work, seen))
    results = [ran.y, *(s for direction in ran.states for s in direction)]
    results += [s for direction in ran.kept_states for s in direction.values()]
    pairs = [(r.to(g.dtype), g) for r, g in zip(results, gradients, strict=True) if g is not None]
    asked = [t for t, want in zip(seen, wanted, strict=True) if want]
    if not pairs or not asked:
        return [None] * len(seen)
    found = iter(
        torch.autograd.grad(
            [r for r, _ in pairs],
            asked,
            [g for _, g in pairs],
            create_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
    )
    return [next(found) if want else None for want in wanted]


def _as_call(work: Work, tensors: list[Tensor]) -> Call:
    """The work as a Call again, on these tensors in place of its own, in the core's arithmetic."""
    from recurra.cells import facts

    cell = library.by_key(work.cell).cell
    number = torch.float64 if work.x.dtype == torch.float64 else torch.float32
    given = iter([t.to(number) for t in tensors])
    x, weights = next(given), [next(given) for _ in work.weights]
    states, initial = [next(given) for _ in work.states], [next(given) for _ in work.initial]
    per, count = len(weights) // work.directions, len(cell.state_names)
    names = [name for k, name in enumerate(NAMES) if work.present >> k & 1]
    ones = []
    for d in range(work.directions):
        mine = weights[d * per : (d + 1) * per]
        named = dict(zip(names, mine, strict=False))
        vectors = dict(zip(cell.vectors, mine[len(names) :], strict=True))
        ones.append(Weights(*(named.get(name) for name in NAMES), vectors))
    if work.tokens is not None:  # the table's rows are the products already
        x = x[work.tokens]
        ones = [one._replace(w_x=torch.eye(x.shape[-1], dtype=number)) for one in ones]

    def by_direction(values: list) -> list:
        return [tuple(values[d * count : (d + 1) * count]) for d in range(work.directions)]

    zones = work.zones or work.shares
    return Call(
        cell,
        facts(cell),
        x,
        ones,
        by_direction(states),
        lengths=work.lengths,
        resets=work.resets,
        initial=by_direction(initial) if initial else [],
        mask=[m.to(number) for m in work.masks] or None,
        zoneout=by_direction(zones) if zones else None,
        keep_states=work.keep_states,
    )


def _op(*arguments) -> list[Tensor]:
    return execute.forward(Work(*arguments), bound=True)


def _op_fake(*arguments) -> list[Tensor]:
    work = Work(*arguments)
    made = library.by_key(work.cell)
    size, x = execute.sizes(work, made), work.x
    y, count = execute.empty_y(work, size), made.meta.states
    widths = size.widths(count) * work.directions
    results = [y, *(y.new_empty((size.batch, width)) for width in widths)]
    if work.keep_states:
        results += [y.new_empty((size.time, size.batch, width)) for width in widths]
    if work.keep_gates:
        shape = size.time, size.batch, size.units
        results += [y.new_empty(shape) for _ in range(work.directions * made.meta.shown)]
    if work.train:
        results.append(x.new_empty((execute.keep_bytes(work, size, made),), dtype=torch.uint8))
    return results


def _op_setup(ctx, inputs, output) -> None:
    ctx.set_materialize_grads(False)
    ctx.work = _save(ctx, Work(*inputs), output[-1])


def _op_gradient(ctx, gradients):
    work, keep = _restore(ctx)
    wanted = [True] * len(inputs(work))
    found = torch.ops.recurra.layer_backward(*work, keep, list(gradients[:-1]), wanted)
    x, rest = found[0], found[1:]
    weights, rest = rest[: len(work.weights)], rest[len(work.weights) :]
    states, initial = rest[: len(work.states)], rest[len(work.states) :]
    statics = [*[None] * 9, None if work.shares else []]  # an empty list is taken for one of tensors
    return *statics, x, weights, states, None, None, initial, [None] * len(work.masks), [None] * len(work.zones), None


def _op_backward(*arguments) -> list[Tensor]:
    *work, keep, gradients, wanted = arguments
    return execute.backward(Work(*work), keep, list(gradients), list(wanted))


def _op_backward_fake(*arguments) -> list[Tensor]:
    work = Work(*arguments[: len(Work._fields)])
    return [work.x.new_empty(t.shape) if k == 0 else t.new_empty(t.shape) for k, t in enumerate(inputs(work))]


def _op_twice(ctx, *gradients):
    raise BackendError(
        "a compiled layer cannot be differentiated twice. Run it outside torch.compile, or with backend='equations'"
    )


def _register() -> None:
    for name, schema in (("layer", SCHEMA), ("layer_backward", BACKWARD_SCHEMA)):
        torch.library.define(f"recurra::{name}", schema, tags=torch.Tag.pt2_compliant_tag)
    torch.library.impl("recurra::layer", "CPU", _op)
    torch.library.impl("recurra::layer_backward", "CPU", _op_backward)
    torch.library.register_fake("recurra::layer", _op_fake)
    torch.library.register_fake("recurra::layer_backward", _op_backward_fake)
    torch.library.register_autograd("recurra::layer", _op_gradient, setup_context=_op_setup)
    torch.library.register_autograd("recurra::layer_backward", _op_twice)


_register()
