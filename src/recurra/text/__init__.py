"""Text → ids: vocabularies of characters, bytes, words or byte pairs. Nothing here needs PyTorch.

    vocabulary = build_vocabulary(["to be or not to be"])
    vocabulary.decode(vocabulary.encode("bone"))                  # "bone"

Names are loaded when first used: the command line reads TextConfig without waiting for numpy.
"""

import importlib

_HOMES = {
    "TextConfig": "config",
    "Vocabulary": "vocabulary",
    "build_vocabulary": "build",
    "vocabulary_from_json": "build",
}

__all__ = ["TextConfig", "Vocabulary", "build_vocabulary", "vocabulary_from_json"]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(f"recurra.text.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'recurra.text' has no attribute {name!r}")
