"""How many words, or characters, were heard wrongly."""

from collections.abc import Sequence

import numpy as np

from recurra.errors import DataError, DtypeError
from recurra.text.forms import composed


def edit_distance(said: Sequence, heard: Sequence) -> int:
    """The least insertions, deletions and substitutions from one sequence to the other: `edit_distance("abc", "axc")` → 1.

    Levenshtein 1966, row by row: time grows with the product of the lengths, memory with the second.
    """
    codes: dict = {}
    first, second = (np.array([codes.setdefault(item, len(codes)) for item in row], np.int64) for row in (said, heard))
    steps = np.arange(len(second) + 1)
    row = steps
    for number, item in enumerate(first, 1):
        best = np.minimum(row[1:] + 1, row[:-1] + (second != item))
        # An insertion reads the entry to its left: the running minimum of what each entry would start from.
        row = np.minimum.accumulate(np.concatenate([[number], best]) - steps) + steps
    return int(row[-1])


def word_error_rate(said: str | Sequence[str], heard: str | Sequence[str]) -> float:
    """Edits over words, all texts together: `word_error_rate("one two", "one")` → 0.5; it may go above 1.

    Texts that look the same are the same, however their accents were typed (Unicode NFC).

    said, heard: texts, or lists of as many. DataError if what was said has no words.
    """
    return _rate(said, heard, str.split, "words")


def character_error_rate(said: str | Sequence[str], heard: str | Sequence[str]) -> float:
    """The same over characters, the spaces between words among them."""
    return _rate(said, heard, lambda text: " ".join(text.split()), "characters")


def error_rates(said: Sequence[str], heard: Sequence[str]) -> dict[str, float]:
    """Both, as `wer` and `cer`. Where nothing was said at all, each word that was heard counts as one wrong of one."""
    cuts = {"wer": str.split, "cer": str}
    edits = {
        name: sum(edit_distance(cut(a), cut(b)) for a, b in zip(said, heard, strict=True)) for name, cut in cuts.items()
    }
    return {name: edits[name] / max(1, sum(len(cut(text)) for text in said)) for name, cut in cuts.items()}


def _rate(said, heard, cut, what: str) -> float:
    said, heard = ([texts] if isinstance(texts, str) else list(texts) for texts in (said, heard))
    for text in (*said, *heard):
        if not isinstance(text, str):
            raise DtypeError(f"{text!r} is {type(text).__name__}; expected texts, or two lists of as many")
    said, heard = list(map(composed, said)), list(map(composed, heard))
    if len(said) != len(heard):
        raise DataError(f"{len(said)} texts were said and {len(heard)} heard; expected one for one")
    total = sum(len(cut(text)) for text in said)
    if not total:
        raise DataError(f"what was said has no {what}; an error rate needs at least one")
    return sum(edit_distance(cut(a), cut(b)) for a, b in zip(said, heard, strict=True)) / total
