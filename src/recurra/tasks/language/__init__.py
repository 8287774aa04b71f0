"""Language models: a text → a model that goes on writing it.

    model = train("book.txt")           a run in runs/book-1
    model = load("runs/book-1")         the same again, later
    print(model.generate("Once "))
    evaluate(model, "other.txt")        nats and bits per character, perplexity

Names are loaded when first used: the settings need no PyTorch.
"""

import importlib

_HOMES = {
    "LanguageConfig": "config",
    "PRESETS": "config",
    "settings": "config",
    "LanguageModel": "model",
    "LanguageTask": "task",
    "evaluate": "measure",
    "load": "folder",
    "resume": "runner",
    "train": "runner",
}

__all__ = list(_HOMES)


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(f"recurra.tasks.language.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'recurra.tasks.language' has no attribute {name!r}")
