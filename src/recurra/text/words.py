"""Vocabularies of words: a word with the space before it is a token; so is each sign and other white space.

So "to be, or" is "to", " be", ",", " or": nothing is lost, and the spaces cost nothing. Chinese and Japanese
write no spaces; there each character is a word. In a text that is tokenised already, whatever stands between spaces is
one token ("n't", "<unk>", "N"), and so is the end of a line.
"""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np

from recurra.errors import DataError, setting
from recurra.text.pieces import Place, whole_words
from recurra.text.vocabulary import Vocabulary, utf8

MOST = 1 << 20
"""Distinct words that are counted at once; more would cost more memory than a model of them is worth."""


class Words(Vocabulary):
    """One token a word."""

    unit = "word"

    @staticmethod
    def split(text: str) -> list[str]:
        """The words of a text; joined again they are the text: `Words.split("to be, or")` → ["to", " be", ",", " or"]."""
        return _pattern().findall(text)

    def _pieces(self, chunks: Iterable[str]) -> Iterable[str]:
        return super()._pieces(chunks) if self.nfc else whole_words(chunks)

    def _encode(self, piece: str, where: str, place: Place) -> np.ndarray:
        words = self.split(piece)
        ids = list(map(self.index.get, words))
        if None in ids:
            ids = self._known(words, ids, piece, where, place)
        return np.array(ids, np.int64)

    def _known(self, words, ids, piece, where, place) -> list[int]:
        """The ids where some words are unknown: without their space if that is known, else by the policy."""
        known, unknown, offset = [], [], 0
        for word, id in zip(words, ids, strict=True):
            bare = self.index.get(word[1:]) if word[0] == " " else None
            if id is not None:
                known.append(id)
            elif bare is not None and " " in self.index:
                known += [self.index[" "], bare]
            elif self.spelled is not None:
                known += [self.spelled + byte for byte in utf8(word, where, place.after(piece[:offset]))]
            elif self.unk is not None:
                known.append(self.unk)
            else:
                unknown.append((offset, word))
            offset += len(word)
        if unknown:
            self._refuse(unknown, piece, where, place)
        return known

    def _new(self, chunks: Iterable[str]) -> list[str]:
        counts = count(self._pieces(chunks), self.split)
        return sorted((w for w in counts if w not in self.index), key=lambda w: (-counts[w], w))


class Tokens(Words):
    """One token for the characters between spaces, as corpora that are tokenised already are written."""

    unit = "token"

    @staticmethod
    def split(text: str) -> list[str]:
        """The tokens, joined again the text: `Tokens.split(" we 're <unk> .")` → [" we", " 're", " <unk>", " ."]."""
        return _BETWEEN.findall(text)


_BETWEEN = re.compile(r" ?\S+| ?\s")


@functools.cache
def _pattern() -> re.Pattern:
    alone = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    # Not `\w`, which cuts a word at its accents and vowel signs. Beyond U+FFFF by blocks: there `re` is slow.
    mark, chinese = _ranges(range(0x300, 0x10000), "M"), re.compile(f"[{alone}]")
    plain = (c for c in range(0x30, 0x10000) if not chinese.match(chr(c)))
    letter = f"_{_ranges(plain, 'LMN')}\U00010000-\U0001cfff\U0001d400-\U0001d7ff\U0001e000-\U0001efff"
    return re.compile(rf" ?[{letter}]+(?:['’][{letter}]+)*| ?[^\s{alone}][{mark}]*|[{alone}][{mark}]*|\s")


def _ranges(points: Iterable[int], categories: str) -> str:
    """The code points of some Unicode categories, as ranges inside a regular expression's brackets."""
    ranges: list[list[int]] = []
    for point in points:
        if unicodedata.category(chr(point))[0] in categories:
            if ranges and ranges[-1][1] == point - 1:
                ranges[-1][1] = point
            else:
                ranges.append([point, point])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def count(pieces: Iterable[str], split: Callable[[str], list[str]], limited: bool = False) -> Counter[str]:
    """How often each word occurs, in pieces that cut no word. split: a piece's words.

    Past MOST distinct words the rarest are forgotten where the vocabulary is `limited` anyway; else DataError.
    """
    counts: Counter[str] = Counter()
    for piece in pieces:
        counts.update(split(piece))
        if len(counts) > MOST:
            if not limited:
                raise DataError(
                    f"the text has more than {MOST:,} different words; "
                    f"set a vocabulary_size with {setting('unknown', 'bytes')} or "
                    f"{setting('unknown', 'unk')}, or use {setting('unit', 'bpe')}"
                )
            counts = Counter(dict(counts.most_common(MOST // 2)))
    return counts
