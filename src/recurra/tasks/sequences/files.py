"""Files of sequences and what is known of each: tables, .ts files of series, folders of texts by class, lines of text."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import DataError, nearest, setting
from recurra.paths import expanded
from recurra.tasks import dialect
from recurra.tasks.files import TABLES, lines_of, parted_by, place, read_table, text_of

Parse = Callable[[str, str], Any]
"""A cell of a label or a target, and its place for messages → what it says. DataError."""


def read_sources(
    paths: str | Path | Sequence[str | Path], readers: dict[str, Callable[[Path], tuple[list[Any], list[Any] | None]]]
) -> tuple[list[Any], list[Any] | None]:
    """Sequences of one or several sources, of one kind, and what is known of each, or None if nothing is.

    readers: by the ending of a file; "table" reads .csv and .tsv, "folder" folders. All others, and `-`, standard input, hold
    a text a line; a blank line stays, as "", so that each line has its number.
    DataError, with the place, where a source is missing, empty, not as expected, or of another kind than the first one.
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    X, known = [], []
    for path in map(expanded, paths):
        found, y = _read(path, readers)
        if not any(len(one) for one in found):
            raise DataError(f"{place(path)} holds no sequences")
        if X and isinstance(found[0], str) != isinstance(X[0], str):
            raise DataError(f"{path} holds {'texts' if isinstance(found[0], str) else 'numbers'}, unlike {paths[0]}")
        X += found
        known.append(y)
    if any(y is None for y in known) and not all(y is None for y in known):
        raise DataError(f"{paths[[y is None for y in known].index(True)]} has no labels, but other sources have")
    return X, None if known[0] is None else [one for y in known for one in y]


def _read(path: Path, readers: dict[str, Callable]) -> tuple[list[Any], list[Any] | None]:
    if str(path) != "-" and not path.exists():
        beside = [str(other) for other in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = f"; {nearest(path, beside)}" if beside and "mean" in nearest(path, beside) else ""
        raise DataError(f"there is no file {path}{hint}")
    suffix = path.suffix.lower()
    kind = "folder" if path.is_dir() else "table" if suffix in TABLES else suffix
    if kind in readers:
        return readers[kind](path)
    if kind == "folder":
        raise DataError(f"{path} is a folder; name its files")
    return [line.strip() for line in lines_of(text_of(path))], None


def table_of(
    path: Path, column: str, known: Sequence[str], parse: Parse, *, series: bool = False, amounts: bool = False
) -> tuple[list[Any], list[list[Any]] | None]:
    """The sequences in a column of a table, and of each the cells of other columns, or None if the table has none of them.

    known: those columns. series: the sequences are numbers, not texts: steps parted by commas or spaces, features by colons,
    `?` for a missing value. amounts: the other columns are numbers, as people write them (`dialect.plain`).
    """
    columns, rows = read_table(path)
    there = [name for name in known if name in columns]
    learned = setting("target_column", python="target_columns") if amounts else setting("label_column")
    for name in (column, *(known if there else ())):
        if name not in columns:
            other = learned if name != column else setting("series_column" if series else "text_column")
            raise DataError(f"{path} has no column {name!r}; its columns: {', '.join(columns)}; name one with {other}")
    if amounts:
        _amounts(path, columns, rows, there)
    X, cells = [], []
    for line, row in rows:
        where, content = f"{path}, line {line}", row[columns.index(column)]
        if not content.strip():
            raise DataError(f"{where}: the {'series' if series else 'text'} is empty; leave the row out")
        parts = [re.sub(r"\s*,\s*|\s+", ",", part.strip()) for part in content.split(":")] if series else []
        X.append(_series(parts, where) if series else content)
        cells.append([parse(row[columns.index(name)].strip(), where) for name in there])
    return X, cells if there else None


def _amounts(path: Path, columns: list[str], rows: list[tuple[int, list[str]]], names: list[str]) -> None:
    """Put numbers as Python writes them in the place of the cells of some columns."""
    cells = {name: [row[columns.index(name)] for _, row in rows] for name in names}
    decimal = dialect.point(list(cells.values()), parted_by(path, text_of(path)))
    for name, column in cells.items():
        found = dialect.plain(column, f"{path}: the column {name!r}", decimal)
        for (_, row), number in zip(rows, found or [], strict=False):
            row[columns.index(name)] = number


def read_ts(
    path: str | Path, parse: Parse = lambda cell, where: cell, *, target: bool = False
) -> tuple[list[np.ndarray], list[Any] | None]:
    """Series of a .ts file, (steps, features) float64 each, and their labels, or None: `X, y = read_ts("GunPoint_TRAIN.ts")`.

    A case a line, features separated by `:`, values by `,`, then the label where the header says `@classLabel true`, or
    with `target` the number where it says `@targetLabel true`; the format of the UEA and UCR archive (Bagnall et al. 2018,
    arXiv:1811.00075). Features of one case have one length. parse: what a label or a number says; default the text itself.
    A missing value is `?` or NaN. DataError, with the line, for time stamps, and all else that is not as the header says.
    """
    path, tags = Path(path), ("@targetlabel", "@classlabel") if target else ("@classlabel", "@targetlabel")
    wrong = (
        "the label is a class, not a number; a regressor has nothing to learn there"
        if target
        else "the target is a number, not a class; a classifier has nothing to learn there"
    )
    labelled, data, X, y = False, False, [], []
    for number, line in enumerate(lines_of(text_of(path)), 1):
        line, where = line.strip(), f"{path}, line {number}"
        if not line or line.startswith(("#", "%")):
            continue
        if not data:
            tag, *values = line.lower().split()
            if not tag.startswith("@"):
                raise DataError(f"{where}: {line[:40]!r}; expected a header, such as @classLabel true a b, up to @data")
            if tag == "@timestamps" and values[:1] == ["true"]:
                raise DataError(f"{where}: the series have time stamps, which are not read; write values alone")
            if tag in tags and values[:1] == ["true"]:
                if tag != tags[0]:
                    raise DataError(f"{where}: {wrong}")
                labelled = True
            data = tag == "@data"
            continue
        features = line.split(":")
        if labelled:
            y.append(parse(features.pop().strip(), where))
        X.append(_series(features, where))
        if X[-1].shape[1] != X[0].shape[1]:
            raise DataError(f"{where}: {X[-1].shape[1]} features; expected {X[0].shape[1]}, as in the first case")
    if not data:
        raise DataError(f"{path} has no line @data; is it a .ts file, and whole?")
    return X, y if labelled else None


def _series(features: list[str], where: str) -> np.ndarray:
    try:
        # NaN for a value that is missing, "?".
        columns = [np.array(feature.replace("?", "nan").split(","), np.float64) for feature in features]
    except ValueError:
        values = (value.strip() for feature in features for value in feature.split(","))
        wrong = next(value for value in values if value != "?" and not dialect.is_number(value))
        raise DataError(f"{where}: {wrong[:40]!r} is no number") from None
    lengths = {len(column) for column in columns}
    if not columns or len(lengths) > 1:
        raise DataError(f"{where}: features of {sorted(lengths)} steps; expected one length, and at least one feature")
    return np.stack(columns, 1)
