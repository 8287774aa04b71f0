"""Pairs of texts: from files, checked, and as ids."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import DataError, DtypeError
from recurra.paths import expanded
from recurra.tasks.files import bytes_of, lines_of, marked, place, read_table
from recurra.tasks.translation.config import BYTE_PAIRS, PairsConfig
from recurra.text import TextConfig, Vocabulary, build_vocabulary

Pair = tuple[str, str]


def read_pairs(paths: str | Path | Sequence[str | Path], swap: bool = False) -> list[Pair]:
    """The pairs of files with a text, a tab and its translation on each line, and of .csv tables: `read_pairs("dates.tsv")`.

    A .csv table has two columns, named by its first row. swap: the translation stands first. Empty lines are left out.

    DataError, with the line, where a line has another number of columns, or an empty one.
    """
    found = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        for number, columns in rows(path):
            if not any(column.strip() for column in columns):
                continue
            if len(columns) != 2:
                between = "" if _is_table(path) else " with a tab between"
                raise DataError(
                    f"{place(path)}, line {number}: {len(columns)} column{'s' * (len(columns) > 1)}; expected two, a text and"
                    f" its translation{between}"
                )
            pair = tuple(column.strip() for column in (columns[::-1] if swap else columns))
            if not all(pair):
                raise DataError(
                    f"{place(path)}, line {number}: one of the two columns is empty; fill it, or drop the line"
                )
            found.append(pair)
    return found


def _is_table(path: str | Path) -> bool:
    return Path(path).suffix.lower() == ".csv"


def rows(path: str | Path) -> list[tuple[int, list[str]]]:
    """The number and the cells of each line of a file, [""] for a blank one; of a .csv table those below its first row."""
    if _is_table(path):
        return read_table(expanded(path))[1]
    return [(number, line.split("\t")) for number, line in enumerate(read_lines(path), 1)]


def read_lines(path: str | Path) -> list[str]:
    """The lines of a file, of - for standard input: UTF-8, or what its mark says. DataError if it is unreadable."""
    try:
        content = bytes_of(path)
        return lines_of(content.decode(marked(content) or "utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{place(path)}, line {line}: this is not UTF-8; save it as UTF-8 and read it again") from error


def check_pairs(pairs: Any, name: str = "pairs") -> list[Pair]:
    """Pairs as a list. DataError or DtypeError if they are not pairs of texts."""
    if isinstance(pairs, str | bytes) or not isinstance(pairs, Iterable):
        raise DtypeError(f"`{name}` is {type(pairs).__name__}; expected a list of pairs: (text, translation)")
    found = []
    for i, pair in enumerate(pairs):
        if isinstance(pair, str) or not isinstance(pair, Sequence | np.ndarray) or len(pair) != 2:
            raise DtypeError(f"`{name}[{i}]` is {short(pair)}; expected a pair: (text, translation)")
        found.append(tuple(check_texts(pair, f"{name}[{i}]")))
    if not found:
        raise DataError(f"`{name}` is empty; expected pairs of texts: (text, translation)")
    return found


def check_texts(texts: Any, name: str) -> list[str]:
    """Texts as a list. DataError or DtypeError if they are not texts."""
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise DtypeError(f"`{name}` is {type(texts).__name__}; expected a list of texts: [{name}]")
    texts = list(texts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise DtypeError(f"`{name}[{i}]` is {short(text)}; expected a text")
        if not text.strip():
            raise DataError(f"`{name}[{i}]` is an empty text; leave it out")
    return [str(text) for text in texts]


def short(value: Any) -> str:
    """A value for a message."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def vocabularies(pairs: Sequence[Pair], data: PairsConfig) -> tuple[Vocabulary, Vocabulary]:
    """The tokens of the texts and of the translations, with <unk> where these are not byte pairs. Both can end a text."""
    size = data.vocabulary_size or (BYTE_PAIRS if data.unit == "bpe" else None)
    unknown = "error" if data.unit == "bpe" else "unk"
    config = TextConfig(data.unit, unknown=unknown, vocabulary_size=size, min_count=data.min_count)
    # A line break keeps the words of two texts apart; characters need none.
    end = "" if data.unit == "character" else "\n"
    columns = ([spaced(text, data.unit) + end for text in column] for column in zip(*pairs, strict=True))
    source, target = (build_vocabulary(column, config, documents=True) for column in columns)
    return source, target


def spaced(text: str, unit: str) -> str:
    """A text as it is cut: words, and pieces of them, carry the space before them, so that the first is like the others."""
    return text if unit == "character" else f" {text}"
