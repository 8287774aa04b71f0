"""Sequences → scores of classes."""

from typing import Any

import torch
from torch import Tensor, nn

from recurra import cells
from recurra.errors import ConfigError, setting
from recurra.nn import Recurrent
from recurra.nn.pooling import Pooling
from recurra.nn.precision import coarse
from recurra.tasks.classification.config import EncoderConfig


class Encoder(nn.Module):
    """Recurrent states of sequences: `encoder(x, lengths)`; x (time, batch, features) or ids (time, batch).

    inputs: features of a step, or tokens of the vocabulary where `tokens` is True. unknown: the id of the token for all
    that is not in the vocabulary; its vector starts at zero, and stays there where the training part has none of them.
    more: features that come beside an embedding.

    Returns states (time, batch, `size`), zero past each row's length.
    """

    def __init__(self, inputs: int, config: EncoderConfig, tokens: bool, unknown: int | None = None, more: int = 0):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(inputs, config.embedding_size) if tokens else None
        if tokens and unknown is not None:
            nn.init.zeros_(self.embedding.weight.data[unknown])
        width = (config.embedding_size if tokens else inputs) + more
        # Scales are kept with the weights: a fitted model reads numbers as they come.
        self.register_buffer("mean", torch.zeros(width) if not tokens else None)
        self.register_buffer("deviation", torch.ones(width) if not tokens else None)
        self.layers = Recurrent(
            config.cell,
            width,
            config.hidden_size,
            config.num_layers,
            bidirectional=config.bidirectional,
            dropout=config.dropout if config.num_layers > 1 else 0.0,
            input_dropout=config.input_dropout,
            recurrent_dropout=config.recurrent_dropout,
            zoneout=config.zoneout,
            init=config.init,
            check_finite=False,  # looked at once, before training
        )
        self.size = config.hidden_size * (1 + config.bidirectional)
        if config.span:
            spread(self.layers, config.span)

    def scale(self, mean: Any, deviation: Any) -> None:
        """Set what numbers are read in terms of: (features,) each."""
        self.mean.copy_(torch.as_tensor(mean))
        self.deviation.copy_(torch.as_tensor(deviation))

    def forward(self, x: Tensor, lengths: Tensor | None = None, beside: Tensor | None = None) -> Tensor:
        if self.embedding is None:
            x = (x - self.mean) / self.deviation
        with coarse(x, self.config.precision == "bfloat16"):
            if self.embedding is None or beside is not None:
                x = x if self.embedding is None else torch.cat([self.embedding(x), beside], 2)
                return self.layers(x, lengths=lengths)[0].float()
            return self.layers(x, lengths=lengths, embedding=self.embedding)[0].float()


class Classifier(nn.Module):
    """Scores of classes: `logits = model(x, lengths)`; x (time, batch, features) or ids (time, batch) → (batch, classes)."""

    def __init__(
        self,
        inputs: int,
        classes: int,
        config: EncoderConfig,
        pooling: str = "max",
        tokens: bool = False,
        unknown: int | None = None,
    ):
        super().__init__()
        self.encoder = Encoder(inputs, config, tokens, unknown)
        self.pooling = Pooling(pooling, self.encoder.size, bidirectional=config.bidirectional)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.encoder.size, classes)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("class_weights", torch.ones(classes))

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    def forward(self, x: Tensor, lengths: Tensor | None = None, return_weights: bool = False):
        """The scores; with return_weights also each step's share of the pooled vector, (batch, time)."""
        states = self.encoder(x, lengths)
        if return_weights:
            pooled, weights = self.pooling(states, lengths, return_weights=True)
            return self.head(self.dropout(pooled)), weights
        return self.head(self.dropout(self.pooling(states, lengths)))


@torch.no_grad()
def spread(layers: Recurrent, span: int) -> None:
    """Start the keeping gates' biases at log(u - 1), u uniform from 2 to `span` steps: `spread(layers, 784)`.

    Each unit then forgets at its own pace, from one step to the whole span (chrono initialisation, Tallec & Ollivier 2018,
    arXiv:1804.11188). ConfigError for a cell without such gates.
    """
    keeps, gates = layers.cell.keeps, layers.cell.gate_names
    if not keeps:
        known = ", ".join(name for name in cells.names() if cells.get(name).keeps)
        raise ConfigError(f"{setting('span')} has no effect on {layers.cell!r}; it is for {known}")
    for name, bias in layers.named_parameters():
        if not name.startswith("bias_ih_"):
            continue
        # Where there are two biases they are added up: one of them is enough.
        other = getattr(layers, name.replace("_ih_", "_hh_"), None)
        start = torch.log(torch.empty(len(bias) // len(gates)).uniform_(1, span - 1))
        for gate, sign in keeps.items():
            row = gates.index(gate)
            bias.chunk(len(gates))[row].copy_(sign * start)
            if other is not None:
                other.chunk(len(gates))[row].zero_()
