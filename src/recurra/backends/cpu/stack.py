"""The fast path through a stack of layers: plain calls on the CPU.

A single step at batch 1 computes for a few microseconds; to read a layer's options, weights and states takes twenty times
as long. What follows from the layers alone is found once, from `Recurrent.stack()`, and kept here: without gradients the
structures that the core reads, in which a call fills in its own addresses; with gradients the operator's arguments but for its
tensors. Each call checks that they still hold; whether the weights are what they were, the core itself sees (`watch`).
Anything else (dropout is on, rows have lengths, something looks over the calls, an argument is wrong) takes the general path,
which also raises the error messages.
"""

import math
from collections.abc import Sequence
from ctypes import addressof, c_void_p
from itertools import chain
from operator import attrgetter, is_
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.compiler import is_compiling

from recurra.backends.call import Call, Operands
from recurra.backends.cpu import abi, door, execute, library, operator
from recurra.backends.cpu import layer as cpu
from recurra.backends.cpu.structures import Structures, structures, template
from recurra.backends.cpu.watch import CHANGED, Watch, is_possible
from recurra.backends.stack import Stack

_requires_grad = attrgetter("requires_grad")
_dispatch_modes, _function_modes = torch._C._len_torch_dispatch_stack, torch._C._len_torch_function_stack
_autocasts, _traces = torch.is_autocast_enabled, torch._C._get_tracing_state
_transforms = torch._C._functorch.peek_interpreter_stack
_empty, _count_threads, _grad_enabled = torch.empty, torch.get_num_threads, torch.is_grad_enabled
_DTYPES = {torch.float32, torch.float64}


class FastPath:
    """What one stack has ready; copied and pickled with it as empty. Threads that overlap have a record each."""

    def __init__(self):
        self.free: list[_Record] = []
        self.kept: tuple[Stack, list[str], list[Tensor], list] | None = None

    def __reduce__(self):
        return FastPath, ()

    def stack(self, parameters: dict[str, Tensor]) -> Stack | None:
        """The description that was kept, where the layers are still as they were."""
        kept = self.kept
        if kept is None:
            return None
        stack, names, tensors, key = kept
        if [*parameters] != names or not all(map(is_, parameters.values(), tensors)):
            return None
        return stack if door.state_of(tensors) == key else None

    def keep(self, stack: Stack, parameters: dict[str, Tensor]) -> None:
        """Keep a description, unless a weight is made again at each call (parametrised, pruned) or is on another device."""
        tensors = [*parameters.values()]
        plain = {id(tensor) for tensor in tensors if type(tensor) is nn.Parameter and tensor.is_cpu}
        weights = [w for layer in stack.weights for one in layer for w in one.flat() if w is not None]
        kept = all(id(w) in plain for w in (*tensors, *weights))
        self.kept = (stack, [*parameters], tensors, door.state_of(tensors)) if kept else None

    def run(self, layer, parameters: dict[str, Tensor], x: Any, state: Any) -> tuple[Tensor, Any] | None:
        """What `layer(x, state)` returns, or None if that must take the general path.

        layer: a Recurrent without an option between its layers and their equations. parameters: all of its own, by name.
        """
        if is_compiling() or _watched():
            return None
        if type(x) is not Tensor or not x.is_cpu or x.dtype not in _DTYPES or x.is_neg():
            return None
        try:
            shape, strides, whole = x.shape, x.stride(), door.is_whole(x)
        except (RuntimeError, NotImplementedError):  # nested, sparse and oneDNN tensors have no strides
            return None
        if len(shape) != 3 or shape[2] != layer.input_size or (strides[2] != 1 and shape[2] > 1):
            return None
        if not whole:
            return None
        trains = _grad_enabled()
        if layer.check_finite and not math.isfinite((x.detach() if trains else x).sum().item()):
            return None
        try:
            record = self.free.pop()
        except IndexError:
            record = None
        if record is None or not record.fits(layer, parameters, x, trains):
            record = _make(layer, parameters, x)
        if record is None or not (shape[0] and shape[1]):
            return None
        if trains:
            if state is not None and layer.check_finite and not _finite(state):
                return None
            self.free.append(record)  # it is only read, and the operator calls hooks of the user's
            return None if layer.checkpoint_every else record.train(x, state)
        result = record.run(x, shape, strides, state)
        if result is CHANGED:
            record = _make(layer, parameters, x)
            result = record and record.run(x, shape, strides, state)
        if record is not None:
            self.free.append(record)
        if not isinstance(result, tuple):
            return None
        # NaN in a state that came along shows in the output; the general path names it.
        if state is not None and layer.check_finite and not math.isfinite(result[0].sum().item()):
            return None
        return result


def _finite(state: Any) -> bool:
    parts = state if isinstance(state, tuple | list) else (state,)
    return all(
        type(part) is Tensor
        and part.is_cpu
        and part.layout is torch.strided
        and door.is_whole(part)  # a sum of what was freed ends the process
        and math.isfinite(part.detach().sum().item())
        for part in parts
    )


def _watched() -> bool:
    """Whether anything looks over the calls that run now, or changes what they compute in."""
    return (
        _dispatch_modes() > 0
        or _function_modes() > 0
        or _autocasts("cpu")
        or _transforms() is not None
        or forward_ad._current_level >= 0
        or _traces() is not None
    )


def looked_up(ids: Any, table: Any) -> Tensor | None:
    """The embedding's rows, where there are fewer than a table of products would take; else None."""
    if type(ids) is not Tensor or type(table) not in (Tensor, nn.Parameter) or table.dim() != 2 or ids.dim() != 2:
        return None
    if ids.dtype != torch.int64 or not ids.is_cpu or not table.is_cpu or 2 * table.shape[0] <= ids.numel():
        return None
    try:
        return F.embedding(ids, table)
    except IndexError:  # the general path names the ids
        return None


def _make(layer, parameters: dict[str, Tensor], x: Tensor) -> "_Record | None":
    """The record of a stack as it is now. None if it is not plain: a parametrised or pruned weight, mixed types."""
    stack: Stack = layer.stack()
    if stack.shape.listed or stack.cell.given or cpu.cell_reason(stack.cell) or not is_possible():
        return None
    weights = [w for layer in stack.weights for one in layer for w in one.flat() if w is not None]
    if len(weights) != len(parameters):
        return None
    if any(type(p) is not nn.Parameter or p.dtype != x.dtype or not p.is_cpu or not p.is_contiguous() for p in weights):
        return None
    if any(p.is_neg() for p in weights):
        return None
    return _Record(stack, parameters, x.dtype, layer.batch_first)


def _first_call(stack: Stack, index: int, dtype: torch.dtype) -> Call:
    """A call of one layer on a single step of one row."""
    shape = stack.shape
    states = tuple([torch.zeros(1, width, dtype=dtype) for width in shape.states(index)])
    x = torch.zeros(1, 1, shape.inputs[index], dtype=dtype)
    return Call(stack.cell, stack.facts, x, stack.weights[index], [states] * shape.directions)


class _Room(NamedTuple):
    """States of so many rows."""

    batch: int
    shapes: list[tuple[int, ...]]
    zeros: list[Tensor]
    bytes: list[int]  # of the zeros' storages


class _Record:
    """The core's structures for each layer, and where a call's own addresses go in them."""

    def __init__(self, stack: Stack, parameters: dict[str, Tensor], dtype: torch.dtype, batch_first: bool):
        self.batch_first, self.dtype = batch_first, dtype
        self.names, self.parameters, self.cell = [*parameters], [*parameters.values()], stack.cell
        layers = range(len(stack.weights))
        self.works = [cpu.work(_first_call(stack, k, dtype)) for k in layers]
        self.calls = calls = [structures(work) for work in self.works]
        self.weights = [[w for one in layer for w in one.flat() if w is not None] for layer in stack.weights]
        self.forward = calls[0].made.core.forward
        self.widths = stack.shape.states(0)
        self.directions = stack.shape.directions
        self.places = []  # for each layer and direction the arrays of its states' addresses, before and after
        for packed in calls:
            for d in range(self.directions):
                to, arrays = packed.call.direction[d], [abi.array_of(c_void_p, len(self.widths))() for _ in range(2)]
                to.state, to.last = (addressof(array) for array in arrays)
                self.places.append(arrays)
        self.layers = [(packed.call, addressof(packed.call)) for packed in calls]
        self.watch = Watch(calls[0].made.core, self.parameters)
        calls[0].call.watch = self.watch.address
        self.form = self.room = self.shown = None

    def fits(self, layer, parameters: dict[str, Tensor], x: Tensor, trains: bool) -> bool:
        """Whether the layer is still what it was. trains: without gradients the core sees whether the weights are."""
        if x.dtype is not self.dtype or layer.batch_first != self.batch_first or layer.cell is not self.cell:
            return False
        # Names too: pruning puts a mask beside a weight, which keeps its place under another name.
        if [*parameters] != self.names or not all(map(is_, parameters.values(), self.parameters)):
            return False
        return not trains or self.watch.same()

    def run(self, x: Tensor, shape: tuple[int, ...], strides: tuple[int, ...], state: Any) -> Any:
        """The result; None if a state is not plain, CHANGED where a weight is not what it was.

        shape, strides: of x, which is read where it lies.
        """
        time, row = (1, 0) if self.batch_first else (0, 1)
        batch = shape[row]
        room = self.room
        if room is None or room.batch != batch:
            room = self.room = self._new_room(batch)
        before = room.zeros if state is None else self._before(state, room)
        if before is None:
            return None
        dtype = self.dtype
        after = [_empty(size, dtype=dtype) for size in room.shapes]
        for k, width in enumerate(self.widths):
            old, new, step = before[k].data_ptr(), after[k].data_ptr(), batch * width * dtype.itemsize
            for place, (states, last) in enumerate(self.places):
                states[k], last[k] = old + place * step, new + place * step
        threads = 1 if library.forked() else _count_threads()
        wide = self.directions * self.widths[0]
        size, form = (*shape[:2], wide), (shape, strides, threads)
        if form != self.form:  # else all but the addresses is as in the call before
            apart = (shape[1] * wide, wide, 1)
            for call, _ in self.layers:
                call.time, call.batch, call.threads = shape[time], batch, threads
                call.x_time, call.x_row, call.y_time, call.y_row = strides[time], strides[row], apart[time], apart[row]
                strides = apart
            self.form = form
        forward = self.forward
        for call, address in self.layers:
            y = _empty(size, dtype=dtype)
            call.x, call.y = x.data_ptr(), y.data_ptr()
            if failed := forward(address):
                return CHANGED if failed == CHANGED else execute.ran_out()
            x = y
        return x, after[0] if len(after) == 1 else tuple(after)

    def train(self, x: Tensor, state: Any) -> tuple[Tensor, Any] | None:
        """The same where gradients may be wanted: by the operator, layer by layer."""
        x = x.transpose(0, 1) if self.batch_first else x
        room = (
            self.shown
        )  # to hooks of the user's, which may have freed the zeros. Read once: threads that train share it
        if room is None or room.batch != x.shape[1] or door.storage_of(room.zeros) != room.bytes:
            room = self.shown = self._new_room(x.shape[1])
        before = room.zeros if state is None else self._before(state, room)
        if before is None:
            return None
        threads, ended = torch.get_num_threads(), [[] for _ in self.widths]
        rows = list(zip(*[part.unbind(0) for part in before], strict=True))  # for each layer and direction its states
        for k, (first, packed) in enumerate(zip(self.works, self.calls, strict=True)):
            states = rows[k * self.directions : (k + 1) * self.directions]
            if k:  # hooks of the layer below may have freed what was looked at before it, or moved a weight
                for tensor in (x, *before):
                    door.check_storage(tensor, "output of a layer, or state")
            operands = Operands(x, first.operands.weights, states, [])
            train = any(map(_requires_grad, (x, *self.weights[k], *chain(*states))))
            work = first.on(operands, threads, train, x.stride(0) < x.stride(1))
            base = packed.base if not k or packed.base.fits(work) else template(work)
            x, states, *_ = operator.run(work, Structures(work, base, plain=True), operands.flat())
            for direction in states:
                for part, after in zip(ended, direction, strict=True):
                    part.append(after)
        y = x.transpose(0, 1) if self.batch_first else x
        ended = [torch.stack(after) if len(after) > 1 else after[0][None] for after in ended]
        return y, ended[0] if len(ended) == 1 else tuple(ended)

    def _before(self, state: Any, room: "_Room") -> Sequence[Tensor] | None:
        """The states to start from, as the core reads them; None if they are not plainly that."""
        parts = state if len(self.widths) > 1 else (state,)
        if not isinstance(parts, tuple | list) or len(parts) != len(self.widths):
            return None
        dtype = self.dtype
        try:
            for part, shape, size in zip(parts, room.shapes, room.bytes, strict=True):
                if type(part) is not Tensor or part.dtype is not dtype or not part.is_cpu or part.is_neg():
                    return None
                if part.shape != shape or not part.is_contiguous():
                    return None
                if (part.untyped_storage().nbytes() != size or part.storage_offset()) and not door.is_whole(part):
                    return None
        except (RuntimeError, NotImplementedError):  # nested, sparse and oneDNN tensors have no storage to compare
            return None
        return parts

    def _new_room(self, batch: int) -> "_Room":
        shapes = [(len(self.places), batch, width) for width in self.widths]
        with torch.inference_mode(False):  # kept for training, which refuses inference tensors
            zeros = [torch.zeros(shape, dtype=self.dtype) for shape in shapes]
        return _Room(batch, shapes, zeros, door.storage_of(zeros))
