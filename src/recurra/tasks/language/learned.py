"""What a language model learns from its text beside the weights."""

from dataclasses import dataclass

from recurra.text import Vocabulary


@dataclass(frozen=True)
class Text:
    """The vocabulary, and where writing begins."""

    vocabulary: Vocabulary
    prelude: tuple[int, ...] = ()
    """Tokens of the training text, up to the beginning of a line or of an item: a text that is read first, so that writing
    begins as if it continued from there. From the zero state, of which training shows little, first characters are poor."""
    items: str = ""
    """What ends an item, where the text is a list, of which a sample is one item: "\\n", or the separator line."""
