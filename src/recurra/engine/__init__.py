"""The engine: a language model from token to drawn token in native code, without PyTorch.

    engine = open("runs/book-1")                  reads a run's folder with numpy
    engine = of(model)                            the same of a model in memory
    engine.start(3), engine.run(rows)             states, and rows of text that are read and written

    parts     what a model is made of, as numpy arrays
    engine    the weights laid out, and calls
    rows      one text under way: what the native code is handed, and what it hands back
    models    a LanguageModel → its engine, kept while its weights stay as they are; why there is none
    library   native/engine.cpp and a cell's step, compiled and loaded
    abi       native/engine.h as ctypes sees it

Names are loaded when first used.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "engine": "Engine",
        "rows": "Row",
        "parts": "LayerParts ModelParts",
        "models": "of why_not",
    },
)
