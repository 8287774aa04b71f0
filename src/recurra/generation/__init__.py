"""Prompt → text: samplers, streams, beam search, and what the text owes to the training text.

    stream(model, vocabulary, "ROMEO:", length=200)      pieces of text as they are drawn
    generate(model, vocabulary, "ROMEO:", samples=3)     whole samples, with each token's probability
    memorisation(sample.tokens, corpus.train)            how much of a sample is copied
    copied(sample.tokens, corpus.train)                  which spans of it, and from where

It knows no task: `model(ids, state)` gives scores and the next state, and `vocabulary` turns ids into text. What the engine
can run is written by it (`native`), the rest in Python (`reference`); `way(model)` says which and why.
Names are loaded when first used, because the settings alone need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "GenerationConfig",
        "writer": "Piece Sample",
        "session": "Session",
        "beam": "beam_search",
        "choice": "way",
        "sampling": "generate stream",
        "copies": "Copy copied memorisation",
        "report": "spans",
    },
)
