"""States of recurrent layers: a tensor, or tuples and lists of tensors, with the batch always in dimension 1."""

from collections.abc import Callable
from typing import Any

from torch import Tensor


def map_state(function: Callable[..., Any], state: Any, *others: Any) -> Any:
    """`function` on every tensor of a state (and the tensors of others beside it), in the state's own structure."""
    if state is None or isinstance(state, Tensor):
        return None if state is None else function(state, *others)
    return type(state)([map_state(function, *parts) for parts in zip(state, *others, strict=True)])


def detach_state(state: Any) -> Any:
    """The same state, cut off from the graph that made it: truncated backpropagation through time."""
    return map_state(Tensor.detach, state)


def select_state(state: Any, rows: Tensor) -> Any:
    """The state of some batch rows, in the order given, repeats allowed. rows: int64 (n,)."""
    return map_state(lambda tensor: tensor.index_select(1, rows), state)
