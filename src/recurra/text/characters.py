"""Vocabularies of Unicode characters, and of bytes: a table look-up in numpy, for text of any size."""

from collections.abc import Iterable

import numpy as np

from recurra.text.pieces import Place
from recurra.text.vocabulary import Vocabulary, utf8


class Characters(Vocabulary):
    """One token a Unicode code point."""

    unit = "character"

    def __init__(self, symbols, **fields):
        super().__init__(symbols, **fields)
        # Code point → id; one entry more than the highest one, for all that are unknown.
        self._table = np.full(max(map(ord, self.index), default=0) + 2, -1, np.int32)
        self._table[[ord(s) for s in self.index]] = list(self.index.values())

    def _encode(self, piece: str, where: str, place: Place) -> np.ndarray:
        points = code_points(piece)
        ids = self._table[np.minimum(points, len(self._table) - 1)]
        unknown = ids < 0
        if not unknown.any():
            return ids
        if self.spelled is not None:
            utf8(piece, where, place)  # refuses what is no character
            return self._spell(ids, points, unknown)
        if self.unk is None:
            self._refuse([(i, piece[i]) for i in np.flatnonzero(unknown)], piece, where, place)
        return np.where(unknown, self.unk, ids)

    def _spell(self, ids: np.ndarray, points: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        # Each unknown character is repeated as often as it has bytes, and all of them are filled in at once.
        lengths = np.where(unknown, 1 + (points > 0x7F) + (points > 0x7FF) + (points > 0xFFFF), 1)
        ids, holes = np.repeat(ids, lengths), np.repeat(unknown, lengths)
        text = points[unknown].tobytes().decode("utf-32-le")
        ids[holes] = np.frombuffer(text.encode(), np.uint8) + np.int32(self.spelled)
        return ids

    def _new(self, chunks: Iterable[str]) -> list[str]:
        return sorted(s for s in count(self._pieces(chunks)) if s not in self.index)


class Bytes(Vocabulary):
    """One token a byte of UTF-8: 256 of them write any text."""

    unit = "byte"

    def _encode(self, piece: str, where: str, place: Place) -> np.ndarray:
        return np.frombuffer(utf8(piece, where, place), np.uint8)


def code_points(text: str) -> np.ndarray:
    """(characters,) uint32. Half surrogates pass, so that they are reported as any unknown character is."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def count(chunks: Iterable[str]) -> dict[str, int]:
    """How often each character occurs, by code point."""
    totals = np.zeros(0x110000, np.int64)
    for chunk in chunks:
        counts = np.bincount(code_points(chunk))
        totals[: len(counts)] += counts
    return {chr(point): int(totals[point]) for point in np.flatnonzero(totals)}
