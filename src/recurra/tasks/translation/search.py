"""Beam search: the translation that the model finds most likely, as far as a few candidates can tell; one is greedy."""

from collections.abc import Sequence

import numpy as np
import torch

from recurra.data import pad
from recurra.tasks.translation.model import EncoderDecoder

READ = 256
"""Rows in a batch where nothing is learned."""


@torch.no_grad()
def search(
    model: EncoderDecoder, sources: Sequence[np.ndarray], *, limit: int, end: int, beam: int = 1
) -> list[list[int]]:
    """The ids of each text's translation, without the end token: `search(model, [ids], limit=20, end=0)`.

    limit: the most tokens of one. end: the id that starts and ends a translation. beam: candidates that are kept at each
    step; they end at different lengths, so the best one is that of the highest mean log-probability a token.
    """
    found, size = {}, max(1, READ // beam)
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))  # like lengths together: less padding
    for start in range(0, len(order), size):
        numbers = order[start : start + size]
        best = _search(model, [sources[i] for i in numbers], limit, end, beam)
        found |= zip(numbers, best, strict=True)
    return [found[i] for i in range(len(sources))]


def _search(model, sources, limit: int, end: int, beam: int) -> list[list[int]]:
    source, lengths = (part.to(model.device) for part in pad(sources))
    memory, going = model.encode(source, lengths)
    rows = torch.arange(len(source), device=model.device)[:, None]
    memory, going = memory.repeat(beam), going.select(rows.expand(-1, beam).flatten())
    tokens = torch.full((len(source), beam), end, device=model.device)
    # All candidates are the same at first: one of them counts.
    scores = torch.full(tokens.shape, -torch.inf, device=model.device)
    scores[:, 0] = 0
    chosen, done, counts = tokens[:, :, None], torch.zeros_like(tokens, dtype=torch.bool), torch.zeros_like(tokens)
    for _ in range(limit + 1):
        logits, _, going = model.decode(tokens.view(-1, 1), memory, going)
        chances = logits[:, -1].log_softmax(1).unflatten(0, tokens.shape)
        closed = torch.full_like(chances[0, 0], -torch.inf)
        closed[end] = 0  # what has ended stays as it is
        totals = scores[..., None] + torch.where(done[..., None], closed, chances)
        scores, places = totals.flatten(1).topk(beam)
        parents, tokens = places // chances.shape[2], places % chances.shape[2]
        going = going.select((rows * beam + parents).flatten())
        counts = counts[rows, parents] + ~done[rows, parents]
        done = done[rows, parents] | (tokens == end)
        chosen = torch.cat([chosen[rows, parents], tokens[..., None]], 2)
        if done.all():
            break
    best = (scores / counts).argmax(1)
    return [_until(ids, end)[:limit] for ids in chosen[rows[:, 0], best, 1:].tolist()]


def _until(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids
