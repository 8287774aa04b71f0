"""Parallel streams: the text as B long passages, read side by side, a window at a time, so that the state carries on.

    B = 3, text = abcdefghijklm       inputs           targets
    passages of 4, windows of 2       ab  ef  ij       bc  fg  jk       window 0
                                      cd  gh  kl       de  hi  lm       window 1

The gradient stops at a window's edge, the state does not (truncated backpropagation through time, Williams & Peng 1990).
"""

from typing import NamedTuple

import numpy as np
import torch

from recurra.data.passages import fit
from recurra.errors import DataError

IGNORE = -100
"""The target of a padded place; the default `ignore_index` of torch.nn.functional.cross_entropy."""


class Batch(NamedTuple):
    """One window of all streams: what goes in, what should come out, and where a document starts."""

    inputs: torch.Tensor
    targets: torch.Tensor
    resets: torch.Tensor | None


class _Passages:
    """The grid both readers share: `batch_size` rows of `length` tokens each; this process reads `rows` of them."""

    def __init__(self, ids: np.ndarray, batch_size: int, window: int, eod: int | None, rank: int, world: int):
        targets = len(ids) - 1
        if targets < world:
            raise DataError(f"the text is {len(ids)} tokens long; {world} process(es) need at least {world + 1}")
        self.ids, self.eod = ids, eod
        self.batch_size = fit(batch_size, targets, window, world)
        self.length = self._length(targets)
        self.window = min(window, self.length)
        self.rows = slice(rank * self.batch_size // world, (rank + 1) * self.batch_size // world)

    def _length(self, targets: int) -> int:
        return targets // self.batch_size

    def __len__(self) -> int:
        """Windows from the start to the end of the passages."""
        return -(-self.length // self.window)

    @property
    def tokens(self) -> int:
        """Targets in one pass, all processes together."""
        return self.length * self.batch_size

    def _span(self, i: int) -> slice:
        if not 0 <= i < len(self):
            raise IndexError(f"window {i} of {len(self)}")
        return slice(i * self.window, min((i + 1) * self.window, self.length))

    def _places(self, i: int) -> np.ndarray:
        """(rows, window) offsets of the inputs in the text."""
        span, first = self._span(i), np.arange(self.batch_size)[self.rows, None] * self.length
        return first + np.arange(span.start, span.stop)

    def _resets(self, places: np.ndarray) -> torch.Tensor | None:
        if self.eod is None:
            return None
        before = self.ids[np.clip(places - 1, 0, len(self.ids) - 1)]
        return torch.from_numpy((before == self.eod) | (places == 0))


class Streams(_Passages):
    """The training text as parallel streams.

    `len(streams)` windows an epoch; `streams.batch(i)` is any one of them, so a run can resume anywhere:
    inputs and targets (B, T) int64, resets (B, T) bool, True at the first token of each document, or None without
    `eod`. The last window may be shorter. Row r reads passage r, so the state of row r at window i is that after window
    i - 1; at window 0 it starts over.

    ids: (tokens,) integers.  batch_size: streams, over all processes; a short text gets fewer (see `fit`).
    window: tokens; the whole text where it is shorter.  eod: id of the end-of-document token, for the resets.
    rank, world: this process gets rows rank·B/world to (rank+1)·B/world of the batch that one process would get.
    fresh: part of the windows, drawn by `seed`, epoch and number of the window, in which a row starts over at a token before
    which one of `line_ends` stands: (vocabulary,) bool.

    Passages have equal lengths: at most B - 1 tokens at the text's end are not used.
    DataError if there are not two tokens; ConfigError if batch_size is not a multiple of world.
    """

    def __init__(
        self,
        ids,
        batch_size: int,
        window: int,
        eod: int | None = None,
        rank: int = 0,
        world: int = 1,
        *,
        fresh: float = 0.0,
        line_ends: np.ndarray | None = None,
        seed: int = 1,
    ):
        super().__init__(ids, batch_size, window, eod, rank, world)
        self.fresh, self.line_ends, self.seed = fresh if line_ends is not None else 0.0, line_ends, seed
        # Two views on the ids: nothing is copied before a window is requested.
        self._inputs = ids[: self.tokens].reshape(self.batch_size, self.length)[self.rows]
        self._targets = ids[1 : self.tokens + 1].reshape(self.batch_size, self.length)[self.rows]

    def batch(self, i: int, epoch: int = 0) -> Batch:
        """Window i of this process' streams."""
        span = self._span(i)
        inputs, targets = self._inputs[:, span].astype(np.int64), self._targets[:, span].astype(np.int64)
        resets = None if self.eod is None else self._resets(self._places(i))
        if self.fresh:
            resets = self._started_anew(inputs, i, epoch, resets)
        return Batch(torch.from_numpy(inputs), torch.from_numpy(targets), resets)

    def _started_anew(self, inputs: np.ndarray, i: int, epoch: int, resets: torch.Tensor | None) -> torch.Tensor | None:
        """`resets`, and the first line's beginning in some of the rows, the same however many processes there are."""
        drawn = np.random.default_rng((self.seed, epoch, i)).random(self.batch_size)[self.rows] < self.fresh
        rows = np.flatnonzero(drawn)
        begins = np.zeros(inputs.shape, bool)
        begins[rows, 1:] = self.line_ends[inputs[rows, :-1]]
        rows = rows[begins[rows].any(1)]
        if len(rows):
            resets = torch.zeros(inputs.shape, dtype=torch.bool) if resets is None else resets
            resets[torch.from_numpy(rows), torch.from_numpy(begins[rows].argmax(1))] = True
        return resets


class Evaluation(_Passages):
    """A text to measure on: like Streams, but every token except the first is a target exactly once.

    The last passages may be shorter, or empty: there the targets are -100, which cross_entropy ignores.
    """

    def __init__(self, ids, batch_size: int, window: int, eod: int | None = None, rank: int = 0, world: int = 1):
        super().__init__(ids, batch_size, window, eod, rank, world)

    def _length(self, targets: int) -> int:
        return -(-targets // self.batch_size)

    @property
    def tokens(self) -> int:
        """Targets in one pass, all processes together."""
        return len(self.ids) - 1

    def batch(self, i: int) -> Batch:
        """Window i of this process' passages."""
        places = self._places(i)
        inside = np.minimum(places, self.tokens - 1)
        targets = np.where(places < self.tokens, self.ids[inside + 1].astype(np.int64), IGNORE)
        return Batch(
            torch.from_numpy(self.ids[inside].astype(np.int64)),
            torch.from_numpy(targets),
            self._resets(places),
        )
