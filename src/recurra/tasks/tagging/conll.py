"""Files of words and their labels: a word a line, its label in the last column, an empty line after each sentence."""

import sys
from collections.abc import Sequence
from pathlib import Path

from recurra.errors import DataError
from recurra.tasks.classification.files import text_of


def read_conll(paths: str | Path | Sequence[str | Path]) -> tuple[list[list[str]], list[list[str]] | None]:
    """Words and labels of CoNLL files: `X, y = read_conll("train.conll")`; X[0] and y[0] are the first sentence's.

    paths: one or several files, UTF-8; `-` is standard input. The first column is the word, the last one the label; a file
    with one column has no labels, and y is None. Lines that begin with -DOCSTART- are left out.
    DataError, with the line, where a line has another number of columns than the first one.
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    words, labels, columns = [], [], None
    for path in map(Path, paths):
        text = sys.stdin.read() if str(path) == "-" else text_of(path)
        words.append([])
        labels.append([])
        for number, line in enumerate(text.splitlines(), 1):
            cells = line.split()
            if not cells or cells[0] == "-DOCSTART-":
                if words[-1]:
                    words.append([])
                    labels.append([])
                continue
            columns = columns or len(cells)
            if len(cells) != columns:
                raise DataError(
                    f"{path}, line {number}: {len(cells)} columns; expected {columns}, as in the first line"
                )
            words[-1].append(cells[0])
            labels[-1].append(cells[-1])
    X, y = [row for row in words if row], [row for row in labels if row]
    if not X:
        raise DataError(f"{paths[0]} holds no words; expected a word a line, and an empty line after each sentence")
    return X, None if columns == 1 else y
