"""Layers in float64 with random weights, for tests of `recurra.nn.Recurrent`."""

import torch
from helpers.support import numbers_of, randomise

from recurra.nn import Recurrent


def make(cell, *sizes, **options):
    """3 inputs and 4 units, or the sizes given."""
    return randomise(Recurrent(cell, *(sizes or (3, 4)), dtype=torch.float64, **options))


def call(layer, x, *arguments, **options):
    """`layer(x, ...)`, with the numbers that its cell is given."""
    return layer(x, *arguments, **options, **numbers_of(layer, x))


def parts(state) -> list:
    """A state's tensors: a tuple's, or the one."""
    return list(state) if isinstance(state, tuple) else [state]
