"""Beam search: the translation that the model finds most likely, as far as a few candidates show; one is greedy."""

import re
from collections.abc import Sequence

import numpy as np
import torch

from recurra.data import pad
from recurra.tasks.translation.model import EncoderDecoder

READ = 256
"""Rows in a batch where nothing is learned."""
MOST, SIGNS, PERIODS = 2, 4, 12
"""How often some tokens may follow themselves, one token alone, and how many tokens are looked at as one part."""
_REPEATED = re.compile(r"(.{1,12}?)\1+", re.DOTALL)


@torch.no_grad()
def search(
    model: EncoderDecoder,
    sources: Sequence[np.ndarray],
    *,
    limit: int,
    end: int,
    beam: int = 1,
    never: int | None = None,
    length_penalty: float = 1.0,
    copies: Sequence[int] | None = None,
) -> list[list[int]]:
    """The ids of each text's translation, without the end token: `search(model, [ids], limit=20, end=0)`.

    limit: the most tokens of one; one of so many was cut. end: the id that starts and ends a translation. beam: candidates that
    are kept at each step. They end at different lengths, and the best is that of the highest log-probability divided by its
    tokens to the power of length_penalty: 1 is the mean, less prefers shorter ones. never: an id that is not written. copies:
    of each text, how often some tokens may follow themselves; more is a loop, and is not written. Default MOST.
    """
    copies = [MOST] * len(sources) if copies is None else copies
    found, size = {}, max(1, READ // beam)
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))  # like lengths together: less padding
    for start in range(0, len(order), size):
        numbers = order[start : start + size]
        rules = never, length_penalty, [copies[i] for i in numbers]
        best = _search(model, [sources[i] for i in numbers], limit, end, beam, *rules)
        found |= zip(numbers, best, strict=True)
    return [found[i] for i in range(len(sources))]


def copies_in(text: str) -> int:
    """How often a part of a text follows itself, at most: 5 for "wait .....", and MOST for a text without such parts."""
    return max((len(match[0]) // len(match[1]) for match in _REPEATED.finditer(text)), default=MOST)


def _search(model, sources, limit: int, end: int, beam: int, never, length_penalty, copies) -> list[list[int]]:
    source, lengths = (part.to(model.device) for part in pad(sources))
    memory, going = model.encode(source, lengths)
    rows = torch.arange(len(source), device=model.device)[:, None]
    memory, going = memory.repeat(beam), going.select(rows.expand(-1, beam).flatten())
    tokens = torch.full((len(source), beam), end, device=model.device)
    # All candidates are the same at first: one of them counts.
    scores = torch.full(tokens.shape, -torch.inf, device=model.device)
    scores[:, 0] = 0
    # How many tokens in a row are equal to those that stand 1, 2 ... PERIODS before them.
    equal = torch.zeros(*tokens.shape, PERIODS, dtype=torch.long, device=model.device)
    most = torch.tensor(copies, device=model.device)[:, None]
    chosen, done, counts = tokens[:, :, None], torch.zeros_like(tokens, dtype=torch.bool), torch.zeros_like(tokens)
    for _ in range(limit + 1):
        logits, _, going = model.decode(tokens.view(-1, 1), memory, going)
        logits = logits[:, -1].unflatten(0, tokens.shape)
        if never is not None:
            logits[..., never] = -torch.inf
        for period in range(1, min(PERIODS, chosen.shape[2] - 1) + 1):
            # With this token there would be one copy more than may be.
            full = equal[..., period - 1] + 1 >= period * torch.clamp(most, min=SIGNS if period == 1 else MOST)
            again = chosen[..., -period, None]
            logits.scatter_(2, again, logits.gather(2, again).masked_fill(full[..., None], -torch.inf))
        chances = logits.log_softmax(2)
        closed = torch.full_like(chances[0, 0], -torch.inf)
        closed[end] = 0  # what has ended stays as it is
        totals = scores[..., None] + torch.where(done[..., None], closed, chances)
        scores, places = totals.flatten(1).topk(beam)
        parents, tokens = places // chances.shape[2], places % chances.shape[2]
        going = going.select((rows * beam + parents).flatten())
        counts = counts[rows, parents] + ~done[rows, parents]
        done = done[rows, parents] | (tokens == end)
        chosen, equal = torch.cat([chosen[rows, parents], tokens[..., None]], 2), equal[rows, parents]
        for period in range(1, min(PERIODS, chosen.shape[2] - 2) + 1):
            same = tokens == chosen[..., -1 - period]
            equal[..., period - 1] = torch.where(same, equal[..., period - 1] + 1, 0)
        if done.all():
            break
    best = (scores / counts**length_penalty).argmax(1)
    return [_until(ids, end)[:limit] for ids in chosen[rows[:, 0], best, 1:].tolist()]


def _until(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids
