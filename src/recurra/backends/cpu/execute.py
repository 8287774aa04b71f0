"""Tensors → the core's structures → results: one call of a layer, forward and backward, past autograd and dispatcher.

`Work` is one call, flat: what the operator takes. Numbers inside the core are float32, float64 where x is; other types are
converted on the way in, results and gradients on the way out.
"""

import functools
from ctypes import addressof, c_double
from typing import NamedTuple

import torch
from torch import Tensor

from recurra.backends.cpu import abi, library, memory
from recurra.backends.cpu.library import Made

IO = {torch.float32: abi.F32, torch.bfloat16: abi.BF16, torch.float64: abi.F64}
DTYPES = {io: dtype for dtype, io in IO.items()}
NAMES = ("w_x", "w_h", "b_x", "b_h", "w_r")


class Work(NamedTuple):
    """One call. D directions, S states; lists run over directions first."""

    cell: str  # key of the compiled cell
    io: int  # type of x and y: abi.F32, BF16, F64
    present: int  # bit k: the weights hold NAMES[k]
    directions: int
    threads: int
    keep_states: bool
    keep_gates: bool
    train: bool  # keep what the backward pass needs
    batch_major: bool  # y lies batch first in memory
    shares: list[float]  # zoneout in evaluation: for each direction and state; else empty
    x: Tensor  # (T, B, I), or with tokens the table (V, G*H)
    weights: list[Tensor]  # for each direction those of NAMES that are present, then the vectors
    states: list[Tensor]  # D*S, each (B, H); the first of a direction (B, P)
    lengths: Tensor | None
    resets: Tensor | None
    initial: list[Tensor]  # D*S or empty
    masks: list[Tensor]  # D or empty
    zones: list[Tensor]  # D*S or empty; (T, B, H) bool
    tokens: Tensor | None  # (T, B) int64


class Sizes(NamedTuple):
    """What follows from a call's tensors."""

    time: int
    batch: int
    inputs: int
    units: int
    outputs: int
    heads: int
    per: int  # weights of one direction

    def widths(self, states: int) -> list[int]:
        return [self.outputs, *[self.units] * (states - 1)]


@functools.lru_cache(maxsize=64)
def _places(present: int) -> dict[str, int]:
    """The place of each of NAMES that is present among one direction's weights."""
    return {name: k for k, name in enumerate(name for bit, name in enumerate(NAMES) if present >> bit & 1)}


def sizes(work: Work, made: Made) -> Sizes:
    """The sizes of a call; the weights tell the units, the projection, the heads."""
    time, batch = (work.x if work.tokens is None else work.tokens).shape[:2]
    weights, places, inputs = work.weights, _places(work.present), work.x.shape[-1]
    units = (inputs if work.tokens is not None else weights[places["w_x"]].shape[0]) // made.meta.gates
    outputs, heads = units, 1
    if "w_r" in places:
        outputs = weights[places["w_r"]].shape[0]
    elif "w_h" in places:
        heads = units // weights[places["w_h"]].shape[1]
    return Sizes(time, batch, inputs, units, outputs, heads, len(weights) // work.directions)


class Structures:
    """The core's structures for one call, and whatever must live as long as they do."""

    def __init__(self, work: Work, made: Made):
        self.work, self.made = work, made
        self.size = size = sizes(work, made)
        self.held: list = []
        self.number = torch.float64 if work.io == abi.F64 else torch.float32
        threads = 1 if library.forked() else work.threads
        self.call = call = abi.Call(
            made.addresses[work.io],
            work.io,
            *size[:6],
            work.directions,
            threads,
        )
        call.parallel = library.parallel()
        if work.tokens is None:
            x = work.x
            if x.stride(2) != 1 and size.inputs > 1:
                x = x.contiguous()
                self.held.append(x)
            call.x, (call.x_time, call.x_row, _) = x.data_ptr(), x.stride()
        else:
            call.x, call.table_rows = self.pointer(work.x), work.x.shape[0]
            call.tokens, (call.x_time, call.x_row) = work.tokens.data_ptr(), work.tokens.stride()
        if work.lengths is not None:
            call.lengths = self.pointer(work.lengths, torch.int64)
        if work.resets is not None:
            call.resets = self.pointer(work.resets, torch.bool)
        for d in range(work.directions):
            self._direction(d)

    def _direction(self, d: int) -> None:
        work, to = self.work, self.call.direction[d]
        states, vectors, per = self.made.meta.states, self.made.meta.vectors, self.size.per
        weights = work.weights[d * per : (d + 1) * per] if work.directions > 1 else work.weights
        for name, place in _places(work.present).items():
            setattr(to, name, self.pointer(weights[place]))
        if vectors:
            to.vectors = self.array([self.pointer(vector) for vector in weights[per - vectors :]])
        mine = slice(d * states, (d + 1) * states)
        to.state = self.array([self.pointer(s) for s in work.states[mine]])
        if work.initial:
            to.initial = self.array([self.pointer(s) for s in work.initial[mine]])
        if work.masks:
            to.mask = self.pointer(work.masks[d])
        if work.zones:
            to.zoneout = self.array([self.pointer(zone, torch.bool) for zone in work.zones[mine]])
        if work.shares:
            shares = abi.array_of(c_double, states)(*work.shares[mine])
            self.held.append(shares)
            to.zone_share = addressof(shares)

    def for_backward(self) -> "Structures | None":
        """The same without the call's tensors, to be used again on the way back; None where it made copies of its own,
        which are not worth their memory until then."""
        if any(isinstance(part, Tensor) for part in self.held):
            return None
        self.addresses, self.work = _addresses(self.work), None
        return self

    def again(self, work: Work) -> bool:
        """Whether `work` has its tensors where they were; a hook may have moved what autograd saved."""
        self.work = work
        return _addresses(work) == self.addresses

    def pointer(self, tensor: Tensor, dtype: torch.dtype | None = None) -> int:
        """The address of a tensor's numbers, dense and in the arithmetic's type."""
        dtype = dtype or self.number
        if tensor.dtype != dtype or not tensor.is_contiguous():
            tensor = tensor.to(dtype).contiguous()
            self.held.append(tensor)
        return tensor.data_ptr()

    def array(self, pointers: list[int | None]) -> int:
        """The address of an array of addresses."""
        made = abi.addresses(pointers)
        self.held.append(made)
        return addressof(made)

    def room(self, tensors: list[Tensor | None]) -> int:
        return self.array([None if t is None else t.data_ptr() for t in tensors])


def _addresses(work: Work) -> list[int]:
    single = [t for t in (work.x, work.lengths, work.resets, work.tokens) if t is not None]
    return [
        t.data_ptr() for part in (single, work.weights, work.states, work.initial, work.masks, work.zones) for t in part
    ]


def structures(work: Work) -> Structures:
    """The core's structures for a call, without room for its results."""
    return Structures(work, library.by_key(work.cell))


def forward(work: Work, bound: bool = False, packed: Structures | None = None) -> list[Tensor]:
    """y (T, B, D*P), the last states, then on request all states and all gates of each direction, and with `train` at the
    end what the backward pass needs, (n,) bytes.

    bound: make that as large as `keep_bytes` says, not as large as these lengths ask. packed: the call's structures, if made.
    """
    packed = packed or structures(work)
    made = packed.made
    size, call, states, number = packed.size, packed.call, made.meta.states, packed.number
    _check(work, size)
    out = DTYPES[work.io]
    y = empty_y(work, size)
    call.y, (call.y_time, call.y_row) = y.data_ptr(), y.stride()[:2]
    results = [[], [], []]
    keep = None
    if work.train:
        asked = made.core.keep_bytes(addressof(call))
        room = keep_bytes(work, size, made) // work.directions if bound else -(-asked // 64) * 64
        assert room >= asked, "keep_bytes is not an upper bound"
        keep = memory.room(work.directions * room)
    for d in range(work.directions):
        to = call.direction[d]
        last = [torch.empty(size.batch, width, dtype=number) for width in size.widths(states)]
        to.last = packed.room(last)
        results[0] += last
        if work.keep_states:
            kept = [torch.empty(size.time, size.batch, width, dtype=number) for width in size.widths(states)]
            to.trace_states = packed.room(kept)
            results[1] += kept
        if work.keep_gates:
            kept = [torch.empty(size.time, size.batch, size.units, dtype=number) for _ in range(made.meta.shown)]
            to.trace_gates = packed.room(kept)
            results[2] += kept
        if keep is not None:
            to.keep = keep.data_ptr() + d * room
    call_core(made.core.forward, call)
    given = [t if t.dtype == out else t.to(out) for part in results for t in part]
    return [y, *given, *([] if keep is None else [keep])]


def empty_y(work: Work, size: Sizes) -> Tensor:
    """Room for y, its memory batch first or time first."""
    width, dtype = work.directions * size.outputs, DTYPES[work.io]
    if work.batch_major:
        return work.x.new_empty_strided((size.time, size.batch, width), (width, size.time * width, 1), dtype=dtype)
    return work.x.new_empty((size.time, size.batch, width), dtype=dtype)


def _check(work: Work, size: Sizes) -> None:
    """Numbers that the core uses as addresses. The layer has told more kindly, but not where it was compiled."""
    for name, values, low, high in (
        ("lengths", work.lengths, 0, size.time),
        ("ids", work.tokens, 0, work.x.shape[0] - 1),
    ):
        if values is not None:
            least, most = (int(v) for v in values.aminmax())
            if least < low or most > high:
                raise IndexError(f"`{name}` go from {least} to {most}; expected {low} to {high}")


def call_core(function, call: abi.Call) -> None:
    """Run one of the core's functions; it tells only whether memory ran out."""
    if function(addressof(call)):
        raise torch.OutOfMemoryError("Recurra's kernel: memory ran out")


_ON_REQUEST = ("dtrace_states", "dx", "dw_x", "dw_h", "db_x", "db_h", "dw_r")


def backward(
    work: Work,
    keep: Tensor,
    gradients: list[Tensor | None],
    wanted: list[bool],
    packed: Structures | None = None,
) -> list[Tensor | None]:
    """Gradients of x, each weight, each state and each initial state, in this order; None where not wanted.

    gradients: of y, of each last state and of each traced state; None for zero. packed: the forward call's structures.
    """
    if packed is None or not packed.again(work):
        packed = structures(work)
    made, lasting = packed.made, len(packed.held)
    size, call, states, vectors = packed.size, packed.call, made.meta.states, made.meta.vectors
    dy, *rest = gradients
    call.dy = None
    if dy is not None:
        out = DTYPES[work.io]
        if dy.dtype != out or (dy.stride(2) != 1 and dy.shape[2] > 1):
            dy = dy.to(out).contiguous()
        packed.held.append(dy)
        call.dy, (call.dy_time, call.dy_row) = dy.data_ptr(), dy.stride()[:2]
    dlast, dtrace = rest[: work.directions * states], rest[work.directions * states :]
    room = keep.numel() // work.directions
    wants = iter(wanted)
    want_x = next(wants)
    want_weights = [next(wants) for _ in work.weights]
    want_states = [next(wants) for _ in work.states]
    want_initial = [next(wants) for _ in work.initial]
    dxs, d_weights, d_states, d_initial = [], [], [], []

    def like(tensor: Tensor, want: bool) -> Tensor | None:
        return torch.empty(tensor.shape, dtype=packed.number) if want else None

    def given(tensors: list[Tensor | None]) -> int:
        return packed.array([None if t is None else packed.pointer(t) for t in tensors])

    for d in range(work.directions):
        to, mine = call.direction[d], slice(d * states, (d + 1) * states)
        for name in _ON_REQUEST:  # an earlier backward pass over the same graph may have asked for more
            setattr(to, name, None)
        to.keep = keep.data_ptr() + d * room
        to.dlast = given(dlast[mine])
        if dtrace:
            to.dtrace_states = given(dtrace[mine])
        if want_x:
            dxs.append(empty_dx(work, size, packed.number))
            to.dx = dxs[-1].data_ptr()
        span = slice(d * size.per, (d + 1) * size.per)
        grads = [like(w, want) for w, want in zip(work.weights[span], want_weights[span], strict=True)]
        for name, place in _places(work.present).items():
            if grads[place] is not None:
                setattr(to, f"d{name}", grads[place].data_ptr())
        if to.db_h and not to.db_x:  # a merged cell's core computes it there, and copies
            packed.held.append(torch.empty(made.meta.gates * size.units, dtype=packed.number))
            to.db_x = packed.held[-1].data_ptr()
        if vectors:
            to.dvectors = packed.room(grads[size.per - vectors :])
        d_weights += grads
        ds = [like(s, want) for s, want in zip(work.states[mine], want_states[mine], strict=True)]
        to.dstate = packed.room(ds)
        d_states += ds
        if work.initial:
            di = [like(s, want) for s, want in zip(work.initial[mine], want_initial[mine], strict=True)]
            to.dinitial = packed.room(di)
            d_initial += di
    call_core(made.core.backward, call)
    del packed.held[lasting:]
    packed.work = None
    dx = None if not dxs else dxs[0] if len(dxs) == 1 else dxs[0].add_(dxs[1])
    found = [dx, *d_weights, *d_states, *d_initial]
    inputs = [work.x, *work.weights, *work.states, *work.initial]
    return [g if g is None or g.dtype == t.dtype else g.to(t.dtype) for g, t in zip(found, inputs, strict=True)]


def empty_dx(work: Work, size: Sizes, number: torch.dtype) -> Tensor:
    if work.tokens is not None:  # the core adds to it
        return torch.zeros(work.x.shape, dtype=number)
    return torch.empty(size.time, size.batch, size.inputs, dtype=DTYPES[work.io])


def keep_bytes(work: Work, size: Sizes, made: Made):
    """An upper bound of the bytes that a call keeps, as a formula: time and batch may be symbols.

    What is kept is so much for each step and row, so much for each row, and padding; the core is asked for the first two.
    """
    # A layer's widths are fixed; int() says so where they are symbols too.
    widths = int(size.inputs), int(size.units), int(size.outputs), int(size.heads)
    each, rows = _keep_rates(work.cell, work.io, work.present, bool(work.masks), *widths)
    padding = 64 * 14 * (work.threads + 1)  # up to a cache line for each of the arrays of each thread's rows
    room = size.time * size.batch * each + size.batch * rows + padding
    return work.directions * ((room + 63) // 64 * 64)


@functools.lru_cache(maxsize=256)
def _keep_rates(cell: str, io: int, present: int, masked: bool, inputs: int, units: int, outputs: int, heads: int):
    """Bytes kept for each step of a row, and for each row."""
    made, batch = library.by_key(cell), 64  # so many rows fill whole cache lines in every type

    def ask(time: int) -> int:
        call = abi.Call(made.addresses[io], io, time, batch, inputs, units, outputs, heads, 1, 1)
        for k, name in enumerate(NAMES):
            setattr(call.direction[0], name, 64 if present >> k & 1 else None)  # only looked at for being there
        call.direction[0].mask = 64 if masked else None
        return made.core.keep_bytes(addressof(call))

    one, two = ask(1), ask(2)
    each = two - one
    return -(-each // batch), max(0, -(-(one - each) // batch))
