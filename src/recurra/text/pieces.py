"""A text as a stream of pieces, cut where no word, accent or byte pair is cut in two."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

SIZE = 1 << 16
"""Characters: pieces are at most this long."""


def whole_words(chunks: Iterable[str]) -> Iterator[str]:
    """The same text, cut only before white space: each piece can be split, composed or merged on its own.

    Where to cut depends on the text alone, not on the chunks it comes in. A word of more than SIZE characters is
    cut all the same, so memory is bounded.
    """
    held = ""
    for chunk in chunks:
        held, start = held + chunk, 0
        while len(held) - start > SIZE:
            space = max(held.rfind(" ", start, start + SIZE), held.rfind("\n", start, start + SIZE))
            # At the first of several white spaces: together they may be one token.
            length = len(held[start : max(space, start)].rstrip()) or SIZE
            yield held[start : start + length]
            start += length
        held = held[start:]
    if held:
        yield held


@dataclass(frozen=True)
class Place:
    """Where a piece starts in its text: offset in characters from 0; line and column from 1, as editors count."""

    offset: int = 0
    line: int = 1
    column: int = 1

    def after(self, text: str) -> "Place":
        """The place behind `text`, which starts here."""
        last = text.rfind("\n")
        column = len(text) - last if last >= 0 else self.column + len(text)
        return Place(self.offset + len(text), self.line + text.count("\n"), column)

    def __str__(self) -> str:
        return f"offset {self.offset} (line {self.line}, column {self.column})"
