"""Files of labelled sequences: tables of texts, .ts files of series, folders of texts by class, lines of text.

X, y = read_files("reviews.csv")              columns text and label
X, y = read_files("GunPoint_TRAIN.ts")        series and their classes
X, y = read_files("names/")                   names/Greek.txt: a class, one example a line; or names/Greek/: a file each
X, y = read_files("lines.txt")                a text a line, "" for a blank one; without labels: y is None
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import DataError
from recurra.paths import walk
from recurra.tasks.files import lines_of, text_of
from recurra.tasks.sequences import files


def read_files(
    paths: str | Path | Sequence[str | Path], text_column: str = "text", label_column: str = "label"
) -> tuple[list[Any], np.ndarray | None]:
    """Sequences and labels of one or several sources, of one kind: `X, y = read_files("reviews.csv")`.

    paths: .csv and .tsv files (UTF-8, the first row names the columns); .ts files; folders; other files, or `-` for standard
        input, with a text a line; a blank line stays, as "", so that each line has its number.
    text_column, label_column: of tables.

    Returns X, texts or arrays (steps, features), and y, (sequences,) of str, or None where the sources have no labels.
    DataError, with the place, where a source is missing, empty, not as expected, or of another kind than the first one.
    """

    def table(path: Path) -> tuple[list[str], list[str] | None]:
        X, cells = files.table_of(path, text_column, [label_column], _label)
        return X, cells and [label for (label,) in cells]

    readers = {"table": table, ".ts": files.read_ts, "folder": _folder}
    X, y = files.read_sources(paths, readers)
    return X, None if y is None else np.array(y, dtype=str)


def _label(cell: str, where: str) -> str:
    if not cell:
        raise DataError(f"{where}: the label is empty; leave the row out")
    return cell


def _folder(folder: Path) -> tuple[list[str], list[str]]:
    """A class each subfolder, an example each file; or a class each file, an example each line."""
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    classes = [entry for entry in entries if entry.is_dir()]
    pairs = _files(classes) if classes else _lines([entry for entry in entries if entry.is_file()])
    texts, labels = [], []
    for text, label in pairs:
        if text.strip():
            texts.append(text)
            labels.append(label)
    return texts, labels


def _files(folders: list[Path]) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for file in walk(folder):
            yield text_of(file), folder.name


def _lines(files: list[Path]) -> Iterator[tuple[str, str]]:
    for file in files:
        for line in lines_of(text_of(file)):
            yield line.strip(), file.stem
