"""What a language model learns from its text beside the weights."""

from dataclasses import dataclass

from recurra.text import Vocabulary


@dataclass(frozen=True)
class Text:
    """The vocabulary."""

    vocabulary: Vocabulary
