"""Files of words and their labels: a word a line, its label in the last column, an empty line after each sentence."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from recurra.errors import DataError
from recurra.paths import expanded
from recurra.tasks.files import lines_of, place, read_table, text_of

WORDS, LABELS = ("word", "token", "words", "tokens"), ("tag", "label", "ner_tag", "ner", "tags", "labels")
SENTENCES = ("sentence #", "sentence", "sentence_id", "sentence_idx", "sent_id")
"""What .csv tables call their columns, in small letters; the first that is there is taken."""


class Lines(NamedTuple):
    """Words and labels, and the lines they came from, so that labels can be written line by line."""

    X: list[list[str]]
    y: list[list[str]] | None
    layout: list[str | None]
    """Each line: None for a word, and its text for a line between sentences: empty, a comment, or -DOCSTART-."""


def read_conll(paths: str | Path | Sequence[str | Path]) -> tuple[list[list[str]], list[list[str]] | None]:
    """Words and labels of CoNLL files: `X, y = read_conll("train.conll")`; X[0] and y[0] are the first sentence's.

    paths: one or several files, UTF-8; `-` is standard input. The first column is the word, the last one the label; a file
    with one column has no labels, and y is None. Lines that begin with -DOCSTART- are left out, and so are comments: lines
    before a sentence that begin with #, unless they have the columns of a word and a label that other words have.
    A .csv table has words and labels in columns called as in WORDS and LABELS, and the names of sentences in one of SENTENCES,
    in each row or in a sentence's first one.
    DataError, with the line, where a line has another number of columns than the first one.
    """
    found = read_lines(paths)
    return found.X, found.y


def read_lines(paths: str | Path | Sequence[str | Path]) -> Lines:
    """The same as `read_conll`, with the lines."""
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    texts = {path: _lines(path) for path in map(Path, paths)}
    columns, known = _columns(texts.values())
    words, labels, layout = [], [], []
    for path in map(Path, paths):
        layout += [""] if layout and layout[-1] is None else []  # a sentence ends where its file does
        words.append([])
        labels.append([])
        for number, line in enumerate(texts[path], 1):
            cells = _cells(line)
            if not cells or cells[0] == "-DOCSTART-":
                layout.append(" ".join(cells))
                words.append([])
                labels.append([])
                continue
            if not words[-1] and line[0] == "#" and not _is_word(line, cells, columns, known):
                layout.append(line)
                continue
            layout.append(None)
            if len(cells) != columns:
                raise DataError(
                    f"{place(path)}, line {number}: {len(cells)} columns; expected {columns}, as in the first line of words"
                )
            words[-1].append(cells[0])
            labels[-1].append(cells[-1])
    X, y = [row for row in words if row], [row for row in labels if row]
    if not X:
        raise DataError(
            f"{place(paths[0])} holds no words; expected a word a line, and an empty line after each sentence"
        )
    return Lines(X, None if columns == 1 else y, layout)


def _lines(path: Path) -> list[str]:
    """The lines of a file; of a .csv table as if it were one: the word, its label, and an empty line between sentences."""
    if path.suffix.lower() != ".csv":
        return lines_of(text_of(path))
    columns, rows = read_table(expanded(path))
    small = [name.lower() for name in columns]
    word, label, sentence = (
        next((small.index(name) for name in names if name in small), None) for names in (WORDS, LABELS, SENTENCES)
    )
    if word is None:
        raise DataError(f"{place(path)} has no column of words ({', '.join(WORDS)}); its columns: {', '.join(columns)}")
    found: list[str] = []
    known = ""
    for line, row in rows:
        cells = [row[at].strip() for at in (word, label) if at is not None]
        odd = next((cell for cell in cells if not cell or _cells(cell) != [cell]), None)
        if odd is not None:
            raise DataError(f"{place(path)}, line {line}: {odd!r}; expected one word, and one label")
        # The name of a sentence stands in each of its rows, or in the first one alone.
        name = row[sentence] if sentence is not None else ""
        found += [""] if found and name.strip() and name != known else []
        known = name if name.strip() else known
        found.append("\t".join(cells))
    return found


def _cells(line: str) -> list[str]:
    # Not str.split: a word may hold a no-break space, or be one.
    return re.split("[ \t]+", line.strip(" \t")) if line.strip() else []


def _columns(texts: Iterable[list[str]]) -> tuple[int | None, set[str]]:
    """The columns of the first line that is no comment, and the labels of all such lines."""
    rows = [_cells(line) for lines in texts for line in lines if line[:1] != "#"]
    rows = [cells for cells in rows if cells and cells[0] != "-DOCSTART-"]
    return (len(rows[0]) if rows else None), {cells[-1] for cells in rows}


def _is_word(line: str, cells: list[str], columns: int | None, known: set[str]) -> bool:
    """Whether a line that begins with # before a sentence is its first word, such as a hashtag, and no comment."""
    return len(cells) == columns and (columns == 1 or line[1:2] != " " or cells[-1] in known)
