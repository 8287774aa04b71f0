"""From a caller's layout of states and outputs to that of the layers' loop, and back.

Outside: one tensor per state, (layers * directions, batch, units), or a list, one per layer, where widths differ. Inside: for
each layer and direction a tuple with the cell's states, (batch, units) each, and outputs (time, batch, features).
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from recurra.backends.call import active_steps
from recurra.backends.stack import Shape
from recurra.cells import Cell
from recurra.errors import DtypeError
from recurra.nn.inputs import Inputs, check_state


class Trace(NamedTuple):
    """Every state and gate at every step, by name: (layers * directions, *the layout of y without features, hidden).

    With a list of widths each name holds a list of such tensors, one for each layer. `states` is empty unless
    return_states, `gates` unless return_gates. Past a row's length a state stays as it was and gates are 0.
    """

    states: dict[str, Any]
    gates: dict[str, Any]


def read_states(name: str, state: Any, cell: Cell, shape: Shape, given: Inputs) -> list[list[tuple[Tensor, ...]]]:
    """A caller's state, checked, for each layer and direction. Raises ShapeError and DtypeError."""
    names = cell.state_names
    parts = [state] if len(names) == 1 else state
    if not isinstance(parts, tuple | list) or len(parts) != len(names):
        came = f"{len(state)} parts" if isinstance(state, tuple | list) else type(state).__name__
        want = f"a tuple ({', '.join(names)})" if len(names) > 1 else "one tensor"
        raise DtypeError(f"{name}: the state is {came}; expected {want}, as an earlier call returned it.")
    read = [_read_state(name, k, part, cell, shape, given) for k, part in enumerate(parts)]
    layers, both = range(len(shape.hidden)), range(shape.directions)
    return [[tuple(part[layer][d] for part in read) for d in both] for layer in layers]


def _read_state(name: str, k: int, part: Any, cell: Cell, shape: Shape, given: Inputs) -> list[tuple[Tensor, ...]]:
    """The cell's k-th state: for each layer and direction (batch, units)."""
    layers, directions = len(shape.hidden), shape.directions
    label, row = f"{cell.state_names[k]}0", tuple(given.x.shape[1:2]) if given.batched else ()

    def origin() -> str:
        sizes = f"layers={layers} from the model" + (", directions=2 (bidirectional)" if directions == 2 else "")
        layout = "(time, batch, features)" if given.embedding is None else "(time, batch)"
        return f"{sizes}, batch={row[0]} from `x` {tuple(given.x.shape)} {layout}" if given.batched else sizes

    widths = [shape.states(layer)[k] for layer in range(layers)]
    if shape.listed:
        if not isinstance(part, list | tuple) or len(part) != layers:
            raise DtypeError(f"{name}: `{label}` must be a list of {layers} tensors, one per layer: widths differ.")
        for layer, tensor in enumerate(part):
            want = (directions, *row, widths[layer])
            check_state(name, f"{label}[{layer}]", tensor, want, given.like, origin, given.batched)
        each = [tensor.unbind(0) for tensor in part]
    else:
        check_state(name, label, part, (layers * directions, *row, widths[0]), given.like, origin, given.batched)
        rows = part.unbind(0)
        each = [rows[start : start + directions] for start in range(0, layers * directions, directions)]
    return each if given.batched else [tuple([tensor[None] for tensor in layer]) for layer in each]


def give_output(y: Tensor, given: Inputs, batch_first: bool) -> Any:
    """The output as the caller's input was laid out."""
    if given.packed is not None:
        order = given.packed.sorted_indices
        y, lengths = (y, given.lengths) if order is None else (y[:, order], given.lengths[order])
        data = y[active_steps(lengths, y.shape[0])[..., 0]]
        return PackedSequence(data, given.packed.batch_sizes, order, given.packed.unsorted_indices)
    if not given.batched:
        return y[:, 0]
    return y.transpose(0, 1) if batch_first else y


def give_states(ended: list[list[tuple[Tensor, ...]]], cell: Cell, shape: Shape, given: Inputs) -> Any:
    """The states after the last step: a tensor for a cell with one state, else a tuple in the cell's order."""
    parts = []
    for k in range(len(ended[0][0])):
        each = [[direction[k] if given.batched else direction[k][0] for direction in layer] for layer in ended]
        if shape.listed:
            parts.append([torch.stack(layer) for layer in each])
        else:
            rows = [tensor for layer in each for tensor in layer]
            parts.append(torch.stack(rows) if len(rows) > 1 else rows[0][None])
    return parts[0] if len(parts) == 1 else tuple(parts)


def give_trace(kept: list[tuple], shape: Shape, given: Inputs, batch_first: bool) -> Trace:
    """Every state and gate that was kept. kept: for each layer, its states and its gates, by name for each direction."""

    def gather(which: int, name: str) -> Any:
        layers = [torch.stack([direction[name] for direction in layer[which]]) for layer in kept]
        if not given.batched:
            layers = [tensor[:, :, 0] for tensor in layers]
        elif batch_first and given.packed is None:
            layers = [tensor.transpose(1, 2) for tensor in layers]
        return layers if shape.listed else torch.cat(layers)

    states, gates = ({name: gather(k, name) for name in (kept[0][k] or [{}])[0]} for k in (0, 1))
    return Trace(states, gates)
