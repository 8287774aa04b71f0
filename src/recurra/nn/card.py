"""card(layer): what a recurrent layer costs. Parameters, operations a step, state, and memory for training."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from recurra.cells import Cell
from recurra.errors import ConfigError
from recurra.nn.accelerate import accelerated
from recurra.nn.dropout import undrawn
from recurra.nn.recurrent import Recurrent

# Operations for one number of an elementwise function: default 1; those listed fuse several.
OPERATIONS = {"native_layer_norm": 8, "_softmax": 4, "addcmul": 2, "lerp": 3}
FREE = (
    "view",
    "unbind",
    "select",
    "slice",
    "expand",
    "transpose",
    "clone",
    "detach",
    "_to_copy",
    "alias",
    "copy_",
)


@dataclass(frozen=True)
class Card:
    """The costs of one layer, or of all recurrent layers of a model."""

    name: str
    gates: dict[str, int]
    """Parameters of each gate, over all layers and directions: its rows of W_x, W_h and the biases."""
    other: int
    """Parameters that belong to no gate: learned vectors, projections, initial states, and the rest of a model."""
    operations: int
    """Floating-point operations for one step of one row, forward: 2 for each multiply-add of the products, 1 for each
    elementwise operation, a sigmoid or tanh counted as one."""
    state: int
    """Numbers carried from step to step for one row."""
    memory: int
    """Bytes kept for the backward pass at the batch and length asked for, as measured on a short run; with
    checkpoint_every the most at any time, that is with one piece run again."""
    batch: int
    time: int
    kept: tuple[str, ...] = ()
    """What the compiled kernel keeps of each step for the gradient, one number per unit each; empty where another backend
    runs the layer."""

    @property
    def parameters(self) -> int:
        return sum(self.gates.values()) + self.other

    def __str__(self) -> str:
        return str(Cards([self]))

    def to_dict(self) -> dict:
        """The card as plain data."""
        return {
            "name": self.name,
            "parameters": self.parameters,
            "parameters_by_gate": self.gates,
            "other": self.other,
        } | {
            "operations_per_step": self.operations,
            "state_numbers": self.state,
            "activation_bytes": self.memory,
            "kept": list(self.kept),
            "batch": self.batch,
            "time": self.time,
        }


class Cards(list):
    """Several cards; as text, a table side by side."""

    def __str__(self) -> str:
        rows = [
            ["", *(card.name for card in self)],
            ["parameters", *(f"{card.parameters:,}" for card in self)],
        ]
        for gate in dict.fromkeys(gate for card in self for gate in card.gates):
            rows.append([f"  gate {gate}", *(f"{c.gates[gate]:,}" if gate in c.gates else "" for c in self)])
        if any(card.other for card in self):
            rows.append(["  other", *(f"{card.other:,}" for card in self)])
        rows.append(["operations a step", *(f"{card.operations:,}" for card in self)])
        rows.append(["state, numbers", *(f"{card.state:,}" for card in self)])
        if any(card.kept for card in self):
            rows.append(["kept of a step, numbers per unit", *(str(len(c.kept)) if c.kept else "" for c in self)])
        label = f"training memory, batch {self[0].batch}, {self[0].time} steps"
        rows.append([label, *(_bytes(card.memory) for card in self)])
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = []
        for row in rows:
            cells = [
                row[0].ljust(widths[0]),
                *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)),
            ]
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines)


def card(module: nn.Module, *others: nn.Module, batch: int = 1, time: int = 100) -> Card | Cards:
    """What layers cost: `print(recurra.card(RNN(4, 8), LSTM(4, 8), GRU(4, 8)))` is a table side by side.

    module, others: recurrent layers, Recurra's or torch.nn's, or models that hold some.
    batch, time: rows and steps for which the memory for training is computed; default 1 and 100.

    Returns a Card, or Cards for several modules. Raises ConfigError for a module without recurrent layers.
    """
    cards = Cards([_card(m, batch, time) for m in (module, *others)])
    return cards if others else cards[0]


def _card(module: nn.Module, batch: int, time: int) -> Card:
    if batch < 1 or time < 1:
        raise ConfigError(f"card: batch={batch} and time={time} must be at least 1")
    layers = list(_recurrent(module))
    if not layers:
        raise ConfigError(f"card: {type(module).__name__} holds no recurrent layer; pass one, or a model that has one")
    gates: dict[str, int] = {}
    for layer in layers:
        gates |= {gate: gates.get(gate, 0) for gate in layer.cell.gate_names}
        for key, parameter in layer.named_parameters():
            if key.startswith(("weight_ih", "weight_hh", "bias_ih", "bias_hh")):
                blocks = layer.facts.x_gates if "_ih_" in key else layer.facts.h_gates
                for gate in blocks:
                    gates[gate] += parameter.numel() // len(blocks)
    total = sum(p.numel() for p in module.parameters())
    operations = sum(_operations(layer) for layer in layers)
    state = sum(
        sum(layer.shape.states(k)) * layer.shape.directions for layer in layers for k in range(layer.num_layers)
    )
    memory = sum(_memory(layer, time) for layer in layers) * batch
    kept = dict.fromkeys(name for layer in layers for name in _kept(layer))
    name = (
        type(module).__name__
        if not isinstance(module, Recurrent) or type(module) is not Recurrent
        else repr(layers[0].cell)
    )
    return Card(
        name.removesuffix("()"),
        gates,
        total - sum(gates.values()),
        operations,
        state,
        round(memory),
        batch,
        time,
        tuple(kept),
    )


def _recurrent(module: nn.Module) -> Iterator[Recurrent]:
    for part in module.modules():
        if isinstance(part, Recurrent):
            yield part
        elif isinstance(part, nn.RNNBase) and (layer := accelerated(part)) is not None:
            yield layer


def _operations(layer: Recurrent) -> int:
    """One step of one row through all layers and directions."""
    shape, total = layer.shape, 0
    for inputs, hidden, output in zip(shape.inputs, shape.hidden, shape.outputs, strict=True):
        x_rows, h_rows = len(layer.facts.x_gates) * hidden, len(layer.facts.h_gates) * hidden
        multiply_adds = x_rows * inputs + h_rows * (output // layer.heads)
        biases = x_rows + h_rows if layer.bias else 0
        projection = 2 * output * hidden if layer.proj_size else 0
        total += shape.directions * (2 * multiply_adds + biases + projection + elementwise(layer.cell) * hidden)
    return total


def elementwise(cell: Cell) -> int:
    """Elementwise operations of one step for one unit, counted while the cell's `step` runs."""
    batch, hidden = 1, 64  # wide enough that an operation over the row differs from one number per row
    gates, states = cell.gate_names, cell.state_names

    def some(names) -> dict:
        return {name: torch.ones(batch, hidden) for name in names}

    learned = {name: torch.ones(hidden) for name in cell.vectors}

    def product(v, gate):
        return torch.ones(batch, hidden) if gate is not None else some(gates).values()

    with _Counting() as counting:
        cell.step(*cell.arguments(some(gates), product, some(states), learned, given=some(cell.given_names)))
    return round(counting.numbers / hidden)


class _Counting(TorchDispatchMode):
    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        name = function._schema.name.removeprefix("aten::")
        first = result[0] if isinstance(result, tuple) else result
        if name not in FREE and isinstance(first, torch.Tensor) and name != "ones":
            self.numbers += OPERATIONS.get(name, 1) * first.numel()
        return result


def _kept(layer: Recurrent) -> list[str]:
    """What the compiled kernel keeps of a step, by the cell's own names."""
    if layer.explain().name != "cpu":
        return []
    from recurra.expr.compile import generate

    return [kept.name for kept in generate(layer.cell).keep if kept.per_unit]


def _memory(layer: Recurrent, time: int) -> float:
    """Bytes for one row over `time` steps."""
    every = layer.checkpoint_every
    if not every or time <= every:
        return _bytes_per_row_and_step(layer, 0) * time
    # Kept are each step's input and each piece's states; two lengths of pieces tell them apart. One piece of one
    # direction of one layer runs again at a time.
    fine, coarse = _bytes_per_row_and_step(layer, 8), _bytes_per_row_and_step(layer, 16)
    states = 16 * (fine - coarse)
    piece = every * _bytes_per_row_and_step(layer, 0) / (layer.num_layers * layer.shape.directions)
    return time * (fine - states / 8 + states / every) + piece


def _bytes_per_row_and_step(layer: Recurrent, checkpoint_every: int) -> float:
    """What autograd keeps for the backward pass, beyond the weights, from the difference of two short runs."""
    batch, short, long = 4, 32, 96  # long enough that a kernel's rounding up to whole pages does not show
    before, layer.checkpoint_every = layer.checkpoint_every, checkpoint_every
    try:
        return (_kept_bytes(layer, batch, long) - _kept_bytes(layer, batch, short)) / (batch * (long - short))
    finally:
        layer.checkpoint_every = before


def _kept_bytes(layer: Recurrent, batch: int, time: int) -> int:
    weights = {p.untyped_storage().data_ptr() for p in layer.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    like = layer.like()
    size = (batch, time, layer.input_size) if layer.batch_first else (time, batch, layer.input_size)
    count = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with undrawn(like), torch.inference_mode(False), torch.enable_grad(), count:
        layer.forward(
            like.new_zeros(size, requires_grad=True), **layer.blank_given(*size[:2])
        )  # without its owner's hooks
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def _bytes(number: int) -> str:
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"
