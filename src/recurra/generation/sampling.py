"""Prompt → text by drawing: `stream` yields it as it comes, `generate` returns whole samples.

The engine writes it where it can run the model; else the model's scores are drawn from in Python. `choice.way` says which.
"""

import dataclasses
from collections.abc import Iterator

from recurra import config as settings
from recurra.errors import ConfigError, setting
from recurra.generation.choice import way
from recurra.generation.config import GenerationConfig
from recurra.generation.random import fresh_seed
from recurra.generation.tokens import read_prompt, warm_ids
from recurra.generation.writer import Piece, Sample, collect

# This many samples run side by side; more are done in turns, so that memory stays bounded.
_ROWS = 64


def stream(model, vocabulary, prompt: str = "", config: GenerationConfig | None = None, **options) -> Iterator[Piece]:
    """Draw text from a model: `for piece in stream(model, vocabulary, "Once"): print(piece.text, end="")`.

    model: a LanguageModel, a `recurra.engine.Engine`, or any `model(ids (B, T) int64, state) -> (scores (B, T, V), state)`;
        where the vocabulary has an end-of-document token, also `model(ids, state, resets (B, T) bool)`.
    prompt: what the text continues. Empty: the end of a document where the vocabulary has one, else a
        newline, else the first token; that start is not part of the text. Before it, the model's `prelude` is read, if it has
        one and `start` is "warm".
    config, options: a GenerationConfig, or its fields by name.

    Memory does not grow with the length. Several streams on one model do not disturb each other, and each
    sample is the same however many run beside it: to the bit by the engine, else up to the rounding of the model's
    arithmetic at another batch size. Raises ConfigError for an invalid setting, VocabularyError for a prompt the model
    cannot read, RunError if the model's scores are unusable.
    """
    config = _settings(config, options)
    if config.beam:
        raise ConfigError(f"{setting('beam', config.beam)} cannot stream: its text is known at the end; use `generate`")
    prompt = read_prompt(vocabulary, prompt)
    ids, own = warm_ids(model, vocabulary, prompt, config)
    engine = way(model, config.precision).engine
    if engine is not None:
        from recurra.generation import native

        return native.pieces(engine, vocabulary, prompt, ids, config, _ROWS, own)
    from recurra.generation import reference

    return reference.pieces(model, vocabulary, prompt, ids, config, _ROWS, own)


def generate(model, vocabulary, prompt: str = "", config: GenerationConfig | None = None, **options) -> list[Sample]:
    """Whole samples: `generate(model, vocabulary, "Once", seed=1)[0].text`. Arguments as for `stream`."""
    config = _settings(config, options)
    if config.beam:
        from recurra.generation.beam import beam_search

        return beam_search(model, vocabulary, prompt, config)
    prompt, samples = read_prompt(vocabulary, prompt), [[] for _ in range(config.samples)]
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
    """The same settings with a seed, a fresh one where there is none: with it the same text can be written again."""
    drawn = config.seed is None and not config.beam
    return dataclasses.replace(config, seed=fresh_seed()) if drawn else config
