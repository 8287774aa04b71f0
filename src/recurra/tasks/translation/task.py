"""Translation as a task for the training loop: its batches, its loss, its measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from recurra.data import Batches, pad
from recurra.tasks.translation.config import PairsConfig
from recurra.tasks.translation.model import EncoderDecoder
from recurra.tasks.translation.neighbours import Memory, Neighbours
from recurra.tasks.translation.pairs import Pair, spaced, vocabularies
from recurra.tasks.translation.scores import is_there, scores
from recurra.tasks.translation.search import READ, search
from recurra.text import Vocabulary
from recurra.training import Task, distributed

IGNORED = -100  # what the loss leaves out: the padding
LONGEST = 20_000
"""Most tokens of a translation, whatever the pairs."""
SCORED = 200
"""Held-out texts that are translated at an evaluation."""


@dataclass(frozen=True)
class Languages:
    """What a translator learns beside its weights: the vocabularies of the two sides."""

    source: Vocabulary
    target: Vocabulary
    limit: int
    """Most tokens of a translation: one that is twice as long as any it learned from will not end well."""
    memory: Memory
    """The pairs that were learned from: what the nearest one says stands beside the score."""
    strange: np.ndarray
    """(n,) int64: the source's ids that no text to learn from has, such as bytes of other scripts."""

    def __post_init__(self):
        # A run from a stranger may claim any number, and a model that ends no sentence writes as much.
        if not 0 <= self.limit <= LONGEST:
            raise ValueError(f"its longest translation has {self.limit} tokens; expected 0 to {LONGEST:,}")

    @classmethod
    def learn(cls, train: Sequence[Pair], data: PairsConfig) -> Self:
        source, target = vocabularies(train, data)
        texts, longest = set(), 0
        for a, b in train:
            texts.update(source.encode(spaced(a, source.unit)).tolist())
            longest = max(longest, len(target.encode(spaced(b, target.unit))))
        return cls(
            source,
            target,
            min(2 * longest, LONGEST),
            Memory(list(train)),
            np.array(sorted({*range(len(source))} - texts), np.int64),
        )

    def read(self, text: str, name: str = "the text") -> np.ndarray:
        """The ids of a text, (tokens,) int64; what was never learned is the model's blank."""
        ids = self.source.encode(spaced(text, self.source.unit), name).astype(np.int64)
        return np.where(np.isin(ids, self.strange), len(self.source), ids)

    def write(self, ids: Sequence[int]) -> str:
        """The translation that some ids are."""
        text = self.target.decode(ids)
        return text if self.target.unit == "character" else text.removeprefix(" ")

    def rows(self, pairs: Sequence[Pair]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Pairs as ids: the text, and the translation between two end tokens, the first of which starts it."""
        end = self.target.eod
        return [
            (
                self.read(a, f"text {i}"),
                np.array([end, *self.target.encode(spaced(b, self.target.unit)), end], np.int64),
            )
            for i, (a, b) in enumerate(pairs)
        ]


class TranslationTask(Task):
    """Teacher forcing: each token of the translation, given the text and the tokens before it (see `training.Task`)."""

    unit = "pairs"
    higher = frozenset({"accuracy", "chrf", "bleu"})

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
        # Some of them, evenly: each is translated at every evaluation.
        self.scored = [int(k) for k in np.linspace(0, len(valid) - 1, min(len(valid), SCORED))]
        self.wanted = [valid[k][1] for k in self.scored]
        near = Neighbours(languages.memory.pairs) if valid and is_there() else None
        self.nearest = scores([near.of(valid[k][0])[1] for k in self.scored], self.wanted)["chrf"] if near else None

    def batch(self, epoch: int, index: int) -> tuple[Tensor, ...]:
        return together([self.train[i] for i in self.batches.batch(epoch, index)], self.model.device)

    def loss(self, model: torch.nn.Module, batch, carry) -> tuple[Tensor, None, int]:
        source, lengths, tokens, targets = batch
        scores = model(source, lengths, tokens).flatten(0, 1)
        total = F.cross_entropy(
            scores,
            targets.flatten(),
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=self.model.config.label_smoothing,
        )
        return total / distributed.mean_of((targets != IGNORED).sum()), None, len(source)

    def evaluate(self, model: EncoderDecoder) -> dict[str, float]:
        """Nats a token, and the fraction of translations that come out exactly."""
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
        measured = {"loss": nats / tokens, "accuracy": exact / len(self.valid)}
        if self.nearest is None:
            return measured
        found = self._translated(model, [self.valid[k][0] for k in self.scored])
        return measured | scores(found, self.wanted) | {"nearest_chrf": self.nearest}

    def _translated(self, model: EncoderDecoder, sources: list[np.ndarray]) -> list[str]:
        languages = self.languages
        found = search(model, sources, limit=languages.limit, end=languages.target.eod, never=languages.target.unk)
        return [languages.write(ids) for ids in found]

    def sample(self, model: EncoderDecoder, seed: int) -> str | None:
        if not self.valid:
            return None
        (text, _), (ids, _) = (rows[seed % len(rows)] for rows in (self.valid_pairs, self.valid))
        return f"{text} → {self._translated(model, [ids])[0]}"


def together(rows: Sequence[tuple[np.ndarray, np.ndarray]], device: torch.device) -> tuple[Tensor, ...]:
    """Rows as a batch: source (batch, time), its lengths, the tokens given and those to be found, (batch, steps)."""
    source, lengths = pad([source for source, _ in rows])
    tokens, _ = pad([target[:-1] for _, target in rows])
    targets, _ = pad([target[1:] for _, target in rows], IGNORED)
    return tuple(part.to(device) for part in (source.long(), lengths, tokens.long(), targets.long()))
