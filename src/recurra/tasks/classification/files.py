"""Files of labelled sequences: tables of texts, .ts files of series, folders of texts by class, lines of text.

X, y = read_files("reviews.csv")              columns text and label
X, y = read_files("GunPoint_TRAIN.ts")        series and their classes
X, y = read_files("names/")                   names/Greek.txt: a class, one example a line; or names/Greek/: a file each
X, y = read_files("lines.txt")                a text a line, "" for a blank one; without labels: y is None
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import DataError
from recurra.paths import walk, warn_left_out
from recurra.tasks.files import lines_of, text_of
from recurra.tasks.sequences import files


def read_files(
    paths: str | Path | Sequence[str | Path], text_column: str = "text", label_column: str = "label"
) -> tuple[list[Any], np.ndarray | None]:
    """Sequences and labels of one or several sources, of one kind: `X, y = read_files("reviews.csv")`.

    paths: .csv and .tsv files (UTF-8, the first row names the columns); .ts files; folders; other files, or `-` for standard
        input, with a text a line; a blank line stays, as "", so that each line has its number.
    text_column, label_column: of tables.

    Returns X, texts or arrays (steps, features), and y, (sequences,) of str, or None if the sources have no labels.
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
    skipped: Counter[str] = Counter()
    files = walk(folder, skipped)
    inside = [file for file in files if file.parent != folder]
    if inside:
        skipped["beside the folders of the classes"] += len(files) - len(inside)
    pairs = [pair for pair in (_whole(folder, inside) if inside else _lines(files)) if pair[0].strip()]
    if inside:
        skipped["empty"] += len(inside) - len(pairs)
    warn_left_out(folder, +skipped)
    return [text for text, _ in pairs], [label for _, label in pairs]


def _whole(folder: Path, files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for file in files:
        yield text_of(file), file.relative_to(folder).parts[0]


def _lines(files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for file in files:
        for line in lines_of(text_of(file)):
            yield line.strip(), file.stem
