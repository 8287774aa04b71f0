"""Tensors → the core's structures → results: one call of a layer, forward and backward, past autograd and dispatcher.

Numbers inside the core are float32, float64 where x is; other types are converted on the way in, results and gradients on the
way out. Every tensor goes in and out by `door`.
"""

import functools
from collections.abc import Iterable, Sequence
from ctypes import addressof, c_double
from typing import NamedTuple

import torch
from torch import Tensor

from recurra.backends.call import Operands, Weights
from recurra.backends.cpu import abi, door, library, memory
from recurra.backends.cpu.library import Made
from recurra.cells import WEIGHTS

IO = {torch.float32: abi.F32, torch.bfloat16: abi.BF16, torch.float64: abi.F64}
DTYPES = {io: dtype for dtype, io in IO.items()}
MATRICES = Weights._fields[:-1]  # as abi.Direction calls them
GRADIENTS = [f"d{name}" for name in MATRICES]
LABELS = [dict(zip(MATRICES, [name + end for name in WEIGHTS], strict=True)) for end in ("", "_reverse")]
"""What error messages call the weights of each direction."""


class Work(NamedTuple):
    """One call of the compiled kernel. D directions, S states."""

    cell: str  # key of the compiled cell
    io: int  # type of x and y: abi.F32, BF16, F64
    threads: int
    keep_states: bool
    keep_gates: bool
    train: bool  # keep what the backward pass needs
    batch_major: bool  # y lies batch first in memory
    operands: Operands  # x (T, B, I), or with tokens the table (V, G*H)
    lengths: Tensor | None
    resets: Tensor | None
    masks: list[Tensor]  # D or empty
    zones: list[tuple[Tensor, ...]]  # for each direction and state (T, B, H) bool; or empty
    shares: list[tuple[float, ...]]  # zoneout in evaluation: for each direction and state; or empty
    tokens: Tensor | None  # (T, B) int64

    @property
    def directions(self) -> int:
        return len(self.operands.weights)

    def flat(self) -> list[Tensor | None]:
        """Every tensor of the call."""
        return [*self.operands.flat(), *self.others()]

    def others(self) -> list[Tensor | None]:
        """Those that have no gradients."""
        zones = [zone for direction in self.zones for zone in direction] if self.zones else ()
        return [self.lengths, self.resets, *self.masks, *zones, self.tokens]

    def like(self, values: Iterable) -> "Work":
        """The same call with other values in the place of its tensors, in the order of `flat`."""
        values = iter(values)
        operands, lengths, resets = self.operands.like(values), next(values), next(values)
        masks = [next(values) for _ in self.masks] if self.masks else []
        zones = [tuple([next(values) for _ in direction]) for direction in self.zones] if self.zones else []
        return self.holding(operands, lengths, resets, masks, zones, next(values))

    def blank(self) -> "Work":
        """The same call with None in the place of its tensors."""
        _, weights, states, initial = self.operands
        form = len(weights), tuple(weights[0].vectors), len(states[0]), bool(initial)
        masks, zones = [None] * len(self.masks), [(None,) * len(part) for part in self.zones]
        return self.holding(_blank_operands(*form), None, None, masks, zones, None)

    def on(self, operands: Operands, threads: int, train: bool, batch_major: bool) -> "Work":
        """The same call on other operands. (`_replace` takes three times as long.)"""
        cell, io, _, keep_states, keep_gates = self[:5]
        return Work(cell, io, threads, keep_states, keep_gates, train, batch_major, operands, *self[8:])

    def formed(self, form: "Work") -> "Work":
        """The same call with the tensors of another."""
        return self.holding(form.operands, form.lengths, form.resets, form.masks, form.zones, form.tokens)

    def holding(self, operands: Operands, lengths, resets, masks: list, zones: list, tokens) -> "Work":
        """The same call with these tensors."""
        return Work(*self[:7], operands, lengths, resets, masks, zones, self.shares, tokens)


@functools.lru_cache(maxsize=64)
def _blank_operands(directions: int, vectors: tuple[str, ...], states: int, initial: bool) -> Operands:
    one, each = Weights(None, None, None, None, None, dict.fromkeys(vectors)), (None,) * states
    return Operands(None, [one] * directions, [each] * directions, [each] * directions if initial else [])


class Results(NamedTuple):
    """What a call gives, or their gradients: None for zero."""

    y: Tensor | None  # (T, B, D*P)
    states: list[tuple[Tensor | None, ...]]  # after the last step: for each direction and state
    kept_states: list[tuple[Tensor | None, ...]]  # (T, B, H) each, on request
    kept_gates: list[tuple[Tensor | None, ...]]  # likewise, for each gate that the cell shows

    def flat(self) -> list[Tensor | None]:
        found = [self.y]
        for part in (*self.states, *self.kept_states, *self.kept_gates):
            found += part
        return found


def results(work: Work, values: Sequence) -> Results:
    """The values of `Results.flat` as the record again."""
    states, directions = len(work.operands.states[0]), work.directions
    each = range(directions)
    if len(values) == 1 + states * directions:
        return Results(values[0], [tuple(values[1 + d * states : 1 + (d + 1) * states]) for d in each], [], [])
    first = 1 + states * directions
    second = first + states * directions * work.keep_states
    shown = (len(values) - second) // directions

    def parts(start: int, count: int) -> list[tuple]:
        return [tuple(values[start + d * count : start + (d + 1) * count]) for d in each]

    kept_states = parts(first, states) if work.keep_states else []
    return Results(values[0], parts(1, states), kept_states, parts(second, shown) if work.keep_gates else [])


class Sizes(NamedTuple):
    """What follows from a call's tensors."""

    time: int
    batch: int
    inputs: int
    units: int
    outputs: int
    heads: int

    def widths(self, states: int) -> list[int]:
        return [self.outputs, *[self.units] * (states - 1)]


def sizes(work: Work, made: Made) -> Sizes:
    """The sizes of a call; the weights tell the units, the projection, the heads."""
    x, tokens, one = work.operands.x, work.tokens, work.operands.weights[0]
    time, batch = (x if tokens is None else tokens).shape[:2]
    inputs = x.shape[-1]
    units = (inputs if tokens is not None else one.w_x.shape[0]) // len(made.x_gates)
    outputs, heads = units, 1
    if one.w_r is not None:
        outputs = one.w_r.shape[0]
    elif one.w_h is not None:
        heads = max(units // max(one.w_h.shape[-1], 1), 1)
    return Sizes(time, batch, inputs, units, outputs, heads)


@functools.lru_cache(maxsize=256)
def _weight_shapes(
    x_gates: int, h_gates: int, inputs: int, units: int, outputs: int, heads: int
) -> dict[str, tuple[int, ...]]:
    return {
        "w_x": (x_gates * units, inputs),
        "w_h": (h_gates * units, outputs // heads),
        "b_x": (x_gates * units,),
        "b_h": (h_gates * units,),
        "w_r": (outputs, units),
    }


class Structures:
    """The core's structures for one call, and whatever must live as long as they do."""

    def __init__(self, work: Work, made: Made, like: "Structures | None" = None):
        """like: those of a call of the same form on the same weights. The caller has seen that the weights are as they were,
        and that x and the states are as the core reads them."""
        self.work, self.made = work, made
        if like is not None:
            self._follow(work, like)
            return
        self.number = torch.float64 if work.io == abi.F64 else torch.float32
        self.held: list = []
        self.size = size = sizes(work, made)
        self.call = call = abi.Call(made.addresses[work.io], work.io, *size, work.directions)
        call.parallel = library.parallel()
        for d in range(work.directions):
            self._weights(d)
        self.weights = None
        call.threads = 1 if library.forked() else work.threads
        steps = (size.time, size.batch)
        if work.tokens is None:
            x = door.by_step(work.operands.x, "x", (*steps, size.inputs), DTYPES[work.io])
            call.x, (call.x_time, call.x_row, _) = self.address(x, work.operands.x), x.stride()
        else:
            call.x, call.table_rows = (
                self.pointer(work.operands.x, "table", work.operands.x.shape),
                len(work.operands.x),
            )
            tokens = door.by_step(work.tokens, "ids", steps, torch.int64)
            call.tokens, (call.x_time, call.x_row) = self.address(tokens, work.tokens), tokens.stride()
        if work.lengths is not None:
            call.lengths = self.pointer(work.lengths, "lengths", (size.batch,), torch.int64)
        if work.resets is not None:
            call.resets = self.pointer(work.resets, "resets", steps, torch.bool)
        for d in range(work.directions):
            self._direction(d)

    def _follow(self, work: Work, like: "Structures") -> None:
        self.number, self.weights, self.held = like.number, like.lasting(), [like]
        self.call = call = abi.Call.from_buffer_copy(like.call)
        x = work.operands.x
        call.time, call.batch, _ = x.shape
        self.size = like.size._replace(time=call.time, batch=call.batch)
        call.threads = 1 if library.forked() else work.threads
        call.x, (call.x_time, call.x_row, _) = x.data_ptr(), x.stride()
        for d, states in enumerate(work.operands.states):
            call.direction[d].state = self.room(states)

    def _weights(self, d: int) -> None:
        size, to, weights, labels = self.size, self.call.direction[d], self.work.operands.weights[d], LABELS[d]
        gates = len(self.made.x_gates), len(self.made.h_gates)
        shapes = _weight_shapes(*gates, size.inputs, size.units, size.outputs, size.heads)
        for name in MATRICES:
            weight = getattr(weights, name)
            if weight is not None:
                setattr(to, name, self.pointer(weight, labels[name], shapes[name]))
        if weights.vectors:
            unit = (size.units,)
            to.vectors = self.array([self.pointer(v, name, unit) for name, v in weights.vectors.items()])

    def _direction(self, d: int) -> None:
        work, size, to, end = self.work, self.size, self.call.direction[d], "_reverse" if d else ""
        names = self.made.cell.state_names
        to.state = self.states(work.operands.states[d], names, "0" + end)
        if work.operands.initial:
            to.initial = self.states(work.operands.initial[d], [f"initial_{name}" for name in names], end)
        if work.masks:
            to.mask = self.pointer(work.masks[d], "mask" + end, (size.batch, size.outputs))
        if work.zones:
            steps = (size.time, size.batch)
            each = zip(work.zones[d], size.widths(len(names)), strict=True)
            to.zoneout = self.array([self.pointer(zone, "zoneout", (*steps, w), torch.bool) for zone, w in each])
        if work.shares:
            shares = abi.array_of(c_double, len(names))(*work.shares[d])
            self.held.append(shares)
            to.zone_share = addressof(shares)

    def states(
        self, states: tuple[Tensor | None, ...], names: Iterable[str], end: str, lead: tuple[int, ...] = ()
    ) -> int:
        """The address of an array of addresses, one for each state; null where a state is None."""
        size, pointers = self.size, []
        width = size.outputs  # of the first; the others have one number a unit
        for state, name in zip(states, names, strict=True):
            label = name + end
            pointers.append(None if state is None else self.pointer(state, label, (*lead, size.batch, width)))
            width = size.units
        return self.array(pointers)

    def for_backward(self) -> "Structures | None":
        """The same without the call's tensors, to be used again on the way back; None where it made copies of its own,
        which are not worth their memory until then."""
        for part in self.held:
            if isinstance(part, Tensor):
                return None
        self.lasting()
        self.others, self.work = _passing(self.work), None
        return self

    def lasting(self) -> list:
        """What was seen of the weights; the first time asked, what is seen now."""
        if self.weights is None:
            self.weights = _lasting(self.work)
        return self.weights

    def again(self, work: Work) -> bool:
        """Whether `work` has its tensors where and as they were; a hook may have moved what autograd saved."""
        self.work = work
        return _passing(work) == self.others and _lasting(work) == self.weights

    def pointer(self, tensor: Tensor, label: str, shape: tuple[int, ...], dtype: torch.dtype | None = None) -> int:
        """The address of a tensor's numbers, dense and in the arithmetic's type."""
        read = door.dense(tensor, label, shape, dtype or self.number)
        if read is not tensor:
            self.held.append(read)
        return read.data_ptr()

    def address(self, read: Tensor, came: Tensor) -> int:
        """The address of a tensor that may be a copy of the one that came."""
        if read is not came:
            self.held.append(read)
        return read.data_ptr()

    def array(self, pointers: list[int | None]) -> int:
        """The address of an array of addresses."""
        made = abi.addresses(pointers)
        self.held.append(made)
        return addressof(made)

    def room(self, tensors: Iterable[Tensor | None]) -> int:
        """The address of an array of addresses to write to."""
        return self.array([None if t is None else t.data_ptr() for t in tensors])


def _lasting(work: Work) -> list:
    """What is seen of the weights."""
    return door.state_of([weight for one in work.operands.weights for weight in one.flat() if weight is not None])


def _passing(work: Work) -> list:
    """What is seen of a call's other tensors."""
    x, _, states, initial = work.operands
    tensors = [x, *[tensor for tensor in work.others() if tensor is not None]]
    for part in states:
        tensors += part
    for part in initial:
        tensors += part
    return door.state_of(tensors)


def structures(work: Work, like: Structures | None = None) -> Structures:
    """The core's structures for a call, without room for its results. like: as `Structures` takes it."""
    return Structures(work, library.by_key(work.cell) if like is None else like.made, like)


def forward(work: Work, bound: bool = False, packed: Structures | None = None) -> tuple[Results, Tensor | None]:
    """The results, and with `train` what the backward pass needs, (n,) bytes.

    bound: make that as large as `keep_bytes` says, not as large as these lengths need. packed: the call's structures, if made.
    """
    packed = packed or structures(work)
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
        keep = memory.room(directions * room)
    done, steps, widths = Results(y, [], [], []), (size.time, size.batch), size.widths(states)
    for d in range(directions):
        to = call.direction[d]
        last = [door.empty((size.batch, width), number) for width in widths]
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
    work: Work, keep: Tensor, gradients: Results, wanted: Sequence[bool], packed: Structures | None = None
) -> Operands:
    """Gradients of the operands, in the same record; None where not wanted.

    gradients: of the results. wanted: for each of `Operands.flat`. packed: the forward call's structures, if they hold.
    """
    converts = (
        packed is None
    )  # structures that hold serve a call whose tensors are all of the types that the core reads
    packed = packed or structures(work)
    lasting, call, size, number = len(packed.held), packed.call, packed.size, packed.number
    door.check(keep, "keep")
    directions = work.directions
    call.dy = None
    if gradients.y is not None:
        shape = (size.time, size.batch, directions * size.outputs)
        dy = door.by_step(gradients.y, "gradient of y", shape, DTYPES[work.io])
        packed.held.append(dy)
        call.dy, (call.dy_time, call.dy_row) = dy.data_ptr(), dy.stride()[:2]
    operands = work.operands.flat()
    # Of x each direction has its own.
    rooms = [door.empty(t.shape, number) if w else None for t, w in zip(operands[1:], wanted[1:], strict=True)]
    rooms.insert(0, None)
    found = work.operands.like(rooms)
    dxs = [empty_dx(work, size, number) if wanted[0] else None for _ in range(directions)]
    for d, dx in enumerate(dxs):
        to = call.direction[d]
        to.keep = keep.data_ptr() + d * (keep.numel() // directions)
        to.dx = None if dx is None else dx.data_ptr()
        _take_gradients(packed, d, gradients)
        _give_gradients(packed, d, found)
    call_core(packed.made.core.backward, addressof(call))
    del packed.held[lasting:]
    packed.work = None
    dx = dxs[0] if len(dxs) == 1 or dxs[0] is None else dxs[0].add_(dxs[1])
    rooms[0] = dx
    if converts:
        rooms = [g if g is None or g.dtype is t.dtype else g.to(t.dtype) for g, t in zip(rooms, operands, strict=True)]
        return found.like(rooms)
    return Operands(dx, found.weights, found.states, found.initial)


def _take_gradients(packed: Structures, d: int, gradients: Results) -> None:
    """Hand the core the gradients of one direction's states."""
    to, names = packed.call.direction[d], packed.made.cell.state_names
    to.dlast = packed.states(gradients.states[d], names, " of the gradient")
    if gradients.kept_states:
        to.dtrace_states = packed.states(gradients.kept_states[d], names, " of the gradient", (packed.size.time,))


def _give_gradients(packed: Structures, d: int, found: Operands) -> None:
    """Hand the core the room for one direction's gradients.

    Everything is set anew: an earlier backward pass over the same graph may have wanted more.
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


def empty_dx(work: Work, size: Sizes, number: torch.dtype) -> Tensor:
    if work.tokens is not None:  # the core adds to it
        return torch.zeros(work.operands.x.shape, dtype=number, device="cpu")
    return door.empty((size.time, size.batch, size.inputs), DTYPES[work.io])


def keep_bytes(work: Work, size: Sizes, made: Made):
    """An upper bound of the bytes that a call keeps, as a formula: time and batch may be symbols.

    What is kept is so much for each step and row, so much for each row, and padding; the core is asked for the first two.
    """
    # A layer's widths are fixed; int() says so where they are symbols too.
    widths = int(size.inputs), int(size.units), int(size.outputs), int(size.heads)
    projected, masked = work.operands.weights[0].w_r is not None, bool(work.masks)
    each, rows = _keep_rates(work.cell, work.io, projected, masked, *widths)
    padding = 64 * 14 * (work.threads + 1)  # up to a cache line for each of the arrays of each thread's rows
    room = size.time * size.batch * each + size.batch * rows + padding
    return work.directions * ((room + 63) // 64 * 64)


@functools.lru_cache(maxsize=256)
def _keep_rates(
    cell: str, io: int, projected: bool, masked: bool, inputs: int, units: int, outputs: int, heads: int
) -> tuple[int, int]:
    """Bytes kept for each step of a row, and for each row."""
    made, batch = library.by_key(cell), 64  # so many rows fill whole cache lines in every type

    def kept(time: int) -> int:
        call = abi.Call(made.addresses[io], io, time, batch, inputs, units, outputs, heads, 1, 1)
        to = call.direction[0]  # only looked at for being there
        to.w_r, to.mask = 64 if projected else None, 64 if masked else None
        return made.core.keep_bytes(addressof(call))

    one, two = kept(1), kept(2)
    each = two - one
    return -(-each // batch), max(0, -(-(one - each) // batch))
