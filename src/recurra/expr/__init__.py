"""The functions that cells are written in.

Elementwise: sigmoid, tanh, relu, exp, log, sqrt, softplus, abs, sign, minimum, maximum, where. Over the hidden units:
layer_norm, softmax. They are PyTorch's own, so a cell's `step` runs on tensors as it stands, on any device, under
autograd, double backward and vmap; whatever else is to run a `step` only has to answer these.
"""

from torch import abs, exp, log, maximum, minimum, relu, sigmoid, sign, sqrt, tanh, where
from torch.nn.functional import softplus

from recurra.expr.rows import layer_norm, softmax

__all__ = [
    "abs",
    "exp",
    "layer_norm",
    "log",
    "maximum",
    "minimum",
    "relu",
    "sigmoid",
    "sign",
    "softmax",
    "softplus",
    "sqrt",
    "tanh",
    "where",
]
