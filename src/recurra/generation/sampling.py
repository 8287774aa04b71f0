"""Prompt → text by drawing: `stream` yields it as it comes, `generate` returns whole samples."""

import dataclasses
from collections import deque
from collections.abc import Iterator

import numpy as np

from recurra import config as settings
from recurra.errors import setting
from recurra.generation import samplers
from recurra.generation.beam import beam_search
from recurra.generation.config import GenerationConfig
from recurra.generation.random import Random, fresh_seed
from recurra.generation.session import Session
from recurra.generation.tokens import allowed, prompt_ids
from recurra.generation.writer import Piece, Sample, Writer, collect

# This many samples run side by side; more are done in turns, so that memory stays bounded.
_ROWS = 64


def stream(model, vocabulary, prompt: str = "", config: GenerationConfig | None = None, **options) -> Iterator[Piece]:
    """Draw text from a model: `for piece in stream(model, vocabulary, "Once"): print(piece.text, end="")`.

    model: `model(ids (B, T) int64, state) -> (scores (B, T, V), state)`; where the vocabulary has an
        end-of-document token, also `model(ids, state, resets (B, T) bool)`.
    prompt: what the text goes on from. Empty: the end of a document where the vocabulary has one, else a
        newline, else the first token; that start is not part of the text.
    config, options: a GenerationConfig, or its fields by name.

    Memory does not grow with the length. Several streams on one model do not disturb each other, and each
    sample is the same however many run beside it, up to the rounding of the model's arithmetic at another
    batch size. Raises ConfigError for a setting that cannot be, VocabularyError for a prompt the model cannot
    read, RunError where the model's scores are unusable.
    """
    config = _settings(config, options)
    if config.beam:
        raise settings.ConfigError(
            f"{setting('beam', config.beam)} cannot stream: its text is known at the end; use `generate`"
        )
    ids = prompt_ids(vocabulary, prompt)
    return _stream(model, vocabulary, prompt, ids, config)


def generate(model, vocabulary, prompt: str = "", config: GenerationConfig | None = None, **options) -> list[Sample]:
    """Whole samples: `generate(model, vocabulary, "Once", seed=1)[0].text`. Arguments as for `stream`."""
    config = _settings(config, options)
    if config.beam:
        return beam_search(model, vocabulary, prompt, config)
    samples = [[] for _ in range(config.samples)]
    for piece in stream(model, vocabulary, prompt, config):
        samples[piece.sample].append(piece)
    return [collect(pieces, prompt, config.seed) for pieces in samples]


def _settings(config, options) -> GenerationConfig:
    if config is None:
        config = settings.make(GenerationConfig, options)
    elif options:
        config = settings.make(GenerationConfig, {**dataclasses.asdict(config), **options})
    return seeded(config)


def seeded(config: GenerationConfig) -> GenerationConfig:
    """The same settings with a seed, a fresh one where there is none: then the text can be had again."""
    drawn = config.seed is None and not config.beam
    return dataclasses.replace(config, seed=fresh_seed()) if drawn else config


def _stream(model, vocabulary, prompt, ids, config):
    for first in range(0, config.samples, _ROWS):
        rows = [_Row(vocabulary, config, k, ids[0]) for k in range(first, min(first + _ROWS, config.samples))]
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
    """One sample on its way: its text, its random numbers, its latest tokens."""

    def __init__(self, vocabulary, config, sample, ids):
        self.sample = sample
        self.writer = Writer(vocabulary, config)
        self.random = Random(config.seed, sample)
        self.recent = deque(ids[-config.repetition_window :].tolist(), maxlen=config.repetition_window)

    def push(self, token, probability):
        start = self.writer.characters
        text = self.writer.push(token)
        self.recent.append(token)
        return Piece(self.sample, text, token, probability, start, self.writer.finish)


def _draw(scores, vocabulary, rows, config):
    """One token for each row of scores (B, V), and the probability the model itself gave it: (B,), (B,)."""
    shaped = allowed(scores, vocabulary, np.array([row.recent[-1] for row in rows]))
    if config.repetition_penalty != 1:
        recent = [np.fromiter(row.recent, np.int64) for row in rows]
        penalty = config.repetition_penalty
        shaped = np.stack([samplers.penalise(s, r, penalty) for s, r in zip(shaped, recent, strict=True)])
    temperature = np.array([[config.temperature_at(row.writer.progress)] for row in rows])
    shares = samplers.softmax(shaped, temperature)
    for name, keep in samplers.FILTERS.items():
        shares = keep(shares, getattr(config, name))
    tokens = samplers.draw(shares, np.array([row.random.uniform() for row in rows]))
    return tokens, samplers.softmax(scores)[np.arange(len(rows)), tokens]
