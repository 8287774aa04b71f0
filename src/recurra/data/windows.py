"""Shuffled windows: each starts from a zero state and predicts the one token that follows it.

The order is a keyed permutation, computed where it is needed: no list of all windows is ever made, and any batch of any
epoch is available at once.
"""

import math

import numpy as np
import torch

from recurra.data.streams import Batch
from recurra.errors import ConfigError, DataError, setting


class Windows:
    """The training text as shuffled windows.

    `len(windows)` batches an epoch; `windows.batch(epoch, i)`: inputs (B, T) int64; targets (B, 1), the token after
    each window, or (B, T) with last_only=False; resets (B, T) bool or None. Targets belong to the last positions of
    the inputs. The last batch may be smaller.

    ids: (tokens,) integers.  batch_size: windows, over all processes.  window: tokens; shorter where the text is.
    stride: tokens between the starts of windows.  seed: of the order, which is another one in every epoch.
    eod: id of the end-of-document token, for the resets.  rank, world: this process' part of the rows of each batch.
    """

    def __init__(
        self,
        ids: np.ndarray,
        batch_size: int,
        window: int,
        stride: int = 1,
        seed: int = 0,
        last_only: bool = True,
        rank: int = 0,
        world: int = 1,
        eod: int | None = None,
    ):
        if len(ids) < 2:
            raise DataError(f"the text is {len(ids)} token(s) long; training needs at least 2")
        if batch_size % world:
            raise ConfigError(f"{setting('batch_size')} is {batch_size}; expected a multiple of the {world} processes")
        self.ids, self.stride, self.seed, self.last_only, self.eod = ids, stride, seed, last_only, eod
        self.window = min(window, len(ids) - 1)
        self.count = (len(ids) - 1 - self.window) // stride + 1
        # Every process gets as many rows as the others: with several, at most world - 1 windows an epoch are left out.
        self.count -= self.count % world
        if not self.count:
            raise DataError(f"the text has fewer windows of {self.window} tokens than there are processes ({world})")
        self.batch_size, self.rank, self.world = min(batch_size, self.count), rank, world

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.count // self.batch_size)

    def batch(self, epoch: int, i: int) -> Batch:
        """Batch i of an epoch."""
        if not 0 <= i < len(self):
            raise IndexError(f"batch {i} of {len(self)}")
        first, last = i * self.batch_size, min((i + 1) * self.batch_size, self.count)
        share = (last - first) // self.world
        rows = np.arange(first + self.rank * share, first + (self.rank + 1) * share)
        starts = permute(rows, self.count, self.seed, epoch)[:, None] * self.stride
        tokens = self.ids[starts + np.arange(self.window + 1)].astype(np.int64)
        targets = tokens[:, -1:] if self.last_only else tokens[:, 1:]
        resets = None
        if self.eod is not None:
            resets = np.zeros((share, self.window), bool)
            resets[:, 1:] = tokens[:, :-2] == self.eod
            resets[:, 0] = True
            resets = torch.from_numpy(resets)
        return Batch(torch.from_numpy(tokens[:, :-1]), torch.from_numpy(targets), resets)


def permute(places: np.ndarray, count: int, seed: int, epoch: int) -> np.ndarray:
    """Where a seeded permutation of range(count) sends some places, (n,) int64, without the rest being computed.

    A Feistel network on a square that holds the range, walked until it is back inside (Black & Rogaway 2002).
    """
    side = np.uint64(math.isqrt(count - 1) + 1)
    keys = np.random.SeedSequence((seed, epoch)).generate_state(8, np.uint64)
    at = places.astype(np.uint64)
    outside = np.ones(len(at), bool)
    while outside.any():
        left, right = at[outside] % side, at[outside] // side
        for k in range(0, len(keys), 2):
            left = (left + _mix(right ^ keys[k])) % side
            right = (right + _mix(left ^ keys[k + 1])) % side
        at[outside] = left + right * side
        outside = at >= count
    return at.astype(np.int64)


def _mix(x: np.ndarray) -> np.ndarray:
    """Scatter the bits of uint64s: the finaliser of SplitMix64 (Steele, Lea & Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
