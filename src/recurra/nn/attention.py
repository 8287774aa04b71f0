"""Attention over recurrent states: each query gets a mean of the states, weighted by how well they fit it.

context = Σ_t a_t s_t,   a = softmax over t of score(q, s_t)

additive     v · tanh(W q + U s + b)     Bahdanau, Cho & Bengio 2015 (arXiv:1409.0473)
dot          q · s / √size               Luong, Pham & Manning 2015 (arXiv:1508.04025), scaled as by Vaswani et al.
general      (W q) · s / √size           Luong, Pham & Manning 2015, scaled likewise
multi-head   dot, in several subspaces   Vaswani et al. 2017 (arXiv:1706.03762)
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from recurra.config import whole
from recurra.errors import ConfigError, DtypeError, ShapeError, nearest, setting
from recurra.nn.inputs import read_lengths

KINDS = ("additive", "dot", "general", "multi-head")
_HEADS = 4


class Memory(NamedTuple):
    """States made ready to be looked at many times: what scores are made with, what is averaged, and which steps are there."""

    keys: Tensor
    """(batch, time, size), or (batch, heads, time, size / heads)."""
    values: Tensor
    active: Tensor | None
    """(batch, 1, time), or (batch, 1, 1, time), True if a row has a step; None where every row has all of them."""

    def repeat(self, times: int) -> "Memory":
        """Every row so many times, side by side: for several candidates a row."""
        return Memory(*(None if part is None else part.repeat_interleave(times, 0) for part in self))


class Attention(nn.Module):
    """A mean of states for each query: `context, weights = Attention(32, 64)(query, states, lengths)`.

    query_size, key_size: features of a query and of a state.
    kind: how a query and a state are scored: "additive" (default), "dot" (needs equal sizes), "general" or "multi-head".
    hidden_size: units of the scoring layer ("additive"), or of all heads ("multi-head"); default query_size.
    heads: subspaces of "multi-head", a divisor of hidden_size; default 4.

    ConfigError for another kind, an option without effect, sizes that do not fit.
    """

    def __init__(
        self,
        query_size: int,
        key_size: int,
        kind: str = "additive",
        *,
        hidden_size: int | None = None,
        heads: int | None = None,
    ):
        super().__init__()
        if kind not in KINDS:
            raise ConfigError(f"Attention: `kind` is {kind!r}; {nearest(kind, KINDS)}")
        numbers = {"query_size": query_size, "key_size": key_size, "hidden_size": hidden_size, "heads": heads}
        for name, size in numbers.items():
            if size is not None:
                whole(name, size, of="Attention")
        if kind in ("dot", "general") and hidden_size is not None:
            raise ConfigError(f"Attention: {setting('hidden_size')} has no effect with kind={kind!r}; leave it out")
        if kind != "multi-head" and heads is not None:
            raise ConfigError(f"Attention: {setting('heads')} has no effect with kind={kind!r}; it is for 'multi-head'")
        if kind == "dot" and query_size != key_size:
            raise ConfigError(
                f"Attention: kind='dot' multiplies queries and states as they are, but query_size is {query_size} and"
                f" key_size {key_size}; make them equal, or take kind='general'"
            )
        self.query_size, self.key_size, self.kind = query_size, key_size, kind
        size = self.hidden_size = query_size if hidden_size is None else hidden_size
        if kind == "additive":
            self.of_query, self.of_key = nn.Linear(query_size, size), nn.Linear(key_size, size, bias=False)
            self.score = nn.Linear(size, 1, bias=False)
        elif kind == "general":
            self.of_query = nn.Linear(query_size, key_size, bias=False)
        elif kind == "multi-head":
            self.heads = _HEADS if heads is None else heads
            if size % self.heads:
                raise ConfigError(
                    f"Attention: {setting('heads')} is {self.heads}; expected a divisor of hidden_size, {size}"
                )
            self.of_query = nn.Linear(query_size, size)
            self.of_key, self.of_value = nn.Linear(key_size, size), nn.Linear(key_size, size)
            self.together = nn.Linear(size, key_size, bias=False)

    def forward(
        self, query: Tensor, states: Tensor, lengths: Tensor | Sequence[int] | None = None
    ) -> tuple[Tensor, Tensor]:
        """A mean of each row's states for each of its queries.

        query: (batch, queries, query_size). states: (batch, time, key_size). lengths: steps of each row of states, (batch,);
        default all of them. What stands past them does not matter; a row without any gives zeros.

        Returns context (batch, queries, key_size) and weights (batch, queries, time), each of which sums to 1; those of
        "multi-head" are the mean over its heads. ShapeError for tensors of another form and invalid lengths, DtypeError
        for tensors of another type or on another device, and for lengths that are no whole numbers.
        """
        return self.read(query, self.remember(states, lengths))

    def remember(self, states: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Memory:
        """The part of `forward` that needs no query: a decoder that goes step by step does it once, then calls `read`."""
        _check("states", states, "time", self.key_size, next(self.parameters(), None))
        active = None
        if lengths is not None:
            counts = read_lengths(
                "Attention", lengths, states.shape[1], states.shape[0], True, states.device, of="states"
            )
            active = torch.arange(states.shape[1], device=states.device) < counts[:, None, None]
            states = torch.where(active.transpose(1, 2), states, 0)  # not even NaN may pass
        if self.kind == "additive":
            return Memory(self.of_key(states), states, active)
        if self.kind != "multi-head":
            return Memory(states, states, active)
        keys, values = self._split(self.of_key(states)), self._split(self.of_value(states))
        return Memory(keys, values, None if active is None else active[:, None])

    def read(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Context and weights, as from `forward`, for states that `remember` has made ready."""
        _check("query", query, "queries", self.query_size, memory.values)
        if len(query) != len(memory.values):
            raise ShapeError(f"Attention: `query` has {len(query)} rows, but `states` has {len(memory.values)}")
        weights = _shares(self._scores(query, memory.keys), memory.active)
        context = weights @ memory.values
        if self.kind == "multi-head":
            return self.together(context.transpose(1, 2).flatten(2)), weights.mean(1)
        return context, weights

    def _scores(self, query: Tensor, keys: Tensor) -> Tensor:
        if self.kind == "additive":
            return self.score(torch.tanh(self.of_query(query)[:, :, None] + keys[:, None])).squeeze(3)
        if self.kind == "general":
            query = self.of_query(query)
        elif self.kind == "multi-head":
            query = self._split(self.of_query(query))
        return (
            query / keys.shape[-1] ** 0.5 @ keys.transpose(-1, -2)
        )  # the quotient first: in float16 the sum may overflow

    def _split(self, x: Tensor) -> Tensor:
        """(batch, time, heads * size) → (batch, heads, time, size)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def extra_repr(self) -> str:
        heads = f", heads={self.heads}" if self.kind == "multi-head" else ""
        return f"{self.query_size}, {self.key_size}, {self.kind!r}{heads}"


def _shares(scores: Tensor, active: Tensor | None) -> Tensor:
    """Softmax over the steps that are there, 0 for the others."""
    if active is None:
        return scores.softmax(-1)
    # Over no step at all softmax gives NaN, and so does its gradient; neither passes.
    return torch.where(active, scores.masked_fill(~active, -torch.inf).softmax(-1), 0)


def _check(name: str, x: Tensor, steps: str, size: int, like: Tensor | None) -> None:
    if not isinstance(x, Tensor):
        raise DtypeError(f"Attention: `{name}` is {type(x).__name__}; expected a tensor (batch, {steps}, {size})")
    if x.ndim != 3 or x.shape[2] != size:
        raise ShapeError(f"Attention: `{name}` is {tuple(x.shape)}; expected (batch, {steps}, {size})")
    if like is None:
        return
    if x.device != like.device:
        raise DtypeError(f"Attention: `{name}` is on {x.device}, expected {like.device}, where the rest is; move one")
    if x.dtype != like.dtype and not torch.is_autocast_enabled(x.device.type):
        raise DtypeError(f"Attention: `{name}` is {x.dtype}, expected {like.dtype} as the rest is; convert one")
