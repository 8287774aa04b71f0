"""Recurra: recurrent neural networks on PyTorch. A cell is written once, as its equations; the rest is derived.

    recurra.nn        layers: LSTM, GRU, RNN (drop-in for torch.nn) and Recurrent, for any cell
    recurra.cells     the cells, one file each
    recurra.train     a text file → a language model;  recurra.load  opens one again
    recurra.card      what a layer costs: parameters, operations, memory

Names are loaded when first used, so that `import recurra` stays quick.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "accelerate": "recurra.nn",
    "card": "recurra.nn",
    "train": "recurra.tasks.language",
    "load": "recurra.tasks.language",
    "RecurraError": "recurra.errors",
}
_MODULES = ("backends", "cells", "data", "errors", "generation", "nn", "tasks", "text", "training")

__all__ = ["__version__", *_HOMES, *_MODULES]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"recurra.{name}")
    raise AttributeError(f"module 'recurra' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
