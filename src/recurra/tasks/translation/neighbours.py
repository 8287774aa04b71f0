"""The learned pair whose text is nearest to another one: what a translation memory answers, and a model has to beat."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from recurra import files
from recurra.errors import RunError
from recurra.fitting.learned import Filed
from recurra.tasks.translation.pairs import Pair

LENGTHS = (2, 3, 4)
"""Characters of the pieces that texts are compared by."""


@dataclass(frozen=True)
class Memory(Filed):
    """Pairs that were learned from, in a run's folder: memory.json."""

    pairs: list[Pair]

    def write(self, path: Path) -> None:
        files.write(path.with_suffix(".json"), files.to_json(self.pairs))

    @classmethod
    def read(cls, path: Path) -> Self:
        path = path.with_suffix(".json")
        found = files.read_json(path)
        whole = isinstance(found, list) and all(isinstance(one, list) and len(one) == 2 for one in found)
        if not (whole and all(isinstance(text, str) for pair in found for text in pair)):
            raise RunError(f"{path} is damaged: expected a list of pairs of texts. {files.DAMAGED}")
        return cls([tuple(pair) for pair in found])


class Neighbours:
    """Pairs by what their texts share: `Neighbours(pairs).of("delete file")` → ("delete files", "Dateien löschen").

    Nearest is the text with the largest cosine of TF-IDF weights over pieces of two to four characters.
    """

    def __init__(self, pairs: Sequence[Pair]):
        self._pairs, counts = list(pairs), [_pieces(text) for text, _ in pairs]
        frequency = Counter(piece for one in counts for piece in one)
        self._weight = {piece: math.log((1 + len(counts)) / (1 + n)) + 1 for piece, n in frequency.items()}
        places: dict[str, list] = {piece: [] for piece in frequency}
        for number, one in enumerate(counts):
            for piece, value in self._weights(one).items():
                places[piece].append((number, value))
        self._places = {
            piece: (np.array([n for n, _ in found]), np.array([v for _, v in found])) for piece, found in places.items()
        }

    def of(self, text: str) -> Pair:
        """The pair with the nearest text; of equal ones, and where nothing is shared, the first."""
        total = np.zeros(len(self._pairs))
        for piece, value in self._weights(_pieces(text)).items():
            numbers, values = self._places[piece]
            total[numbers] += value * values
        return self._pairs[int(total.argmax())]

    def _weights(self, counts: Counter[str]) -> dict[str, float]:
        found = {piece: (1 + math.log(n)) * self._weight[piece] for piece, n in counts.items() if piece in self._weight}
        length = sum(value * value for value in found.values()) ** 0.5
        return {piece: value / length for piece, value in found.items()}


def _pieces(text: str) -> Counter[str]:
    text = text.lower()
    return Counter(text[at : at + n] for n in LENGTHS for at in range(len(text) - n + 1))
