"""Prompt → text: samplers, streams, beam search, and what the text owes to the training text.

    stream(model, vocabulary, "ROMEO:", length=200)      pieces of text as they are drawn
    generate(model, vocabulary, "ROMEO:", samples=3)     whole samples, with each token's probability
    memorisation(sample.tokens, corpus.train)            how much of a sample is copied

It knows no task: `model(ids, state)` gives scores and the next state, and `vocabulary` turns ids into text.
Names are loaded when first used, because the settings alone need no PyTorch.
"""

import importlib

_HOMES = {
    "GenerationConfig": "config",
    "Piece": "writer",
    "Sample": "writer",
    "Session": "session",
    "beam_search": "beam",
    "generate": "sampling",
    "memorisation": "copies",
    "spans": "report",
    "stream": "sampling",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'recurra.generation' has no attribute {name!r}")
    return getattr(importlib.import_module(f"recurra.generation.{_HOMES[name]}"), name)
