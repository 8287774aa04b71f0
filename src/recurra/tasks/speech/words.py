"""Texts as the ids that the model's scores stand for."""

from collections.abc import Iterable
from itertools import chain

import numpy as np

from recurra.tasks.speech.decode import BLANK
from recurra.text import TextConfig, Vocabulary, build_vocabulary


def learn(texts: Iterable[str], unit: str, joined: bool = False) -> Vocabulary:
    """The vocabulary of some texts; `unit` as in SpeechConfig. joined: they will be put together, with spaces between."""
    between = [" "] if joined and unit == "character" else []
    return build_vocabulary(chain(between, (_spaced(text, unit) for text in texts if text)), TextConfig(unit=unit))


def encode(vocabulary: Vocabulary, text: str) -> np.ndarray:
    """The ids of a text, (symbols,) int64; the blank is none of them, and where nothing is said there are none."""
    if not text:
        return np.empty(0, np.int64)
    return vocabulary.encode(_spaced(text, vocabulary.unit), "the text").astype(np.int64) + BLANK + 1


def _spaced(text: str, unit: str) -> str:
    # Words and pieces of words carry the space before them: with one at the start, a word is the same everywhere.
    return text if unit == "character" else f" {text}"
