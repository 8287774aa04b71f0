"""What a unit may follow: features of a text, a number or a truth value for every character.

Karpathy, Johnson & Fei-Fei 2015, arXiv:1506.02078, found units for quotes, brackets, comments, indentation and the
place in the line by eye; here they are looked for by correlation.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from recurra.errors import DataError, ShapeError


@dataclass(frozen=True)
class Feature:
    """A feature of one's own: `Feature("a vowel of Finnish", lambda text: [c in "aeiouyäö" for c in text])`."""

    words: str
    """What is true, or what is counted, at a character."""
    of: Callable[[str], Iterable[Any]]
    """Text → one value a character."""


def columns(characters: Iterable[str], features: Mapping[str, Feature]) -> dict[str, np.ndarray]:
    """Each feature's values at each token, (T,) float64, without the features that never change.

    A token of several characters has the value at its last one. ShapeError if a feature gives too few values,
    DataError if one is no finite number.
    """
    characters = tuple(characters)
    text = "".join(characters)
    last = np.maximum(np.cumsum([len(c) for c in characters]) - 1, 0)
    table = {}
    for name, feature in features.items() if text else ():
        values = np.array(list(feature.of(text)), np.float64)
        if values.shape != (len(text),):
            raise ShapeError(
                f"feature {name!r} gives {values.shape} values; expected {(len(text),)}, one for each character"
            )
        if not np.isfinite(values).all():
            raise DataError(f"feature {name!r} gives NaN or infinity; expected a number for each character")
        if np.ptp(values[last]) > 0:
            table[name] = values[last]
    return table


def _each(test: Callable[[str], bool]) -> Callable[[str], Iterator[bool]]:
    return lambda text: map(test, text)


def _counting(goes_on: Callable[[str], bool]) -> Callable[[str], Iterator[int]]:
    """How many characters in a row, up to and with this one, pass the test."""

    def counts(text: str) -> Iterator[int]:
        n = 0
        for c in text:
            n = n + 1 if goes_on(c) else 0
            yield n

    return counts


def _spans(*patterns: str) -> Callable[[str], np.ndarray]:
    """True inside of what a pattern's only group matches; what follows the group, the closing mark, is outside."""
    every = re.compile("|".join(patterns), re.DOTALL)

    def inside(text: str) -> np.ndarray:
        mask = np.zeros(len(text), bool)
        for match in every.finditer(text):
            mask[slice(*match.span(match.lastindex))] = True
        return mask

    return inside


# A quotation ends at an empty line at the latest, so that one forgotten mark does not turn the rest inside out.
_ON = r"(?!\n[ \t]*\n)"
_DOUBLE = ('""', "“”", "„“”", "«»", "「」")


def _depth(text: str) -> Iterator[int]:
    step = dict.fromkeys("([{", 1) | dict.fromkeys(")]}", -1)
    return accumulate((step.get(c, 0) for c in text), lambda depth, change: max(0, depth + change))


def _indentation(text: str) -> Iterator[int]:
    width, leading = 0, True
    for c in text:
        if c == "\n":
            width, leading = 0, True
        leading = leading and c in " \t\n"
        width += leading and c != "\n"
        yield width


def _line_start(text: str) -> Iterator[bool]:
    return (before == "\n" for before, _ in zip("\n" + text, text, strict=False))


def _vowel(c: str) -> bool:
    return unicodedata.normalize("NFD", c.lower())[0] in "aeiou"


FEATURES: dict[str, Feature] = {
    name: Feature(words, of)
    for name, words, of in (
        (
            "double quotes",
            'between double quotes: "…", “…”, „…“, «…», 「…」',
            _spans(*(f"({pair[0]}(?:{_ON}[^{pair[1:]}])*)[{pair[1:]}]?" for pair in _DOUBLE)),
        ),
        (
            "single quotes",
            "between single quotes; an apostrophe inside a word is none",
            _spans(rf"(?<!\w)('(?:{_ON}(?!'(?!\w)).)*)'?", rf"(‘(?:{_ON}(?!’(?!\w)).)*)’?"),
        ),
        ("bracket depth", "how many of ( [ { are open", _depth),
        (
            "comment",
            "in a comment of source code: # … or // … to the line's end, /* … */, <!-- … -->",
            _spans(r"(#[^\n]*)", r"(?<!:)(//[^\n]*)", r"(/\*(?:(?!\*/).)*)(?:\*/)?", r"(<!--(?:(?!-->).)*)(?:-->)?"),
        ),
        ("tag", "in a tag: <…>", _spans(r"(<[/!A-Za-z][^<>]*)>?")),
        ("URL", "in an address: http://…, https://…, www.…", _spans(r"((?:https?://|\bwww\.)\S*)")),
        ("line position", "characters since the line began", _counting(lambda c: c != "\n")),
        ("line start", "the first character of a line", _line_start),
        ("line break", "the line's end itself", _each(lambda c: c == "\n")),
        ("indentation", "blanks that the line began with, so far", _indentation),
        ("word position", "letters and digits since the word began; 0 outside of words", _counting(str.isalnum)),
        ("white space", "a blank, a tab, a line's end", _each(str.isspace)),
        ("sentence position", "characters since a sentence ended", _counting(lambda c: c not in ".!?。！？")),
        ("sentence end", "one of . ! ? 。 ！ ？", _each(lambda c: c in ".!?。！？")),
        ("punctuation", "any punctuation mark", _each(lambda c: unicodedata.category(c)[0] == "P")),
        ("letter", "a letter of any script", _each(str.isalpha)),
        ("upper case", "a capital letter", _each(str.isupper)),
        ("vowel", "a e i o u, accents aside", _each(_vowel)),
        ("digit", "a digit", _each(str.isdigit)),
        ("text position", "how far into the text: what follows it only drifts", lambda text: range(len(text))),
    )
}
"""The features by name."""
