"""How well a model predicts a text, by PyTorch: while it is trained, and where the engine cannot run it."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch.nn import functional as F

from recurra.data import Evaluation, Windows
from recurra.data.streams import IGNORE, Batch
from recurra.tasks.language.config import TRANSFORMER
from recurra.tasks.language.model import LanguageModel
from recurra.tasks.language.scoring import STREAMS, WINDOW, WINDOWS, measures


@torch.no_grad()
def measure(
    model: LanguageModel,
    ids: np.ndarray,
    resets: bool = True,
    over: Callable[[Iterable[Batch]], Iterable[Batch]] = iter,
) -> dict[str, float]:
    """What `evaluate` returns, for ids (tokens,). resets: drop the state at the start of each document.

    over: leaves batches out."""
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
    total, count, state = torch.zeros((), dtype=torch.float64, device="cpu"), 0, None
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
