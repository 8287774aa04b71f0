"""The fast path through a stack of layers: plain calls on the CPU.

A single step at batch 1 computes for a few microseconds; to read a layer's options, weights and states takes twenty times
as long. What follows from the layers alone is found once, from `Recurrent.stack()`, and kept here: without gradients the
structures that the core reads, in which a call fills in its own addresses; with gradients the operator's arguments but for its
tensors. Each call checks that they still hold. Anything else (dropout is on, rows have lengths, something looks over the
calls, an argument is wrong) takes the general path, which also raises the error messages.
"""

import math
from ctypes import addressof, c_void_p
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad

from recurra.backends.call import Call, Operands
from recurra.backends.cpu import abi, door, execute, library, operator
from recurra.backends.cpu import layer as cpu
from recurra.backends.stack import Stack

_DTYPES = {torch.float32, torch.float64}


class FastPath:
    """What one stack has ready; copied and pickled with it as empty. Threads that overlap have a record each."""

    def __init__(self):
        self.free: list[_Record] = []

    def __reduce__(self):
        return FastPath, ()

    def run(self, layer, parameters: dict[str, Tensor], x: Any, state: Any) -> tuple[Tensor, Any] | None:
        """What `layer(x, state)` returns, or None where that must take the general path.

        layer: a Recurrent without an option between its layers and their equations. parameters: all of its own, by name.
        """
        if torch.compiler.is_compiling() or _watched():
            return None
        if type(x) is not Tensor or not x.is_cpu or x.dtype not in _DTYPES or x.is_neg():
            return None
        try:
            shape, strides, whole = x.shape, x.stride(), door.is_whole(x)
        except (RuntimeError, NotImplementedError):  # nested, sparse, of oneDNN
            return None
        if len(shape) != 3 or shape[2] != layer.input_size or (strides[2] != 1 and shape[2] > 1):
            return None
        if not whole:
            return None
        trains = torch.is_grad_enabled()
        if layer.check_finite and not math.isfinite((x.detach() if trains else x).sum().item()):
            return None
        try:
            record = self.free.pop()
        except IndexError:
            record = None
        if record is None or not record.fits(layer, parameters, x):
            record = _make(layer, parameters, x)
        if record is None or not (shape[0] and shape[1]):
            return None
        if trains:
            self.free.append(record)  # it is only read, and the operator calls hooks of the user's
            return None if layer.checkpoint_every else record.train(parameters, x, state)
        result = record.run(x, shape, strides, state)
        self.free.append(record)
        return result


def _watched() -> bool:
    """Whether anything looks over the calls that run now, or changes what they compute in."""
    return (
        torch._C._len_torch_dispatch_stack() > 0
        or torch._C._len_torch_function_stack() > 0
        or torch.is_autocast_enabled("cpu")
        or torch._C._functorch.peek_interpreter_stack() is not None
        or forward_ad._current_level >= 0
        or torch._C._get_tracing_state() is not None
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
    """The record of a stack as it is now. None where it is not plain: a parametrised or pruned weight, mixed types."""
    stack: Stack = layer.stack()
    if stack.shape.listed or cpu.cell_reason(stack.cell):
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


class _Record:
    """The core's structures for each layer, and where a call's own addresses go in them."""

    def __init__(self, stack: Stack, parameters: dict[str, Tensor], dtype: torch.dtype, batch_first: bool):
        self.batch_first, self.dtype = batch_first, dtype
        self.names, self.key = [*parameters], door.state_of(parameters.values())
        self.cell = stack.cell
        layers = range(len(stack.weights))
        self.calls = calls = [execute.structures(cpu.work(_first_call(stack, k, dtype))) for k in layers]
        self.weights = stack.names
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
        self._make_room(1)

    def fits(self, layer, parameters: dict[str, Tensor], x: Tensor) -> bool:
        """Whether the layer is still what it was."""
        if x.dtype is not self.dtype or layer.batch_first != self.batch_first or [*parameters] != self.names:
            return False
        return door.state_of(parameters.values()) == self.key and layer.cell is self.cell

    def run(self, x: Tensor, shape: tuple[int, ...], strides: tuple[int, ...], state: Any) -> tuple[Tensor, Any] | None:
        """shape, strides: of x, which is read where it lies."""
        time, row = (1, 0) if self.batch_first else (0, 1)
        batch = shape[row]
        before = self._before(state, batch)
        if before is None:
            return None
        dtype = self.dtype
        after = [torch.empty(size, dtype=dtype) for size in self.shapes]
        for k, width in enumerate(self.widths):
            old, new, step = before[k].data_ptr(), after[k].data_ptr(), batch * width * dtype.itemsize
            for place, (states, last) in enumerate(self.places):
                states[k], last[k] = old + place * step, new + place * step
        threads = 1 if library.forked() else torch.get_num_threads()
        wide = self.directions * self.widths[0]
        size, apart = (shape[0], shape[1], wide), (shape[1] * wide, wide, 1)
        for call, address in self.layers:
            y = torch.empty(size, dtype=dtype)
            call.time, call.batch, call.threads = shape[time], batch, threads
            call.x, call.x_time, call.x_row = x.data_ptr(), strides[time], strides[row]
            call.y, call.y_time, call.y_row = y.data_ptr(), apart[time], apart[row]
            execute.call_core(self.forward, address)
            x, strides = y, apart
        return x, after[0] if len(after) == 1 else tuple(after)

    def train(self, parameters: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any] | None:
        """The same where gradients may be wanted: by the operator, layer by layer."""
        x = x.transpose(0, 1) if self.batch_first else x
        before = self._before(state, x.shape[1])
        if before is None:
            return None
        threads, ended = torch.get_num_threads(), [[] for _ in self.widths]
        rows = list(zip(*[part.unbind(0) for part in before], strict=True))  # for each layer and direction its states
        for k, (packed, names) in enumerate(zip(self.calls, self.weights, strict=True)):
            weights = [one.like(map(parameters.get, one.flat())) for one in names]
            operands = Operands(x, weights, rows[k * self.directions : (k + 1) * self.directions], [])
            work = packed.work._replace(
                threads=threads,
                train=any(t is not None and t.requires_grad for t in operands.flat()),
                batch_major=x.stride(0) < x.stride(1),
                operands=operands,
            )
            x, states, *_ = operator.layer(work, packed)
            for direction in states:
                for part, after in zip(ended, direction, strict=True):
                    part.append(after)
        y = x.transpose(0, 1) if self.batch_first else x
        ended = [torch.stack(after) if len(after) > 1 else after[0][None] for after in ended]
        return y, ended[0] if len(ended) == 1 else tuple(ended)

    def _before(self, state: Any, batch: int) -> list[Tensor] | None:
        """The states to start from, as the core reads them; None where they are not plainly that."""
        if self.batch != batch:
            self._make_room(batch)
        if state is None:
            return self.zeros
        parts = state if len(self.widths) > 1 else (state,)
        if not isinstance(parts, tuple | list) or len(parts) != len(self.widths):
            return None
        for part, shape in zip(parts, self.shapes, strict=True):
            if type(part) is not Tensor or part.dtype is not self.dtype or not part.is_cpu or part.is_neg():
                return None
            if part.shape != shape or not part.is_contiguous():
                return None
            if (part.untyped_storage().nbytes() != part.nbytes or part.storage_offset()) and not door.is_whole(part):
                return None
        return parts

    def _make_room(self, batch: int) -> None:
        """Shapes of the states for so many rows, and zeros to start from."""
        self.batch, self.shapes = batch, [(len(self.places), batch, width) for width in self.widths]
        with torch.inference_mode(False):  # they are kept, and what is made in inference cannot be trained with
            self.zeros = [torch.zeros(shape, dtype=self.dtype) for shape in self.shapes]
