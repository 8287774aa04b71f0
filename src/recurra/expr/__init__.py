"""The functions that cells are written in, and the compiler that reads them.

Elementwise: sigmoid, tanh, relu, exp, log, sqrt, rsqrt, reciprocal, square, softplus, gelu, silu, hard_sigmoid, clamp,
abs, sign, minimum, maximum, where. Over the hidden units: layer_norm, rms_norm, softmax, and row_sum, row_mean,
row_max, which give one number a row. On tensors they are PyTorch's own, so a cell's `step` runs as it stands, on any
device, under autograd, double backward and vmap. On symbols they write the graph down:

    graph, symbols, trace     a step → its equations
    differentiate, keep       → its gradient, and what the forward pass must keep for it
    schedule, cpp, compile    → C++ for one time step, in loops over rows and units
    evaluate, text            the graph as numbers; as formulas
"""

from recurra.expr.functions import (
    abs,
    clamp,
    exp,
    gelu,
    hard_sigmoid,
    log,
    maximum,
    minimum,
    reciprocal,
    relu,
    rsqrt,
    sigmoid,
    sign,
    silu,
    softplus,
    sqrt,
    square,
    tanh,
    where,
)
from recurra.expr.rows import layer_norm, rms_norm, row_max, row_mean, row_sum, softmax

__all__ = [
    "abs",
    "clamp",
    "exp",
    "gelu",
    "hard_sigmoid",
    "layer_norm",
    "log",
    "maximum",
    "minimum",
    "reciprocal",
    "relu",
    "rms_norm",
    "row_max",
    "row_mean",
    "row_sum",
    "rsqrt",
    "sigmoid",
    "sign",
    "silu",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "tanh",
    "where",
]
