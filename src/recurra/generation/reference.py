"""Prompt → text by the model's own scores, token by token in Python: for any model, and what the engine is held against."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from recurra.generation import samplers
from recurra.generation.config import GenerationConfig
from recurra.generation.random import Random
from recurra.generation.session import Session
from recurra.generation.tokens import allowed, biases
from recurra.generation.writer import Piece, Writer


def pieces(
    model, vocabulary, prompt: str, ids: np.ndarray, config: GenerationConfig, at_once: int, own: int = 0
) -> Iterator[Piece]:
    """Each sample's pieces as they are drawn. ids: the tokens (1, T) to start from, of which `own` are
    the prompt's. at_once: samples side by side."""
    for first in range(0, config.samples, at_once):
        rows = [_Row(vocabulary, config, k, ids[0, -own:]) for k in range(first, min(first + at_once, config.samples))]
        session = Session(model, context=config.context, eod=vocabulary.eod)
        if config.keep_prompt and prompt:
            yield from (Piece(row.sample, prompt) for row in rows)
        scores = session.feed(ids)
        session.select([0] * len(rows))
        scores = scores.repeat(len(rows), 0)
        while True:
            tokens, chances = _draw(scores, vocabulary, rows, config)
            yield from map(_Row.push, rows, tokens.tolist(), chances.tolist())
            going = [i for i, row in enumerate(rows) if not row.writer.finish]
            if not going:
                break
            if len(going) < len(rows):
                session.select(going)
                rows, tokens = [rows[i] for i in going], tokens[going]
            scores = session.feed(tokens[:, None])


class _Row:
    """One sample on its way: its text, its random numbers, its latest tokens, and how often it drew each."""

    def __init__(self, vocabulary, config, sample, ids):
        self.sample = sample
        self.writer = Writer(vocabulary, config)
        self.random = Random(config.seed, sample)
        self.recent = deque(ids[-config.repetition_window :].tolist(), maxlen=config.repetition_window)
        self.counts = np.zeros(len(vocabulary), np.int64)

    def push(self, token, probability):
        start = self.writer.characters
        text = self.writer.push(token)
        self.recent.append(token)
        self.counts[token] += 1
        return Piece(self.sample, text, token, probability, start, self.writer.finish)


def _draw(scores, vocabulary, rows, config):
    """One token for each row of scores (B, V), and the probability the model itself gave it: (B,), (B,)."""
    shaped = allowed(scores, vocabulary, np.array([row.recent[-1] for row in rows]))
    if config.logit_bias:
        shaped = shaped + biases(vocabulary, config)
    if config.repetition_penalty != 1:
        recent = [np.fromiter(row.recent, np.int64) for row in rows]
        penalty = config.repetition_penalty
        shaped = np.stack([samplers.penalise(s, r, penalty) for s, r in zip(shaped, recent, strict=True)])
    if config.presence_penalty or config.frequency_penalty:
        counts = np.stack([row.counts for row in rows])
        shaped = samplers.discourage(shaped, counts, config.presence_penalty, config.frequency_penalty)
    temperature = np.array([[config.temperature_at(row.writer.progress)] for row in rows])
    shares = samplers.softmax(shaped, temperature)
    for name, keep in samplers.FILTERS.items():
        shares = keep(shares, getattr(config, name))
    tokens = samplers.draw(shares, np.array([row.random.uniform() for row in rows]))
    return tokens, samplers.softmax(scores)[np.arange(len(rows)), tokens]
