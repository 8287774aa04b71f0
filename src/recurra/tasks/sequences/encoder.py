"""Sequences → recurrent states."""

import torch
from torch import Tensor, nn

from recurra import cells
from recurra.errors import ConfigError, setting
from recurra.nn import Recurrent
from recurra.nn.precision import coarse
from recurra.tasks.sequences import gaps
from recurra.tasks.sequences.config import EncoderConfig
from recurra.tasks.sequences.convolutions import Convolutions


class Encoder(nn.Module):
    """Recurrent states of sequences: `encoder(x, lengths)`; x (time, batch, features) or ids (time, batch).

    inputs: numbers of a step, or tokens of the vocabulary where `tokens` is True. unknown: the id of the token for all
    that is not in the vocabulary; its vector starts at zero, and stays there where the training part has none of them.
    more: features that come beside an embedding. zeros: how many of the last numbers start with weights of zero, as they may be
    nothing but noise. masks: how many of the last are masks, one of each feature, by which a cell that reads `dt` is given the
    steps since anything was measured; 0: each step has a value. decay: what changes x before anything reads it.

    Returns states (time, batch, `size`), zero past each row's length; behind convolutions with a stride there are fewer, and
    `encoder.lengths(lengths)` is how many of each row.
    """

    def __init__(
        self,
        inputs: int,
        config: EncoderConfig,
        tokens: bool,
        unknown: int | None = None,
        more: int = 0,
        zeros: int = 0,
        masks: int = 0,
        decay: gaps.Decay | None = None,
    ):
        super().__init__()
        self.config, self.masks, self.decay = config, masks, decay
        self.embedding = nn.Embedding(inputs, config.embedding_size) if tokens else None
        if tokens and unknown is not None:
            nn.init.zeros_(self.embedding.weight.data[unknown])
        width = (config.embedding_size if tokens else inputs) + more
        self.convolutions, self.stride = None, 1
        if config.convolutions and not tokens:
            self.stride = config.stride or 1
            self.convolutions = Convolutions(width, config.convolutions, self.stride)
            width = config.convolutions
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
        if isinstance(self.layers.cell, cells.GRUD):
            gaps.start_still(self.layers)
        if config.span:
            spread(self.layers, config.span)
        if zeros:
            first = self.layers if self.convolutions is None else self.convolutions
            with torch.no_grad():
                for name, weight in first.named_parameters():
                    if name.startswith(("weight_ih_l0", "layers.0.")):
                        weight[:, -zeros:] = 0.0

    def lengths(self, lengths: Tensor | None) -> Tensor | None:
        """How many states each row has."""
        return lengths if lengths is None or self.stride == 1 else -(-lengths // self.stride)

    def forward(self, x: Tensor, lengths: Tensor | None = None, beside: Tensor | None = None) -> Tensor:
        times = gaps.times(self.layers, x, lengths, self.masks, self.stride)
        x = x if self.decay is None else self.decay(x)
        with coarse(x, self.config.precision == "bfloat16"):
            if self.convolutions is not None:
                x, lengths = self.convolutions(x, lengths)
            if self.embedding is None or beside is not None:
                x = x if self.embedding is None else torch.cat([self.embedding(x), beside], 2)
                return self.layers(x, lengths=lengths, **times)[0].float()
            return self.layers(x, lengths=lengths, embedding=self.embedding, **times)[0].float()


@torch.no_grad()
def spread(layers: Recurrent, span: int) -> None:
    """Start the keeping gates' biases at log(u - 1), u uniform from 2 to `span` steps: `spread(layers, 784)`.

    Each unit then forgets at its own pace, from one step to the whole span (chrono initialisation, Tallec & Ollivier 2018,
    arXiv:1804.11188). ConfigError for a cell without such gates.
    """
    keeps = layers.cell.keeps
    if not keeps:
        known = ", ".join(name for name in cells.names(given=False) if cells.get(name).keeps)
        raise ConfigError(f"{setting('span')} has no effect on {layers.cell!r}; it is for {known}")
    for name, bias in layers.named_parameters():
        if not name.startswith("bias_ih_"):
            continue
        # Where there are two biases they are added up: one of them is enough.
        other = getattr(layers, name.replace("_ih_", "_hh_"), None)
        units = len(bias) // len(layers.facts.x_gates)
        start = torch.log(torch.empty(units).uniform_(1, span - 1))
        for gate, sign in keeps.items():
            bias.view(-1, units)[layers.facts.x_gates.index(gate)].copy_(sign * start)
            if other is not None and gate in layers.facts.h_gates:
                other.view(-1, units)[layers.facts.h_gates.index(gate)].zero_()
