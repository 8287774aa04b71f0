"""Which examples make each batch, and sequences of unequal length as one array."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

# Batches whose examples are sorted by length together: long enough to save padding, short enough to stay mixed.
_BUCKET = 50


class Batches:
    """Batches of examples by their numbers: shuffled again every epoch, those of like length together.

        batches = Batches(1000, 32, seed=1, lengths=lengths)
        batches.batch(epoch, index)        # 32 numbers from 0 to 999, the same for the same arguments

    count: examples. lengths: (count,) steps of each, or None if they are equal. Every example comes once an epoch;
    the last batch may be smaller. rank, world: in a process group each rank gets its share of a batch, of one size for
    all; where examples do not divide evenly, the first of the epoch come twice.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        seed: int = 1,
        lengths: Sequence[int] | None = None,
        rank: int = 0,
        world: int = 1,
    ):
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.lengths = None if lengths is None else np.asarray(lengths)
        self.rank, self.world = rank, world
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)

    def batch(self, epoch: int, index: int) -> np.ndarray:
        """The numbers of the examples in one batch, index from 0 to len - 1."""
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffled(epoch)
        found = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        if self.world > 1:
            found = np.concatenate([found, self._order[: -len(found) % self.world]])[self.rank :: self.world]
        return found

    def _shuffled(self, epoch: int) -> np.ndarray:
        random = np.random.default_rng((self.seed, epoch))
        order = random.permutation(self.count)
        if self.lengths is None:
            return order
        size = self.batch_size * _BUCKET
        order = np.concatenate(
            [part[np.argsort(self.lengths[part], kind="stable")] for part in _parts(order, size)] or [order]
        )
        # Batches are as sorted within a bucket as their examples are, and no longer by chance.
        whole = len(order) // self.batch_size * self.batch_size
        batches = order[:whole].reshape(-1, self.batch_size)
        return np.concatenate([batches[random.permutation(len(batches))].reshape(-1), order[whole:]])


def _parts(array: np.ndarray, size: int) -> list[np.ndarray]:
    return [array[at : at + size] for at in range(0, len(array), size)]


def pad(sequences: Sequence[np.ndarray | Tensor], value: float = 0.0) -> tuple[Tensor, Tensor]:
    """Sequences of unequal length as one array: `x, lengths = pad(sequences)`.

    sequences: B arrays (T, ...) of one dtype. Returns x (B, longest T, ...), filled up with `value`, and lengths (B,)
    int64: what every layer takes as `lengths`.
    """
    rows = [row if isinstance(row, torch.Tensor) else torch.as_tensor(row, device="cpu") for row in sequences]
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64, device="cpu")
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value), lengths
