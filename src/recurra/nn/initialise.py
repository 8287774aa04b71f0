"""Initialisers by name, for one direction of one layer: what the weights start from."""

import math

import torch
from torch import Tensor
from torch.nn import init

from recurra.cells import Cell, Facts
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
    """Raise ConfigError where the names or numbers cannot be."""
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
            init.constant_(weight, cell.vectors.get(key, 0.0))
    if forget_bias is None:
        return
    if cell.forget in cell.vectors:
        init.constant_(named[cell.forget], forget_bias)
        return
    start = forget_bias  # in the first bias that the gate has
    for key, gates in (("bias_ih", facts.x_gates), ("bias_hh", facts.h_gates)):
        if key in named and cell.forget in gates:
            init.constant_(_blocks(named[key], len(gates))[gates.index(cell.forget)], start)
            start = 0.0
