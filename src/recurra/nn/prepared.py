"""The short way through a stack of layers: plain calls on the CPU.

A single step at batch 1 computes for a few microseconds; to read a layer's options, weights and states takes twenty times
as long. What follows from the layer alone is found once and kept here: without gradients the structures that the core reads,
in which a call fills in its own addresses; with gradients the operator's arguments but for its tensors. Each call checks
that they still hold. Whatever is not plain (dropout is on, rows have lengths, something looks over the calls, an argument
is wrong) goes the long way, which also has the words for it.
"""

import math
from ctypes import addressof, c_void_p
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad

from recurra.backends.cpu import abi, execute, library, operator
from recurra.backends.cpu import layer as cpu
from recurra.nn.inputs import only_looks_up

_DTYPES = {torch.float32, torch.float64}


class Prepared:
    """What one Recurrent has ready; copied and pickled with it as empty. Threads that overlap have a record each."""

    def __init__(self):
        self._free: list[_Record] = []

    def __reduce__(self):
        return Prepared, ()

    def run(self, layer, x: Any, state: Any, embedding: Any) -> tuple[Tensor, Any] | None:
        """What `layer(x, state)` returns, or None where that must go the long way. embedding: as in `Recurrent.forward`."""
        if torch.compiler.is_compiling() or _watched() or _drops(layer):
            return None
        if embedding is not None:
            x = _looked_up(x, embedding)
        if type(x) is not Tensor or x.dim() != 3 or not x.is_cpu or x.dtype not in _DTYPES:
            return None
        if x.shape[2] != layer.input_size or not x.numel() or (x.stride(2) != 1 and layer.input_size > 1):
            return None
        if layer.check_finite and embedding is None and not math.isfinite(x.detach().sum().item()):
            return None
        try:
            record = self._free.pop()
        except IndexError:
            record = None
        if record is None or not record.fits(layer, x):
            record = _make(layer, x)
        if record is None:
            return None
        if torch.is_grad_enabled():
            self._free.append(record)  # it is only read, and the operator calls hooks of the user's
            return None if layer.checkpoint_every else record.train(layer, x, state)
        result = record.run(x, state)
        self._free.append(record)
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


def _drops(layer) -> bool:
    """Whether an option stands between the layers and their plain equations."""
    if layer.training and (
        layer.input_dropout or layer.dropout or layer.output_dropout or layer.recurrent_dropout or layer.weight_dropout
    ):
        return True
    return bool(layer.zoneout or layer.residual or layer.learn_initial or layer.backend not in ("auto", "cpu"))


def _looked_up(ids: Any, embedding: Any) -> Tensor | None:
    """The embedding's rows, where there are fewer than a table of products would take."""
    table = embedding.weight if isinstance(embedding, nn.Embedding) and only_looks_up(embedding) else embedding
    if type(ids) is not Tensor or type(table) not in (Tensor, nn.Parameter) or table.dim() != 2 or ids.dim() != 2:
        return None
    if ids.dtype != torch.int64 or not ids.is_cpu or not table.is_cpu or 2 * table.shape[0] <= ids.numel():
        return None
    try:
        return F.embedding(ids, table)
    except IndexError:  # the long way names the ids
        return None


def _make(layer, x: Tensor) -> "_Record | None":
    """The record of a layer as it is now. None where it is not plain: a parametrised or pruned weight, mixed types."""
    names = [name for one in _weight_names(layer) for listed in one for name in listed]
    found = [layer._parameters.get(name) for name in names]
    if len(names) != len(layer._parameters) or layer._shape.listed or cpu.cell_reason(layer.cell):
        return None
    if any(type(p) is not nn.Parameter or p.dtype != x.dtype or not p.is_cpu or not p.is_contiguous() for p in found):
        return None
    one, calls = x.new_zeros(1, 1, layer.input_size), []
    given = layer._read(one.transpose(0, 1) if layer.batch_first else one, None, None, None)
    states = layer._states_before(None, given)
    for index in range(layer.num_layers):
        width = layer._shape.inputs[index]
        call = layer._call(index, x.new_zeros(1, 1, width), states[index], given, False, False)
        calls.append(execute.structures(cpu.work(call)))
    return _Record(layer, x.dtype, calls)


class _Record:
    """The core's structures for each layer, and where a call's own addresses go in them."""

    def __init__(self, layer, dtype: torch.dtype, calls: list):
        self.batch_first, self.dtype = layer.batch_first, dtype
        self.key, self.settings = _key(layer), layer.cell.settings()
        self.calls = calls
        self.names = [
            [name for listed in per_layer for name in listed] for per_layer in _weight_names(layer)
        ]  # for each layer its weights in the operator's order
        self.forward = calls[0].made.core.forward
        self.widths = layer._shape.states(0)
        self.directions = 2 if layer.bidirectional else 1
        self.places = []  # for each layer and direction the arrays of its states' addresses, before and after
        for packed in calls:
            for d in range(self.directions):
                to, arrays = packed.call.direction[d], [abi.array_of(c_void_p, len(self.widths))() for _ in range(2)]
                to.state, to.last = (addressof(array) for array in arrays)
                self.places.append(arrays)
        self.zeros = self._zeros(1)

    def fits(self, layer, x: Tensor) -> bool:
        """Whether the layer is still what it was."""
        same = x.dtype == self.dtype and layer.batch_first == self.batch_first and _key(layer) == self.key
        return same and layer.cell.settings() == self.settings

    def run(self, x: Tensor, state: Any) -> tuple[Tensor, Any] | None:
        batch = x.shape[0 if self.batch_first else 1]
        before = self._before(state, batch)
        if before is None:
            return None
        after = [torch.empty(len(self.places), batch, width, dtype=self.dtype) for width in self.widths]
        for k, width in enumerate(self.widths):
            old, new, step = before[k].data_ptr(), after[k].data_ptr(), batch * width * x.element_size()
            for place, (states, last) in enumerate(self.places):
                states[k], last[k] = old + place * step, new + place * step
        threads = 1 if library.forked() else torch.get_num_threads()
        for packed in self.calls:
            x = self._layer(packed, x, threads)
        return x, after[0] if len(after) == 1 else tuple(after)

    def train(self, layer, x: Tensor, state: Any) -> tuple[Tensor, Any] | None:
        """The same where gradients may be wanted: by the operator, layer by layer."""
        x = x.transpose(0, 1) if self.batch_first else x
        before = self._before(state, x.shape[1])
        if before is None:
            return None
        threads, ended = torch.get_num_threads(), [[] for _ in self.widths]
        rows = [part.unbind(0) for part in before]
        for k, (packed, names) in enumerate(zip(self.calls, self.names, strict=True)):
            places = range(k * self.directions, (k + 1) * self.directions)
            weights = [layer._parameters[name] for name in names]
            states = [part[place] for place in places for part in rows]
            work = packed.work._replace(
                threads=threads,
                train=any(t.requires_grad for t in (x, *weights, *states)),
                batch_major=x.stride(0) < x.stride(1),
                x=x,
                weights=weights,
                states=states,
            )
            x, *last = operator.layer(work)
            for part, after in enumerate(ended):
                after += last[part :: len(self.widths)]
        y = x.transpose(0, 1) if self.batch_first else x
        ended = [torch.stack(after) if len(after) > 1 else after[0][None] for after in ended]
        return y, ended[0] if len(ended) == 1 else tuple(ended)

    def _before(self, state: Any, batch: int) -> list[Tensor] | None:
        """The states to start from, as the core reads them; None where they are not plainly that."""
        if state is None:
            if self.zeros[0].shape[1] != batch:
                self.zeros = self._zeros(batch)
            return self.zeros
        parts = state if len(self.widths) > 1 else (state,)
        if not isinstance(parts, tuple | list) or len(parts) != len(self.widths):
            return None
        for part, width in zip(parts, self.widths, strict=True):
            if type(part) is not Tensor or part.dtype != self.dtype or not part.is_cpu or not part.is_contiguous():
                return None
            if part.shape != (len(self.places), batch, width):
                return None
        return parts

    def _zeros(self, batch: int) -> list[Tensor]:
        with torch.inference_mode(False):  # they are kept, and what is made in inference cannot be trained with
            return [torch.zeros(len(self.places), batch, width, dtype=self.dtype) for width in self.widths]

    def _layer(self, packed, x: Tensor, threads: int) -> Tensor:
        call, (time, row) = packed.call, (1, 0) if self.batch_first else (0, 1)
        y = torch.empty(x.shape[0], x.shape[1], self.directions * self.widths[0], dtype=self.dtype)
        call.time, call.batch, call.threads = x.shape[time], x.shape[row], threads
        call.x, call.x_time, call.x_row = x.data_ptr(), x.stride(time), x.stride(row)
        call.y, call.y_time, call.y_row = y.data_ptr(), y.stride(time), y.stride(row)
        execute.call_core(self.forward, call)
        return y


def _weight_names(layer) -> list[list[list[str]]]:
    """For each layer and direction the names of its weights, then of its vectors."""
    found = []
    for index in range(layer.num_layers):
        each = [layer._names[suffix] for suffix in layer._shape.suffixes(index)]
        found.append([[*filter(None, listed), *(name for _, name in vectors)] for listed, vectors in each])
    return found


def _key(layer) -> list:
    """What changes when a weight is replaced, moved, converted, parametrised or pruned; not when it is trained."""
    return [(name, p.data_ptr() if p.is_contiguous() else None) for name, p in layer._parameters.items()]
