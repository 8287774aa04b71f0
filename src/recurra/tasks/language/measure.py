"""How well a model predicts a text: nats, bits per character, perplexity."""

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from recurra.data import DataConfig, Evaluation, Windows, build_corpus, text_document
from recurra.data.streams import IGNORE, Batch
from recurra.errors import ConfigError
from recurra.tasks.language.config import TRANSFORMER
from recurra.tasks.language.model import LanguageModel

# Always these, so that numbers of different runs can be compared.
STREAMS, WINDOW = 32, 128
# Windows that a recurrent model with a bounded context is measured on, evenly spaced: each costs a whole context.
WINDOWS = 8192


def evaluate(
    model: LanguageModel,
    source: Any = None,
    *,
    text: str | None = None,
    encoding: str = "utf-8",
    invalid: str = "error",
) -> dict[str, float]:
    """Measure a model on a text: `evaluate(model, "other.txt")["bits_per_character"]`.

    source: paths, folders, or the name of a corpus; or `text`, the text itself. Any length: it is read as a stream.
    encoding, invalid: as in DataConfig.

    Returns loss (nats a token), nats (a character), bits_per_character, perplexity (a token), tokens, characters. The
    first token, which nothing leads to, is not counted. A recurrent model with a bounded context reads a whole context for
    each token, so a long text is measured at 8,192 to 16,384 evenly spaced ones; `tokens` is how many.
    ConfigError without a text or with two, DataError and VocabularyError where the text cannot be read or has symbols the
    model does not know.
    """
    if (source is None) == (text is None):
        raise ConfigError("give evaluate either `source` (paths, or the name of a corpus) or `text`, the text itself")
    data = DataConfig(validation=0.0, encoding=encoding, invalid=invalid)
    source = text_document(text) if text is not None else source
    with tempfile.TemporaryDirectory() as folder:
        corpus = build_corpus(source, Path(folder), data=data, vocabulary=model.vocabulary)
        was_training = model.training
        try:
            return measure(model.eval(), corpus.ids)
        finally:
            model.train(was_training)


@torch.no_grad()
def measure(
    model: LanguageModel,
    ids: np.ndarray,
    resets: bool = True,
    over: Callable[[Iterable[Batch]], Iterable[Batch]] = iter,
) -> dict[str, float]:
    """The same for ids (tokens,). resets: drop the state at the start of each document. over: leaves batches out."""
    vocabulary, context = model.vocabulary, model.config.context
    eod = vocabulary.eod if resets else None
    if model.config.cell == TRANSFORMER:
        batches = _halves(ids, context, eod)
    elif context:
        reader = Windows(ids, STREAMS, context, stride=max(1, (len(ids) - 1) // WINDOWS), eod=eod)
        batches = (reader.batch(0, i) for i in range(len(reader)))
    else:
        reader = Evaluation(ids, STREAMS, WINDOW, eod)
        batches = map(reader.batch, range(len(reader)))
    total, count, state = torch.zeros((), dtype=torch.float64), 0, None
    for inputs, targets, starts in over(batches):
        starts = None if starts is None else starts.to(model.device)
        logits, state = model(inputs.to(model.device), state, starts, last=targets.shape[1] == 1)
        loss = F.cross_entropy(*by_time(logits, targets.to(model.device)), ignore_index=IGNORE, reduction="sum")
        total += loss.double().cpu()
        count += int((targets != IGNORE).sum())
        state = None if context else state
    characters = vocabulary.characters(ids)
    read = characters if count == len(ids) - 1 else round(characters * count / len(ids))
    return measures(total.item() / count, characters / len(ids)) | {"tokens": count, "characters": read}


def _halves(ids: np.ndarray, context: int, eod: int | None) -> Iterator[Batch]:
    """Windows of a context that overlap by half, in batches; what the window before predicts too is left to it.

    So each token is predicted once, the first ones apart from at least half a context, at the cost of reading twice.
    """
    step = -(-context // 2)
    starts = np.arange(0, max(1, len(ids) - 1 - context + step), step)
    for rows in np.array_split(starts, -(-len(starts) // STREAMS)):
        places = rows[:, None] + np.arange(context + 1)
        tokens = ids[np.minimum(places, len(ids) - 1)].astype(np.int64)
        targets = np.where(places[:, 1:] < len(ids), tokens[:, 1:], IGNORE)
        targets[rows > 0, : context - step] = IGNORE
        resets = None if eod is None else torch.from_numpy(tokens[:, :-1] == eod).roll(1, 1)
        if resets is not None:
            resets[:, 0] = True
        yield Batch(torch.from_numpy(tokens[:, :-1]), torch.from_numpy(targets), resets)


def by_time(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, T, V) and (B, T) as the (T·B, V) and (T·B,) that cross_entropy takes; the model's logits lie so already."""
    return logits.transpose(0, 1).flatten(0, 1), targets.t().flatten()


def measures(loss: float, characters_per_token: float) -> dict[str, float]:
    """What a mean loss in nats a token means."""
    # A text of special tokens alone has no characters; and no exponential beyond what a float holds.
    nats = loss / characters_per_token if characters_per_token else math.nan
    perplexity = math.exp(min(loss, 700.0))
    return {"loss": loss, "nats": nats, "bits_per_character": nats / math.log(2), "perplexity": perplexity}
