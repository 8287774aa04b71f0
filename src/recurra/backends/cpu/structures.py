"""Tensors → the core's structures: for one call, and a template of what follows from a layer's weights alone.

A call whose weights are where they were copies the template and fills in the rest: to look at every weight costs as much as
a small layer's step.
"""

import functools
from collections.abc import Iterable, Sequence
from ctypes import addressof, c_double, c_long
from typing import NamedTuple

import torch
from torch import Tensor

from recurra.backends.cpu import abi, door, library
from recurra.backends.cpu.library import Made
from recurra.backends.cpu.work import DTYPES, LABELS, MATRICES, Work, sizes
from recurra.backends.options import KINDS


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


class Seen(NamedTuple):
    """What was seen of a call's tensors, as `door.state_of` sees it: equal where they are as they were."""

    weights: list
    others: list

    @property
    def types(self) -> list[torch.dtype]:
        """Of each tensor, None left out, x first."""
        (x, *others), weights = door.types_in(self.others), door.types_in(self.weights)
        return [x, *weights, *others]


def seen(tensors: Sequence[Tensor | None], base: "Template", fresh: bool) -> Seen:
    """tensors: of `Work.flat`, x first and then the weights. base: the call's. fresh: look at the weights too, not only at what
    the template saw of them."""
    end = 1 + base.count
    others = [tensors[0], *[t for t in tensors[end:] if t is not None]]
    weights = door.state_of([t for t in tensors[1:end] if t is not None]) if fresh else base.state
    return Seen(weights, door.state_of(others))


class Template:
    """What of a call's structures follows from its weights alone, and whatever must live as long."""

    def __init__(self, work: Work, made: Made):
        self.made, self.io = made, work.io
        self.number = torch.float64 if work.io == abi.F64 else torch.float32
        self.held: list = []
        self.size = sizes(work, made)
        self.call = abi.Call(made.addresses[work.io], work.io, *self.size, work.directions)
        self.call.parallel = library.parallel()
        self.weights = weights = work.operands.weights
        self.present = [weight for one in weights for weight in one.flat() if weight is not None]
        self.state, self.places = door.state_of(self.present), door.places_of(self.present)
        for d in range(work.directions):
            self._weights(d, weights[d])
        self.count = sum(len(one.flat()) for one in weights)

    def _weights(self, d: int, weights) -> None:
        size, to, labels = self.size, self.call.direction[d], LABELS[d]
        gates = len(self.made.x_gates), len(self.made.h_gates)
        shapes = _weight_shapes(*gates, size.inputs, size.units, size.outputs, size.heads)
        for name in MATRICES:
            weight = getattr(weights, name)
            if weight is not None:
                setattr(to, name, pointer(self.held, weight, labels[name], shapes[name], self.number))
        if weights.vectors:
            unit = (size.units,)
            pointers = [pointer(self.held, v, name, unit, self.number) for name, v in weights.vectors.items()]
            to.vectors = array(self.held, pointers)

    def copies(self) -> bool:
        """Whether a weight was converted: such a template holds the numbers of one call."""
        return _copies(self.held)

    def fits(self, work: Work) -> bool:
        """Whether the call's weights are these and where they were. The caller has looked at the rest of them."""
        return (
            work.operands.weights is self.weights and work.io == self.io and door.places_of(self.present) == self.places
        )


def template(work: Work, kept: dict | None = None) -> Template:
    """The template for a call. kept: the caller's, of calls of the same layer whose weights are as they were but perhaps not
    where; what fits is used again.

    With tokens x is a table that was made for this call, and nothing is kept.
    """
    found = None if kept is None else kept.get(work.io)
    if found is not None and work.tokens is None and found.fits(work):
        return found
    found = Template(work, library.by_key(work.cell))
    if kept is not None and work.tokens is None and not found.copies():
        kept[work.io] = found
    return found


class Structures:
    """The core's structures for one call, and whatever must live as long as they do."""

    def __init__(self, work: Work, base: Template, plain: bool = False):
        """plain: the call has x and states alone, and the caller has seen that the core reads them as they are."""
        self.base, self.made, self.number = base, base.made, base.number
        self.held: list = []
        self.room_to_keep = 0  # bytes for each direction, once the forward pass has found them
        self.call = call = abi.Call.from_buffer_copy(base.call)
        x, tokens = work.operands.x, work.tokens
        time, batch = (x if tokens is None else tokens).shape[:2]
        call.time, call.batch = time, batch
        call.threads = 1 if library.forked() else work.threads
        self.size = size = base.size.at(time, batch)
        if plain:
            call.x, (call.x_time, call.x_row, _) = x.data_ptr(), x.stride()
            for d, states in enumerate(work.operands.states):
                call.direction[d].state = self.room(states)
            return
        steps = (time, batch)
        if tokens is None:
            read = self._hold(door.by_step(x, "x", (*steps, size.inputs), DTYPES[work.io]), x)
            call.x, (call.x_time, call.x_row, _) = read.data_ptr(), read.stride()
        else:
            call.x, call.table_rows = self.pointer(x, "table", x.shape), len(x)
            read = self._hold(door.by_step(tokens, "ids", steps, torch.int64), tokens)
            call.tokens, (call.x_time, call.x_row) = read.data_ptr(), read.stride()
        if work.lengths is not None:
            call.lengths = self.pointer(work.lengths, "lengths", (batch,), torch.int64)
        if work.resets is not None:
            call.resets = self.pointer(work.resets, "resets", steps, torch.bool)
        if work.operands.given:
            self._given(work.operands.given)
        for d in range(work.directions):
            self._direction(d, work)

    def _given(self, given: tuple[Tensor, ...]) -> None:
        size, call, names = self.size, self.call, self.made.cell.given_names
        shape, reads = (size.time, size.batch, size.units), []
        for name, part in zip(names, given, strict=True):
            reads.append(self._hold(door.by_step(part, name, shape, self.number, spread=True), part))
        call.given = self.room(reads)
        strides = [stride for read in reads for stride in read.stride()]
        self.held.append(abi.array_of(c_long, len(strides))(*strides))
        call.given_strides = addressof(self.held[-1])

    def _direction(self, d: int, work: Work) -> None:
        to, end = self.call.direction[d], "_reverse" if d else ""
        names = self.made.cell.state_names
        to.state = self.states(work.operands.states[d], names, "0" + end)
        if work.operands.initial is work.operands.states:  # the same tensors: what a sequence starts from
            to.initial = to.state
        elif work.operands.initial:
            to.initial = self.states(work.operands.initial[d], [f"initial_{name}" for name in names], end)
        for name, parts in work.options.items():
            setattr(to, name, self._option(name, parts[d]))

    def _option(self, name: str, values: tuple) -> int:
        """The address of an option's tensor, or of an array of addresses or numbers, one for each state."""
        kind, size = KINDS[name], self.size
        if kind.size == "number":
            self.held.append(abi.array_of(c_double, len(values))(*values))
            return addressof(self.held[-1])
        if kind.size == "row":
            return self.pointer(values[0], kind.words, (size.batch, size.outputs), kind.dtype)
        each = zip(values, size.widths(len(values)), strict=True)
        shapes = [(value, (size.time, size.batch, width)) for value, width in each]
        return self.array([self.pointer(value, kind.words, shape, kind.dtype) for value, shape in shapes])

    def states(
        self, states: tuple[Tensor | None, ...], names: Iterable[str], end: str, lead: tuple[int, ...] = ()
    ) -> int:
        """The address of an array of addresses, one for each state; null where a state is None."""
        size, pointers = self.size, []
        width = size.outputs  # of the first; the others have one number per unit
        for state, name in zip(states, names, strict=True):
            label = name + end
            pointers.append(None if state is None else self.pointer(state, label, (*lead, size.batch, width)))
            width = size.units
        return self.array(pointers)

    def copies(self) -> bool:
        """Whether a tensor was converted: such structures are not worth their memory until the way back."""
        return self.base.copies() or _copies(self.held)

    def pointer(self, tensor: Tensor, label: str, shape: tuple[int, ...], dtype: torch.dtype | None = None) -> int:
        """The address of a tensor's numbers, dense and in the arithmetic's type."""
        return pointer(self.held, tensor, label, shape, dtype or self.number)

    def _hold(self, read: Tensor, came: Tensor) -> Tensor:
        """A tensor that may be a copy of the one that came."""
        if read is not came:
            self.held.append(read)
        return read

    def array(self, pointers: list[int | None]) -> int:
        """The address of an array of addresses."""
        return array(self.held, pointers)

    def room(self, tensors: Iterable[Tensor | None]) -> int:
        """The address of an array of addresses to write to."""
        return array(self.held, [None if t is None else t.data_ptr() for t in tensors])


def pointer(held: list, tensor: Tensor, label: str, shape: tuple[int, ...], dtype: torch.dtype) -> int:
    """The address of a tensor's numbers, dense and in this type; what is copied for that is held."""
    read = door.dense(tensor, label, shape, dtype)
    if read is not tensor:
        held.append(read)
    return read.data_ptr()


def array(held: list, pointers: list[int | None]) -> int:
    """The address of an array of addresses, which is held."""
    made = abi.addresses(pointers)
    held.append(made)
    return addressof(made)


def _is_tensor(part) -> bool:
    return isinstance(part, Tensor)


def _copies(held: list) -> bool:
    return any(map(_is_tensor, held))


def structures(work: Work, kept: dict | None = None) -> Structures:
    """The core's structures for a call, without room for its results. kept: as `template` takes it."""
    return Structures(work, template(work, kept))
