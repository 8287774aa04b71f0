"""A sequence of states → one vector: the last step, the mean, the largest value, or a learned weighted mean."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from recurra.backends.call import active_steps
from recurra.errors import ConfigError, ShapeError, nearest
from recurra.nn.inputs import read_lengths

POOLINGS = ("last", "mean", "max", "attention")


class Pooling(nn.Module):
    """One vector for each sequence: `Pooling("mean", 64)(y, lengths)`; y (time, batch, 64) → (batch, 64).

    kind: "last" (each direction's last step), "mean", "max" (unit by unit) or "attention": a mean with learned weights,
        softmax(v · tanh(W y + b)) over the steps (Bahdanau, Cho & Bengio 2014, arXiv:1409.0473; as a pooling Yang et al.
        2016, Hierarchical Attention Networks).
    size: features of y.
    bidirectional: y holds both directions side by side, and the second one ends at the first step; default False.

    ConfigError for another kind, or an odd size of two directions.
    """

    def __init__(self, kind: str, size: int, *, bidirectional: bool = False):
        super().__init__()
        if kind not in POOLINGS:
            raise ConfigError(f"pooling is {kind!r}; {nearest(kind, POOLINGS)}")
        if bidirectional and size % 2:
            raise ConfigError(f"Pooling: size is {size}; expected an even number, two directions side by side")
        self.kind, self.size, self.bidirectional = kind, size, bidirectional
        if kind == "attention":
            self.projection, self.score = nn.Linear(size, size), nn.Linear(size, 1, bias=False)

    def forward(self, y: Tensor, lengths: Tensor | Sequence[int] | None = None, return_weights: bool = False):
        """Pool y (time, batch, size), of which row b has lengths[b] steps; default all of them. No steps give zeros.

        return_weights: also each step's weight in the result, (batch, time), each row 1 in all; for "max" the fraction of the
        units that are largest there.

        Returns (batch, size), or `pooled, weights`. ShapeError for a y of another form and invalid lengths,
        DtypeError for lengths that are no whole numbers.
        """
        if y.ndim != 3 or y.shape[2] != self.size:
            raise ShapeError(f"Pooling: `y` is {tuple(y.shape)}; expected (time, batch, {self.size})")
        time, batch, _ = y.shape
        lengths = read_lengths("Pooling", lengths, time, batch, True, y.device, of="y")
        if not time:
            pooled = y.new_zeros(batch, self.size)
            return (pooled, y.new_zeros(batch, 0)) if return_weights else pooled
        # Without lengths nothing is masked: a long sequence is not copied for it.
        active = None if lengths is None else active_steps(lengths, time)
        counts = torch.full((batch, 1), time, device=y.device) if lengths is None else lengths[:, None]
        pooled, weights = getattr(self, f"_{self.kind}")(y, counts.to(y.device), active)
        return (pooled, weights().squeeze(2).t().to(y.dtype)) if return_weights else pooled

    # Each gives the pooled vectors, and a function for the weights of the steps, (time, batch, 1).

    def _last(self, y: Tensor, counts: Tensor, active: Tensor | None):
        last = y.gather(0, (counts - 1).clamp(min=0)[None].expand(1, -1, self.size))[0]
        if self.bidirectional:
            half = self.size // 2
            last = torch.cat([last[:, :half], y[0, :, half:]], 1)

        def weights():
            steps = torch.arange(len(y), device=y.device)[:, None, None]
            ends = (steps == counts - 1).float()
            return ((ends + (steps == 0)) / 2 if self.bidirectional else ends) * (counts > 0)

        return torch.where(counts > 0, last, 0), weights

    def _mean(self, y: Tensor, counts: Tensor, active: Tensor | None):
        shares = 1 / counts.clamp(min=1).to(y.dtype)
        return _kept(y, active, 0).sum(0) * shares, lambda: _kept(shares.expand(len(y), -1, -1), active, 0)

    def _max(self, y: Tensor, counts: Tensor, active: Tensor | None):
        largest, where = _kept(y, active, -torch.inf).max(0)

        def weights():
            steps = torch.arange(len(y), device=y.device)[:, None, None]
            return (steps == where).to(y.dtype).mean(2, keepdim=True) * (counts > 0)

        return torch.where(counts > 0, largest, 0), weights

    def _attention(self, y: Tensor, counts: Tensor, active: Tensor | None):
        scores = _kept(self.score(torch.tanh(self.projection(y))), active, -torch.inf)
        shares = _kept(scores.softmax(0), active, 0)  # over no step at all, softmax gives NaN
        return (shares * y).sum(0), lambda: shares


def _kept(y: Tensor, active: Tensor | None, filling: float) -> Tensor:
    return y if active is None else torch.where(active, y, filling)
