"""One call of a layer by the core, forward and backward, past autograd and dispatcher.

Numbers inside the core are float32, float64 where x is; other types are converted on the way in, results and gradients on the
way out. Every tensor goes in and out by `door`.
"""

import functools
from collections.abc import Sequence
from ctypes import addressof

import torch
from torch import Tensor

from recurra.backends.call import Operands
from recurra.backends.cpu import abi, door, library, memory
from recurra.backends.cpu.library import Made
from recurra.backends.cpu.structures import Structures
from recurra.backends.cpu.work import DTYPES, MATRICES, Results, Sizes, Work, results
from recurra.errors import ShapeError

GRADIENTS = [f"d{name}" for name in MATRICES]


def forward(work: Work, packed: Structures, bound: bool = False) -> tuple[Results, Tensor | None]:
    """The results, and with `train` what the backward pass needs, (n,) bytes.

    packed: the call's structures. bound: make that as large as `keep_bytes` says, not as large as these lengths need.
    """
    made = packed.made
    size, call, states, number = packed.size, packed.call, len(made.cell.state_names), packed.number
    if work.lengths is not None or work.tokens is not None:
        _check(work, size)
    directions = work.directions
    out = DTYPES[work.io]
    y = empty_y(work, size)
    call.y, (call.y_time, call.y_row) = y.data_ptr(), y.stride()[:2]
    keep = None
    if work.train:
        needed = made.core.keep_bytes(addressof(call))
        room = keep_bytes(work, size, made) // directions if bound else -(-needed // 64) * 64
        assert room >= needed, "keep_bytes is not an upper bound"
        packed.room_to_keep = room
        keep = memory.room(directions * room)
    done, steps, widths = Results(y, [], [], []), (size.time, size.batch), size.widths(states)
    for d in range(directions):
        to = call.direction[d]
        last = [door.empty_as(state, number) for state in work.operands.states[d]]
        to.last = packed.room(last)
        done.states.append(last)
        if work.keep_states:
            kept = [door.empty((*steps, width), number) for width in widths]
            to.trace_states = packed.room(kept)
            done.kept_states.append(kept)
        if work.keep_gates:
            kept = [door.empty((*steps, size.units), number) for _ in made.meta.shown_names]
            to.trace_gates = packed.room(kept)
            done.kept_gates.append(kept)
        if keep is not None:
            to.keep = keep.data_ptr() + d * room
    call_core(made.core.forward, addressof(call))
    if out != number:
        done = results(work, [t.to(out) for t in done.flat()])
    return done, keep


def empty_y(work: Work, size: Sizes) -> Tensor:
    """Room for y, its memory batch first or time first."""
    width, dtype = work.directions * size.outputs, DTYPES[work.io]
    like = work.operands.x
    if work.batch_major:
        return like.new_empty_strided((size.time, size.batch, width), (width, size.time * width, 1), dtype=dtype)
    return like.new_empty((size.time, size.batch, width), dtype=dtype)


def _check(work: Work, size: Sizes) -> None:
    """Numbers that the core uses as addresses. The layer checks them with better messages, but not where it was compiled."""
    for name, values, low, high in (
        ("lengths", work.lengths, 0, size.time),
        ("ids", work.tokens, 0, work.operands.x.shape[0] - 1),
    ):
        if values is not None:
            least, most = (int(v) for v in values.aminmax())
            if least < low or most > high:
                raise IndexError(f"`{name}` go from {least} to {most}; expected {low} to {high}")


def call_core(function, address: int) -> None:
    """Run one of the core's functions on the call at this address; it reports only whether memory ran out."""
    if function(address):
        ran_out()


def ran_out() -> None:
    raise torch.OutOfMemoryError("Recurra's kernel: memory ran out")


def backward(
    packed: Structures,
    operands: Sequence[Tensor | None],
    keep: Tensor,
    gradients: Results,
    form: Operands,
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """Gradients of the operands, in the core's types; None where not wanted.

    packed: the call's structures. operands: as `Operands.flat` lists them, so are `wanted` and what is returned. gradients: of
    the results. form: a record of such operands.
    """
    lasting, call, size, number = len(packed.held), packed.call, packed.size, packed.number
    directions, io = call.directions, DTYPES[packed.base.io]
    room = _check_keep(keep, packed, directions)
    call.dy = None
    if gradients.y is not None:
        shape = (size.time, size.batch, directions * size.outputs)
        dy = door.by_step(gradients.y, "gradient of y", shape, io)
        packed.held.append(dy)
        call.dy, (call.dy_time, call.dy_row) = dy.data_ptr(), dy.stride()[:2]
    # Of x each direction has its own.
    rooms = [door.empty_as(t, number) if w else None for t, w in zip(operands[1:], wanted[1:], strict=True)]
    rooms.insert(0, None)
    found, dxs = form.like(rooms), [None] * directions
    dgiven = [found.given, *[_rooms_like(found.given)] * (directions - 1)]
    for d in range(directions):
        to = call.direction[d]
        to.keep = keep.data_ptr() + d * room
        if wanted[0]:
            dxs[d] = empty_dx(packed, operands[0])
        to.dx = None if dxs[d] is None else dxs[d].data_ptr()
        _take_gradients(packed, d, gradients)
        _give_gradients(packed, d, found)
        to.dgiven = packed.room(dgiven[d]) if found.given else None
    call_core(packed.made.core.backward, addressof(call))
    del packed.held[lasting:]
    rooms[0] = dxs[0] if directions == 1 or dxs[0] is None else dxs[0].add_(dxs[1])
    for sums, parts in zip(dgiven[0], zip(*dgiven[1:], strict=True), strict=False):
        for part in parts:
            if sums is not None:
                sums.add_(part)
    return rooms


def _rooms_like(rooms: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
    return tuple([None if room is None else torch.empty_like(room) for room in rooms])


def _check_keep(keep: Tensor, packed: Structures, directions: int) -> int:
    """Bytes of what was kept for each direction. A hook may have given something else back than autograd saved."""
    door.check(keep, "keep")
    room = keep.numel() // directions
    needed = packed.room_to_keep or packed.made.core.keep_bytes(addressof(packed.call))
    if keep.dtype is not torch.uint8 or room < needed or not keep.is_contiguous():
        kind = str(keep.dtype).removeprefix("torch.")
        raise ShapeError(
            f"`keep` is {tuple(keep.shape)} {kind}; the backward pass reads {directions * needed} bytes, as the forward pass "
            "left them. A hook on saved tensors must give back what it was given"
        )
    return room


def _take_gradients(packed: Structures, d: int, gradients: Results) -> None:
    """Hand the core the gradients of one direction's states."""
    to, names = packed.call.direction[d], packed.made.cell.state_names
    to.dlast = packed.states(gradients.states[d], names, " of the gradient")
    if gradients.kept_states:
        to.dtrace_states = packed.states(gradients.kept_states[d], names, " of the gradient", (packed.size.time,))


def _give_gradients(packed: Structures, d: int, found: Operands) -> None:
    """Hand the core the room for one direction's gradients.

    Everything is set again: an earlier backward pass over the same graph may have wanted more.
    """
    to, weights = packed.call.direction[d], found.weights[d]
    for field, gradient in zip(GRADIENTS, weights[:-1], strict=True):
        setattr(to, field, None if gradient is None else gradient.data_ptr())
    if to.db_h and not to.db_x and packed.made.meta.fields["merged"]:  # the core computes it there, and copies
        packed.held.append(door.empty(weights.b_h.shape, packed.number))
        to.db_x = packed.held[-1].data_ptr()
    if weights.vectors:
        to.dvectors = packed.room(weights.vectors.values())
    to.dstate = packed.room(found.states[d])
    if found.initial:
        to.dinitial = packed.room(found.initial[d])


def empty_dx(packed: Structures, x: Tensor) -> Tensor:
    if packed.call.tokens:  # the core adds to it
        return torch.zeros(x.shape, dtype=packed.number, device="cpu")
    return door.empty(x.shape, DTYPES[packed.base.io])


def keep_bytes(work: Work, size: Sizes, made: Made):
    """An upper bound of the bytes that a call keeps, as a formula: time and batch may be symbols.

    What is kept is so much for each step and row, so much for each row, and padding; the core returns the first two.
    """
    # A layer's widths are fixed; int() raises if they are symbols too.
    widths = int(size.inputs), int(size.units), int(size.outputs), int(size.heads)
    looked_at = (*(["w_r"] if work.operands.weights[0].w_r is not None else []), *work.options)
    each, rows = _keep_rates(work.cell, work.io, looked_at, *widths)
    padding = 64 * 24 * (work.threads + 1)  # up to a cache line for each of the arrays of each thread's rows
    room = size.time * size.batch * each + size.batch * rows + padding
    return work.directions * ((room + 63) // 64 * 64)


@functools.lru_cache(maxsize=256)
def _keep_rates(
    cell: str, io: int, looked_at: tuple[str, ...], inputs: int, units: int, outputs: int, heads: int
) -> tuple[int, int]:
    """Bytes kept for each step of a row, and for each row. looked_at: fields that the core sees to be there, and no more."""
    made, batch = library.by_key(cell), 64  # so many rows fill whole cache lines in every type

    def kept(time: int) -> int:
        call = abi.Call(made.addresses[io], io, time, batch, inputs, units, outputs, heads, 1, 1)
        for name in looked_at:
            setattr(call.direction[0], name, 64)
        return made.core.keep_bytes(addressof(call))

    one, two = kept(1), kept(2)
    each = two - one
    return -(-each // batch), max(0, -(-(one - each) // batch))
