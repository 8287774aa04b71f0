"""Sequences → scores of labels, step by step."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.backends.call import active_steps
from recurra.errors import ConfigError, setting
from recurra.nn import Recurrent
from recurra.tasks.sequences import gaps
from recurra.tasks.sequences.config import EncoderConfig
from recurra.tasks.sequences.encoder import Encoder
from recurra.tasks.tagging.config import TaggerConfig

EMBEDDING = 32
"""Length of a character's vector where words are read by their characters."""


class Tagger(nn.Module):
    """Scores of labels: `scores = model(x, lengths)`; x (time, batch, features), or ids → (time, batch, classes).

    encoder: of words and, where there are characters, 2 · character_size features beside them.
    characters: how many there are, where words are read by them too (Lample et al. 2016, arXiv:1603.01360); x is then
    (time, batch, 1 + longest): the word, then its characters, filled up with -1.
    With a conditional random field the scores are its emissions (Huang, Xu & Yu 2015, arXiv:1508.01991).
    """

    def __init__(
        self, classes: int, config: EncoderConfig, tagger: TaggerConfig, encoder: Encoder, characters: int = 0
    ):
        super().__init__()
        self.encoder, size = encoder, tagger.character_size
        if characters:
            self.characters = nn.Embedding(characters, EMBEDDING)
            self.speller = Recurrent(config.cell, EMBEDDING, size, bidirectional=True, init=config.init)
        else:
            self.speller = None
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.encoder.size, classes)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.crf = _crf(classes) if tagger.crf else None

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if self.speller is None:
            states = self.encoder(x, lengths)
        else:
            states = self.encoder(x[..., 0], lengths, beside=self.dropout(self._spelled(x[..., 1:])))
        return self.head(self.dropout(states))

    def _spelled(self, characters: Tensor) -> Tensor:
        """What the letters of each word say: (time, batch, longest) → (time, batch, 2 · units)."""
        words, which = characters.flatten(0, 1).unique(dim=0, return_inverse=True)  # most words come more than once
        lengths = (words >= 0).sum(1)
        times = gaps.times(self.speller, words.t(), lengths)
        _, state = self.speller(words.clamp(min=0).t(), lengths=lengths, embedding=self.characters, **times)
        last = state[0] if isinstance(state, tuple) else state
        return last.transpose(0, 1).flatten(1)[which].unflatten(0, characters.shape[:2])

    def losses(self, scores: Tensor, lengths: Tensor | None, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The negative log-likelihood of all steps, in nats, and how many count; targets (time, batch); weights (batch,)."""
        active = _active(scores, lengths)
        counts = active * weights
        if self.crf is None:
            losses = F.cross_entropy(scores[active], targets[active], reduction="none") * counts[active]
        else:
            losses = -self.crf(scores, targets, active, reduction="none") * weights
            # Rows of one step use no transitions, but several processes wait for the gradient of every parameter.
            losses = losses + 0.0 * self.crf.transitions.sum()
        return losses.sum(), counts.sum()

    def decode(self, scores: Tensor, lengths: Tensor | None) -> Iterator[Tensor]:
        """The best labels of each row, (steps,): the best path of the random field, else each step's best."""
        active = _active(scores, lengths)
        if self.crf is not None:
            yield from (torch.tensor(path, device="cpu") for path in self.crf.decode(scores, active))
        else:
            best = scores.argmax(2).cpu()
            yield from (best[:steps, row] for row, steps in enumerate(active.sum(0).tolist()))

    def probabilities(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Each label's probability at each step, (time, batch, classes); of the random field, over all paths."""
        if self.crf is None:
            return scores.double().softmax(2)
        active = _active(scores, lengths)
        # The gradient of the log partition function is the marginals, and the log-likelihood of a path is the path's
        # score, whose gradient is known, less that.
        weights = {name: weight.detach().double() for name, weight in self.crf.named_parameters()}
        path = torch.zeros(scores.shape[:2], dtype=torch.int64, device=scores.device)
        with torch.enable_grad():
            scores = scores.detach().double().requires_grad_()
            likelihood = torch.func.functional_call(self.crf, weights, (scores, path, active), {"reduction": "sum"})
            (gradient,) = torch.autograd.grad(likelihood, scores)
        return F.one_hot(path, scores.shape[2]) * active[..., None] - gradient


def _active(scores: Tensor, lengths: Tensor | None) -> Tensor:
    """(time, batch) bool."""
    if lengths is None:
        return torch.ones(scores.shape[:2], dtype=torch.bool, device=scores.device)
    return active_steps(lengths, scores.shape[0])[..., 0]


def _crf(classes: int) -> nn.Module:
    try:
        from torchcrf import CRF
    except ImportError as error:
        raise ConfigError(f"{setting('crf')} needs pytorch-crf. Install it: pip install 'recurra[classify]'") from error
    return CRF(classes)
