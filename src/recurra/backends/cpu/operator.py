"""The torch.library operator `recurra::layer`, its gradient `recurra::layer_backward`, and the fast path past both.

torch.compile, torch.export and whatever else looks at operators sees one node a layer. A plain eager call takes the fast
path, an autograd.Function or nothing at all: the dispatcher's Python side costs more than a small layer's single step.

A second derivative runs the equations on what was saved: exact, and as slow as they are.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils.flop_counter import flop_registry

from recurra.backends import options
from recurra.backends.call import Call, Operands, Weights
from recurra.backends.cpu import execute, library
from recurra.backends.cpu.structures import Structures, seen, structures
from recurra.backends.cpu.work import MATRICES, Results, Work, results, sizes
from recurra.errors import BackendError, DtypeError

_STATIC = (
    "str cell, int io, str present, int directions, int threads, bool keep_states, bool keep_gates, bool train, "
    "bool batch_major, str options, float[] numbers"
)
_TENSORS = (
    "Tensor x, Tensor[] weights, Tensor[] states, Tensor[] initial, Tensor[] given, Tensor? lengths, Tensor? resets, "
    "Tensor[] extras, Tensor? tokens"
)
SCHEMA = f"({_STATIC}, {_TENSORS}) -> Tensor[]"
BACKWARD_SCHEMA = f"({_STATIC}, {_TENSORS}, Tensor keep, Tensor?[] gradients, bool[] wanted) -> Tensor[]"
_COUNT = SCHEMA.count(",") + 1  # arguments of the operator

_KEPT = "_recurra_operators"
"""The attribute of torch.library that holds their registration."""

_PLAIN = (Tensor, torch.nn.Parameter)


def layer(work: Work, kept: dict | None = None) -> Results:
    """Run one layer: what `execute.forward` gives, without what it keeps.

    kept: what calls of the same layer left for this one, as `structures.template` takes it.
    """
    tensors = work.operands.flat()
    if torch.compiler.is_compiling() or not _is_plain(tensors):
        out = torch.ops.recurra.layer(*arguments(work))
        return results(work, out[:-1] if work.train else out)
    return run(work, structures(work, kept), tensors)


def run(work: Work, packed: Structures, tensors: list[Tensor | None]) -> Results:
    """Run one layer past the dispatcher. tensors: the operands. The caller has seen that nothing looks over the call."""
    if work.train:
        return results(work, _Layer.apply(work, packed, *tensors))
    return execute.forward(work, packed)[0]


def _is_plain(tensors: list[Tensor | None]) -> bool:
    """Whether these are ordinary tensors that nothing looks over."""
    return torch._C._len_torch_dispatch_stack() == 0 and all(t is None or type(t) in _PLAIN for t in tensors)


def _is_batched(gradient: Tensor | None) -> bool:
    if gradient is None:
        return False
    return torch._C._functorch.is_legacy_batchedtensor(gradient) or torch._C._functorch.is_batchedtensor(gradient)


def is_forward_ad() -> bool:
    """Whether forward-mode derivatives are being taken."""
    return forward_ad._current_level >= 0


class _Layer(torch.autograd.Function):
    """The fast path with gradients. `work` comes whole, and its operands once more, for autograd to see."""

    @staticmethod
    def forward(ctx, work: Work, packed: Structures, *tensors: Tensor | None):
        made, keep = execute.forward(work, packed)
        ctx.set_materialize_grads(False)
        saved = [*tensors, *work.others()]
        ctx.save_for_backward(*saved, keep)  # where hooks (checkpointing, offloading) see them
        ctx.work, ctx.base = work.blank(), packed.base
        ctx.seen = seen(saved, packed.base, fresh=False)
        ctx.packed = None if packed.copies() else packed
        return tuple(made.flat())

    @staticmethod
    def backward(ctx, *gradients: Tensor | None):
        *saved, keep = ctx.saved_tensors
        wanted = ctx.needs_input_grad[2:]
        # create_graph=True: the gradient itself is to be differentiated. Or is_grads_batched=True: there are many.
        if torch.is_grad_enabled() or any(map(_is_batched, gradients)):
            return None, None, *_by_equations(ctx.work.like(saved), gradients, wanted)
        now, packed, form = seen(saved, ctx.base, fresh=True), ctx.packed, ctx.work.operands
        if packed is not None and now == ctx.seen:
            given = results(ctx.work, gradients)
            return None, None, *execute.backward(packed, saved[: len(wanted)], keep, given, form, wanted)
        work = ctx.work.like(saved)
        _check_types(work, now.types, ctx.seen.types)  # a hook may have moved what autograd saved, but not more
        return None, None, *_backward(work, keep, gradients, wanted)


def _backward(
    work: Work, keep: Tensor, gradients: Sequence[Tensor | None], wanted: Sequence[bool]
) -> list[Tensor | None]:
    """The operands' gradients, each in its operand's type."""
    operands = work.operands.flat()
    found = execute.backward(structures(work), operands, keep, results(work, gradients), work.operands, wanted)
    pairs = zip(found, operands, strict=True)
    return [None if gradient is None else gradient.to(t.dtype) for gradient, t in pairs]


def _check_types(work: Work, now: list[torch.dtype], before: list[torch.dtype]) -> None:
    """Raise DtypeError if a tensor is of another type than it was in the forward pass."""
    labels = [label for label, tensor in zip(work.labels(), work.flat(), strict=True) if tensor is not None]
    for label, new, old in zip(labels, now, before, strict=True):
        if new is not old:
            new, old = (str(kind).removeprefix("torch.") for kind in (new, old))
            raise DtypeError(
                f"`{label}` is {new}; the forward pass read it as {old}. Leave its type until the backward pass"
            )


def arguments(work: Work) -> tuple:
    """The work as the operator takes it: lists of tensors run over directions first."""
    x, weights, states, initial, given = work.operands
    names = [name for name in MATRICES if getattr(weights[0], name) is not None]
    listed = [[*(getattr(one, name) for name in names), *one.vectors.values()] for one in weights]
    static = (
        work.cell,
        work.io,
        " ".join(names),
        work.directions,
        work.threads,
        work.keep_states,
        work.keep_gates,
        work.train,
    )
    tensors = (
        x,
        _all(listed),
        _all(states),
        _all(initial),
        list(given),
        work.lengths,
        work.resets,
        options.tensors(work.options),
        work.tokens,
    )
    return *static, work.batch_major, " ".join(work.options), options.numbers(work.options), *tensors


def _all(parts) -> list:
    return [value for part in parts for value in part]


def from_arguments(
    cell, io, present, directions, threads, keep_states, keep_gates, train, batch_major, names_of_options, numbers, x, weights,
    states, initial, given, lengths, resets, extras, tokens,
) -> Work:  # fmt: skip
    """The work that `arguments` came from."""
    names, vectors = present.split(), library.by_key(cell).cell.vectors
    blank = Weights(None, None, None, None)

    def parts(listed: list) -> list[tuple]:
        count = len(listed) // directions
        return [tuple(listed[d * count : (d + 1) * count]) for d in range(directions)] if listed else []

    ones = []
    for part in parts(weights):
        values = iter(part)
        named = {name: next(values) for name in names}
        ones.append(blank._replace(**named, vectors=dict(zip(vectors, values, strict=True))))
    operands = Operands(x, ones, parts(states), parts(initial), tuple(given))
    switches = threads, keep_states, keep_gates, train, batch_major
    count = len(states) // directions
    made = options.again(names_of_options.split(), directions, count, extras, numbers)
    return Work(cell, io, *switches, operands, lengths, resets, made, tokens)


def _by_equations(work: Work, gradients, wanted: list[bool]) -> list[Tensor | None]:
    """The operands' gradients as the equations give them, with a graph of their own where one is wanted."""
    from recurra.backends import equations

    create = torch.is_grad_enabled()
    with torch.enable_grad():
        # Views: where one input was computed from another, its gradient must not flow on into the other here.
        seen = [None if t is None else t.view_as(t) for t in work.operands.flat()]
        ran = equations.run(_as_call(work, work.operands.like(seen)))
        made = [ran.y, *(s for direction in ran.states for s in direction)]
        made += [s for direction in ran.kept_states for s in direction.values()]
        pairs = [(r.to(g.dtype), g) for r, g in zip(made, gradients, strict=True) if g is not None]
    inputs = [t for t, want in zip(seen, wanted, strict=True) if want]
    if not pairs or not inputs:
        return [None] * len(seen)
    found = iter(
        torch.autograd.grad(
            [r for r, _ in pairs],
            inputs,
            [g for _, g in pairs],
            create_graph=create,
            allow_unused=True,
            materialize_grads=True,
        )
    )
    return [next(found) if want else None for want in wanted]


def _as_call(work: Work, operands: Operands) -> Call:
    """The work as a Call again, on these operands in place of its own, in the core's arithmetic."""
    from recurra.cells import facts

    cell = library.by_key(work.cell).cell
    number = torch.float64 if operands.x.dtype == torch.float64 else torch.float32
    x, weights, states, initial, given = operands.like([None if t is None else t.to(number) for t in operands.flat()])
    if work.tokens is not None:  # the table's rows are the products already
        x = x[work.tokens]
        weights = [one._replace(w_x=torch.eye(x.shape[-1], dtype=number, device="cpu")) for one in weights]
    return Call(
        cell,
        facts(cell),
        x,
        weights,
        states,
        lengths=work.lengths,
        resets=work.resets,
        initial=initial,
        options=options.like(work.options, [_as(number, t) for t in options.tensors(work.options)]),
        keep_states=work.keep_states,
        given=dict(zip(cell.given_names, given, strict=True)),
    )


def _as(number: torch.dtype, tensor: Tensor) -> Tensor:
    return tensor.to(number) if tensor.is_floating_point() else tensor


def _op(*given) -> list[Tensor]:
    work = from_arguments(*given)
    made, keep = execute.forward(work, structures(work), bound=True)
    return [*made.flat(), *([] if keep is None else [keep])]


def _op_fake(*given) -> list[Tensor]:
    work = from_arguments(*given)
    made = library.by_key(work.cell)
    size, x = sizes(work, made), work.operands.x
    y, count = execute.empty_y(work, size), len(made.cell.state_names)
    widths = size.widths(count) * work.directions
    made_like = [y, *(y.new_empty((size.batch, width)) for width in widths)]
    if work.keep_states:
        made_like += [y.new_empty((size.time, size.batch, width)) for width in widths]
    if work.keep_gates:
        shape = size.time, size.batch, size.units
        made_like += [y.new_empty(shape) for _ in range(work.directions * len(made.meta.shown_names))]
    if work.train:
        made_like.append(x.new_empty((execute.keep_bytes(work, size, made),), dtype=torch.uint8))
    return made_like


def _op_setup(ctx, inputs, output) -> None:
    ctx.set_materialize_grads(False)
    work = from_arguments(*inputs)
    tensors = work.flat()
    ctx.save_for_backward(*tensors, output[-1])
    ctx.work = work.like([None] * len(tensors))


def _op_gradient(ctx, gradients):
    *saved, keep = ctx.saved_tensors
    work = ctx.work.like(saved)
    wanted = [t is not None for t in work.operands.flat()]
    found = iter(torch.ops.recurra.layer_backward(*arguments(work), keep, list(gradients[:-1]), wanted))
    x, weights, states, initial, given = work.operands.like([next(found) if want else None for want in wanted])
    lists = [w for one in weights for w in one.flat() if w is not None], _all(states), _all(initial), list(given)
    extras = [None] * len(options.tensors(work.options))
    numbers = None if options.numbers(work.options) else []  # an empty list is taken for one of tensors
    return *[None] * 10, numbers, x, *lists, None, None, extras, None


def _op_backward(*given) -> list[Tensor]:
    work, (keep, gradients, wanted) = from_arguments(*given[:_COUNT]), given[_COUNT:]
    return [gradient for gradient in _backward(work, keep, gradients, wanted) if gradient is not None]


def _op_backward_fake(*given) -> list[Tensor]:
    work = from_arguments(*given[:_COUNT])
    first, *rest = work.operands.flat()
    return [first.new_empty(first.shape), *(t.new_empty(t.shape) for t in rest if t is not None)]


def _flops(*given, out_val=None) -> int:
    """Operations of the matrix products, two a multiplication and addition, as FlopCounterMode counts: what a cell's step does
    unit by unit does not count, and a table of products was counted where it was made."""
    work = from_arguments(*given[:_COUNT])
    time, batch = (work.operands.x if work.tokens is None else work.tokens).shape[:2]
    matrices = [w for one in work.operands.weights for w in (one.w_x, one.w_h, one.w_r) if w is not None]
    return 2 * time * batch * sum(w.numel() for w in matrices)


def _flops_backward(*given, out_val=None) -> int:
    return 2 * _flops(*given)  # each product has two on the way back


def _op_twice(ctx, *gradients):
    raise BackendError(
        "a compiled layer cannot be differentiated twice. Run it outside torch.compile, or with backend='equations'"
    )


def _register() -> None:
    """Register the operators. PyTorch keeps them when this module goes, so those of an earlier import in the process, whole or
    broken off, are taken away first: a notebook that reloads modules, an import that Ctrl-C stopped."""
    earlier = getattr(torch.library, _KEPT, None)
    if earlier is not None:
        earlier._destroy()
    operators = torch.library.Library("recurra", "FRAGMENT")
    # Not in this module, which the next import does not know.
    setattr(torch.library, _KEPT, operators)
    for name, schema in (("layer", SCHEMA), ("layer_backward", BACKWARD_SCHEMA)):
        operators.define(name + schema, tags=torch.Tag.pt2_compliant_tag)
    operators.impl("layer", _op, "CPU")
    operators.impl("layer_backward", _op_backward, "CPU")
    torch.library.register_fake("recurra::layer", _op_fake, lib=operators)
    torch.library.register_fake("recurra::layer_backward", _op_backward_fake, lib=operators)
    torch.library.register_autograd("recurra::layer", _op_gradient, setup_context=_op_setup, lib=operators)
    torch.library.register_autograd("recurra::layer_backward", _op_twice, lib=operators)
    flop_registry.update({torch.ops.recurra.layer: _flops, torch.ops.recurra.layer_backward: _flops_backward})


_register()
