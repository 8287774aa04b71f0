"""Encoder and decoder: texts as ids → scores of the translation's tokens."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from recurra.nn import Recurrent, map_state, select_state
from recurra.nn.attention import Attention, Memory
from recurra.tasks.translation.config import TranslationConfig


class Decoding(NamedTuple):
    """Where a decoder is: its layers' states, and what its last step saw, (batch, hidden), if that is fed back."""

    state: Any
    fed: Tensor | None

    def select(self, rows: Tensor) -> "Decoding":
        """The same for some rows, (n,), in the order given, repeats allowed."""
        return Decoding(select_state(self.state, rows), None if self.fed is None else self.fed[rows])


class EncoderDecoder(nn.Module):
    """Scores of the next token: `logits, weights, _ = model.decode(tokens, *model.encode(source, lengths))`.

    source, target: tokens of the two vocabularies. Each side has one id more, `source` and `target`, for tokens that were not
    learned or are blanked while training.

    The encoder reads in both directions, and its last states, side by side, are what the decoder starts from. The decoder's
    states look at the encoder's, and tanh(W [context; state]) is scored; with input feeding it also joins the next step's
    input (Luong, Pham & Manning 2015, arXiv:1508.04025; attention as such: Bahdanau, Cho & Bengio 2015, arXiv:1409.0473).
    With attention="none" all that is known of the text is what the decoder starts from (Sutskever, Vinyals & Le 2014,
    arXiv:1409.3215), tanh(W state) is scored, and a memory has no steps.
    """

    def __init__(self, source: int, target: int, config: TranslationConfig):
        super().__init__()
        size, width = config.hidden_size, config.embedding_size
        # What an embedding gives is finite unless the weights are not, and that shows in the loss.
        shared = {"init": config.init, "check_finite": False}
        shared["dropout"] = config.dropout if config.num_layers > 1 else 0.0
        self.config = config
        self.source_embedding, self.target_embedding = nn.Embedding(source + 1, width), nn.Embedding(target + 1, width)
        self.encoder = Recurrent(config.cell, width, size // 2, config.num_layers, bidirectional=True, **shared)
        fed = size if config.input_feeding else 0
        self.decoder = Recurrent(config.cell, width + fed, size, config.num_layers, **shared)
        looks = config.attention != "none"
        self.attention = Attention(size, size, config.attention, heads=config.heads) if looks else None
        self.together, self.dropout = nn.Linear(2 * size if looks else size, size), nn.Dropout(config.dropout)
        self.head = nn.Linear(size, target)

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    def forward(self, source: Tensor, lengths: Tensor, tokens: Tensor) -> Tensor:
        """Scores of the token after each of `tokens`, (batch, steps, target), given them: teacher forcing."""
        source, tokens = self._blanked(source, self.source_embedding), self._blanked(tokens, self.target_embedding)
        return self.decode(tokens, *self.encode(source, lengths))[0]

    def _blanked(self, ids: Tensor, table: nn.Embedding) -> Tensor:
        """While training, some ids as the last one of a table."""
        if not (self.training and self.config.token_dropout):
            return ids
        chance = torch.rand(ids.shape, dtype=torch.float32, device=ids.device)
        return torch.where(chance < self.config.token_dropout, table.num_embeddings - 1, ids)

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Memory, Decoding]:
        """What there is to look at, and where the decoder starts; source (batch, time) ids, of which lengths[b] count."""
        states, last = self.encoder(source.t(), lengths=lengths, embedding=self.source_embedding)
        # (layers * 2, batch, half) → (layers, batch, size)
        state = map_state(lambda s: s.unflatten(0, (-1, 2)).transpose(1, 2).flatten(2), last)
        fed = None
        if self.config.input_feeding:
            fed = states.new_zeros(len(source), self.config.hidden_size)
        states = states.transpose(0, 1)
        if self.attention is None:
            return Memory(states[:, :0], states[:, :0], None), Decoding(state, fed)
        return self.attention.remember(states, lengths), Decoding(state, fed)

    def decode(self, tokens: Tensor, memory: Memory, going: Decoding) -> tuple[Tensor, Tensor, Decoding]:
        """Go on by tokens (batch, steps): scores (batch, steps, target), weights (batch, steps, time), where it then is."""
        if going.fed is None:
            y, state = self.decoder(tokens.t(), going.state, embedding=self.target_embedding)
            seen, weights = self._look(y.transpose(0, 1), memory)
            return self.head(self.dropout(seen)), weights, Decoding(state, None)
        state, last, steps = going.state, going.fed, []
        for x in self.target_embedding(tokens).unbind(1):
            y, state = self.decoder(torch.cat([x, last], 1)[None], state)
            seen, weights = self._look(y.transpose(0, 1), memory)
            last = seen[:, 0]
            steps.append((seen, weights))
        seen, weights = (torch.cat(part, 1) for part in zip(*steps, strict=True))
        return self.head(self.dropout(seen)), weights, Decoding(state, last)

    def _look(self, y: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        if self.attention is None:
            return torch.tanh(self.together(y)), y.new_zeros(*y.shape[:2], 0)
        context, weights = self.attention.read(y, memory)
        return torch.tanh(self.together(torch.cat([context, y], 2))), weights
