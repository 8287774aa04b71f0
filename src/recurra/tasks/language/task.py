"""The language model as a task for the training loop: its batches, its loss, its measures, its samples."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from recurra.data import Batch, Corpus, DataConfig, Streams, Windows
from recurra.errors import RunError
from recurra.tasks.language.measure import by_time, measure
from recurra.tasks.language.model import LanguageModel
from recurra.tasks.language.scoring import measures
from recurra.text import Vocabulary
from recurra.training import Task, distributed

LOOK = 50_000
"""Characters that an evaluation while training reads at most; `recurra evaluate` reads all."""
SAMPLE = {"length": 200, "temperature": 0.8}


def line_ends(vocabulary: Vocabulary) -> np.ndarray:
    """Which tokens end a line: (tokens,) bool."""
    return np.array([(piece or b"").endswith(b"\n") for piece in vocabulary.bytes_of])


class LanguageTask(Task):
    """Next-token prediction on a corpus (see `recurra.training.Task`).

    Mode streams carries the state from window to window; mode windows starts each from zeros and predicts one token.
    """

    unit = "characters"

    def __init__(self, model: LanguageModel, corpus: Corpus, data: DataConfig, seed: int = 1):
        self.model, self.corpus, self.data = model, corpus, data
        ids, eod = corpus.train, model.vocabulary.eod if data.reset_documents else None
        rank, world = distributed.rank(), distributed.world()
        self.streamed = data.mode == "streams"
        if self.streamed:
            lines = {"fresh": data.fresh_starts, "line_ends": line_ends(model.vocabulary), "seed": seed}
            self.reader = Streams(ids, data.batch_size, data.window, eod, rank, world, **lines)
        else:
            self.reader = Windows(ids, data.batch_size, data.window, data.stride, seed, rank=rank, world=world, eod=eod)
        self.steps = len(self.reader)
        self.units_per_token = corpus.characters / len(corpus.ids)

    def batch(self, epoch: int, index: int) -> Batch:
        batch = self.reader.batch(index, epoch) if self.streamed else self.reader.batch(epoch, index)
        if self.model.device.type == "cpu":
            return batch
        return Batch(*(None if part is None else part.to(self.model.device) for part in batch))

    def loss(self, model: torch.nn.Module, batch: Batch, carry) -> tuple[Tensor, object, int]:
        inputs, targets, resets = batch
        logits, state = model(inputs, carry, resets, last=not self.streamed)
        loss = F.cross_entropy(*by_time(logits, targets))
        return loss, state if self.streamed else None, targets.numel()

    def evaluate(self, model: LanguageModel) -> dict[str, float]:
        if not len(self.corpus.valid):
            return {}
        found = measure(model, self.corpus.valid, self.data.reset_documents, self._part)
        return {name: found[name] for name in ("loss", "nats", "bits_per_character", "perplexity", "characters")}

    def _part(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Of the held-out part, what an evaluation while training reads: the beginnings of its streams."""
        read = 0
        for batch in self.look.over(batches):
            yield batch
            read += batch.targets.numel() * self.units_per_token
            if read >= LOOK:
                break

    def sample(self, model: LanguageModel, seed: int) -> str | None:
        try:
            return model.generate("", seed=seed, **SAMPLE)
        except RunError:
            return None  # its scores are not finite; the loss will show it, and the run falls back

    def measures(self, loss: float) -> dict[str, float]:
        found = measures(loss, self.units_per_token) if math.isfinite(loss) else {}
        return {name: found[name] for name in ("nats", "bits_per_character") if name in found}
