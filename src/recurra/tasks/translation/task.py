"""Translation as a task for the training loop: its batches, its loss, its measures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from recurra.data import Batches, pad
from recurra.tasks.translation.model import EncoderDecoder
from recurra.tasks.translation.pairs import Pair
from recurra.tasks.translation.search import READ, search
from recurra.text import Vocabulary
from recurra.training import Task, distributed

IGNORED = -100  # what the loss leaves out: the padding


@dataclass(frozen=True)
class Languages:
    """What a translator learns beside its weights: the vocabularies of the two sides."""

    source: Vocabulary
    target: Vocabulary
    limit: int
    """Most tokens of a translation: one that is twice as long as any it learned from will not end well."""

    def rows(self, pairs: Sequence[Pair]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Pairs as ids: the text, and the translation between two end tokens, the first of which starts it."""
        end = self.target.eod
        return [
            (self.source.encode(a, f"text {i}").astype(np.int64), np.array([end, *self.target.encode(b), end]))
            for i, (a, b) in enumerate(pairs)
        ]


class TranslationTask(Task):
    """Teacher forcing: each token of the translation, given the text and the tokens before it (see `training.Task`)."""

    unit = "pairs"

    def __init__(
        self,
        model: EncoderDecoder,
        languages: Languages,
        train: list[Pair],
        valid: list[Pair],
        batch_size: int,
        seed: int,
    ):
        self.model, self.languages, self.valid_pairs = model, languages, valid
        self.train, self.valid = languages.rows(train), languages.rows(valid)
        lengths = [len(source) + len(target) for source, target in self.train]
        rank, world = distributed.rank(), distributed.world()
        self.batches = Batches(len(train), batch_size, seed, lengths, rank, world)
        self.steps = len(self.batches)

    def batch(self, epoch: int, index: int) -> tuple[Tensor, ...]:
        return together([self.train[i] for i in self.batches.batch(epoch, index)], self.model.device)

    def loss(self, model: torch.nn.Module, batch, carry) -> tuple[Tensor, None, int]:
        source, lengths, tokens, targets = batch
        scores = model(source, lengths, tokens).flatten(0, 1)
        total = F.cross_entropy(scores, targets.flatten(), ignore_index=IGNORED, reduction="sum")
        return total / distributed.mean_of((targets != IGNORED).sum()), None, len(source)

    def evaluate(self, model: EncoderDecoder) -> dict[str, float]:
        """Nats a token, and the share of translations that come out exactly."""
        if not self.valid:
            return {}
        nats, tokens, exact = 0.0, 0, 0
        for start in range(0, len(self.valid), READ):
            source, lengths, given, targets = together(self.valid[start : start + READ], self.model.device)
            logits = model(source, lengths, given)
            counted = targets != IGNORED
            nats += F.cross_entropy(logits[counted], targets[counted], reduction="sum").item()
            tokens += int(counted.sum())
            # Where each next token is the likeliest one, given those before it, the greedy search finds just these.
            exact += int(((logits.argmax(2) == targets) | ~counted).all(1).sum())
        return {"loss": nats / tokens, "accuracy": exact / len(self.valid)}

    def sample(self, model: EncoderDecoder, seed: int) -> str | None:
        if not self.valid:
            return None
        (text, _), (ids, target) = (rows[seed % len(rows)] for rows in (self.valid_pairs, self.valid))
        found = search(model, [ids], limit=2 * len(target), end=self.languages.target.eod)[0]
        return f"{text} → {self.languages.target.decode(found)}"


def together(rows: Sequence[tuple[np.ndarray, np.ndarray]], device: torch.device) -> tuple[Tensor, ...]:
    """Rows as a batch: source (batch, time), its lengths, the tokens given and those to be found, (batch, steps)."""
    source, lengths = pad([source for source, _ in rows])
    tokens, _ = pad([target[:-1] for _, target in rows])
    targets, _ = pad([target[1:] for _, target in rows], IGNORED)
    return tuple(part.to(device) for part in (source.long(), lengths, tokens.long(), targets.long()))
