"""Initialisers by name, for one direction of one layer: what the weights start from."""

import math

import torch
from torch import Tensor
from torch.nn import init

from recurra.cells import Cell, Facts
from recurra.cells.base import Start
from recurra.errors import ConfigError, nearest, setting


def _blocks(weight: Tensor, gates: int) -> tuple[Tensor, ...]:
    return weight.chunk(gates, 0)


def _uniform(weight: Tensor, gates: int) -> None:
    bound = 1.0 / math.sqrt(weight.shape[0] // gates)  # to the bit as torch.nn draws it
    init.uniform_(weight, -bound, bound)


def _xavier(weight: Tensor, gates: int) -> None:
    for block in _blocks(weight, gates):
        init.xavier_uniform_(block)


def _orthogonal(weight: Tensor, gates: int) -> None:
    for block in _blocks(weight, gates):
        init.orthogonal_(block)


def _identity(weight: Tensor, gates: int) -> None:
    for block in _blocks(weight, gates):
        init.eye_(block)


def _zero(weight: Tensor, gates: int) -> None:
    init.zeros_(weight)


# name → (input matrix, recurrent matrix, biases); each gate's block is started on its own
INITIALISERS = {
    "torch": (_uniform, _uniform, _uniform),
    "recommended": (_xavier, _orthogonal, _zero),
    "xavier": (_xavier, _xavier, _zero),
    "orthogonal": (_orthogonal, _orthogonal, _zero),
    "identity": (_xavier, _identity, _zero),
}
"""`torch`: uniform in ±1/√hidden, as torch.nn. `recommended`: Glorot & Bengio 2010 for the input, orthogonal (Saxe et al.
2013) for the recurrence, zero biases. `identity`: the IRNN of Le, Jaitly & Hinton 2015."""


def check_initialiser(name: str, cell: Cell, bias: bool, forget_bias: float | None) -> None:
    """Raise ConfigError for invalid names or numbers."""
    if name not in INITIALISERS:
        raise ConfigError(f"init is {name!r}; {nearest(name, INITIALISERS)}")
    if forget_bias is not None and not cell.forget:
        raise ConfigError(
            f"{setting('forget_bias', forget_bias)} has no effect: {cell!r} has no forget gate. Leave it out"
        )
    if forget_bias is not None and cell.forget in cell.gate_names and not bias:
        raise ConfigError(
            f"{setting('forget_bias', forget_bias)} has no effect with bias=False. Leave it out, or set bias=True"
        )


@torch.no_grad()
def initialise(
    named: dict[str, Tensor], facts: Facts, cell: Cell, name: str, forget_bias: float | None, heads: int = 1
) -> None:
    """Fill one direction's weights. named: weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, and the cell's vectors.

    heads: into how many W_h is cut; each head's block of each gate is started on its own.
    """
    x_gates, h_gates = len(facts.x_gates), len(facts.h_gates)
    for_input, for_recurrence, for_bias = INITIALISERS[name]
    for key, weight in named.items():
        if key == "weight_ih":
            for_input(weight, x_gates)
        elif key == "weight_hh":
            for_recurrence(weight, h_gates * heads)
        elif key in ("bias_ih", "bias_hh"):
            for_bias(weight, x_gates if key == "bias_ih" else h_gates)
        elif key == "weight_hr":
            # The projection is (P, H): torch.nn draws it from ±1/√H too, which is its number of columns.
            _uniform(weight.t(), 1) if name == "torch" else init.orthogonal_(weight)
        else:
            begin(weight, cell.vectors.get(key, 0.0), key)
    starts = dict(cell.starts)
    if forget_bias is not None and cell.forget in cell.vectors:
        init.constant_(named[cell.forget], forget_bias)
    elif forget_bias is not None:
        starts[cell.forget] = forget_bias
    for gate, start in starts.items():
        for key, gates in (("bias_ih", facts.x_gates), ("bias_hh", facts.h_gates)):
            if key in named and gate in gates:  # of two biases, which are added up, the second is 0
                begin(_blocks(named[key], len(gates))[gates.index(gate)], start, gate)
                start = 0.0


@torch.no_grad()
def begin(weight: Tensor, start: Start, name: str) -> None:
    """Fill a vector, or a gate's part of a bias, (units,), by its `Start`. ConfigError if a function gives another shape."""
    units = len(weight)
    match start:
        case ("uniform", low, high):
            weight.uniform_(low, high)
        case ("chrono", steps):
            weight.copy_(torch.log(torch.empty_like(weight).uniform_(1, steps - 1)))
        case ("power", low, high, exponent):
            place = torch.arange(units, dtype=weight.dtype, device=weight.device) / max(units - 1, 1)
            weight.copy_(low + (high - low) * place**exponent)
        case _ if callable(start):
            values = torch.as_tensor(start(units), dtype=weight.dtype)
            if values.shape not in ((), weight.shape):
                raise ConfigError(
                    f"the start of `{name}` gave {tuple(values.shape)} for {units} units; expected ({units},)"
                )
            weight.copy_(values)
        case number:
            init.constant_(weight, number)
