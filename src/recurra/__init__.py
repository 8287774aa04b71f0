"""Recurra: recurrent neural networks on PyTorch. A cell is written once, as its equations; the rest is derived.

    recurra.nn        layers: LSTM, GRU, RNN (drop-in for torch.nn) and Recurrent, for any cell
    recurra.cells     the cells, one file each
    recurra.train     a text file → a language model;  recurra.load  opens one again,  recurra.resume  continues its training
    recurra.card      what a layer costs: parameters, operations, memory

Names are loaded when first used, so that `import recurra` stays quick.
"""

from recurra import lazy, operators, waiting

__version__ = "0.1.0"

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "nn": "nn accelerate card restore",
        "tasks.language": "load resume train",
        "errors": "errors RecurraError",
        "backends": "",
        "cells": "",
        "config": "",
        "data": "",
        "engine": "",
        "expr": "",
        "generation": "",
        "tasks": "",
        "text": "",
        "training": "",
    },
)

operators.announce()
waiting.briefly()
