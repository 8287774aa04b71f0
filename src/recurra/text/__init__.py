"""Text → ids: vocabularies of characters, bytes, words or byte pairs. Nothing here needs PyTorch.

    vocabulary = build_vocabulary(["to be or not to be"])
    vocabulary.decode(vocabulary.encode("bone"))                  # "bone"

Names are loaded when first used: the command line reads TextConfig without waiting for numpy.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "TextConfig",
        "vocabulary": "Vocabulary",
        "build": "build_vocabulary vocabulary_from_json",
    },
)
