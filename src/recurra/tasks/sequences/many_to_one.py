"""Sequences → one vector → some numbers each: scores of classes, or predictions."""

import torch
from torch import Tensor, nn

from recurra.nn.pooling import Pooling
from recurra.tasks.sequences.config import EncoderConfig
from recurra.tasks.sequences.encoder import Encoder


class ManyToOne(nn.Module):
    """So many numbers for each sequence: `scores = model(x, lengths)`; x (time, batch, features) or ids (time, batch) →
    (batch, outputs)."""

    def __init__(self, outputs: int, config: EncoderConfig, pooling: str, encoder: Encoder):
        super().__init__()
        self.encoder = encoder
        self.pooling = Pooling(pooling, encoder.size, bidirectional=config.bidirectional)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(encoder.size, outputs)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    def forward(self, x: Tensor, lengths: Tensor | None = None, return_weights: bool = False):
        """The scores; with return_weights also each step's fraction of the pooled vector, (batch, time)."""
        states, time = self.encoder(x, lengths), x.shape[0]
        lengths = self.encoder.lengths(lengths)
        if return_weights:
            pooled, weights = self.pooling(states, lengths, return_weights=True)
            # A state behind a stride stands for so many steps alike.
            weights = weights.repeat_interleave(self.encoder.stride, 1)[:, :time] / self.encoder.stride
            return self.head(self.dropout(pooled)), weights
        return self.head(self.dropout(self.pooling(states, lengths)))
