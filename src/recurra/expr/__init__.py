"""The functions that cells are written in, and the compiler that reads them.

Elementwise functions, those over the hidden units (layer_norm, rms_norm, softmax), and row_sum, row_mean, row_max, which
give one number per row: `__all__` names them. On tensors they are PyTorch's own, so a cell's `step` runs as it stands,
on any device, under autograd, double backward and vmap. On symbols they write the graph down:

    ops                       the table of operations, from which most of this is made
    graph, symbols, trace     a step → its equations; formulas, torchcalls: what else a step may call
    differentiate, keep       → its gradient, and what the forward pass must keep for it
    schedule, cpp, compile    → C++ for one time step, in loops over rows and units
    evaluate, text            the graph as numbers; as formulas
"""

from recurra.expr import functions, rows
from recurra.expr.functions import *  # noqa: F403 (most of them are made from the table)
from recurra.expr.rows import *  # noqa: F403 (`__all__` of that module names them once)

__all__ = sorted([*functions.__all__, *rows.__all__])
