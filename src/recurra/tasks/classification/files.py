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

from recurra.config import nearest
from recurra.errors import DataError
from recurra.tasks.files import TABLES, lines_of, place, read_table, text_of


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
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    X, labels = [], []
    for path in map(Path, paths):
        found, y = _read(path, text_column, label_column)
        if not any(len(one) for one in found):
            raise DataError(f"{place(path)} holds no sequences")
        if X and isinstance(found[0], str) != isinstance(X[0], str):
            raise DataError(f"{path} holds {'texts' if isinstance(found[0], str) else 'numbers'}, unlike {paths[0]}")
        X += found
        labels.append(y)
    if any(y is None for y in labels) and not all(y is None for y in labels):
        raise DataError(f"{paths[[y is None for y in labels].index(True)]} has no labels, but other sources have")
    return X, None if labels[0] is None else np.concatenate([np.array(y, dtype=str) for y in labels])


def _read(path: Path, text_column: str, label_column: str) -> tuple[list[Any], list[str] | None]:
    if str(path) == "-":
        return [line.strip() for line in lines_of(text_of(path))], None
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        beside = [str(other) for other in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = f"; {nearest(path, beside)}" if beside and "mean" in nearest(path, beside) else ""
        raise DataError(f"there is no file {path}{hint}")
    if path.suffix.lower() == ".ts":
        return read_ts(path)
    if path.suffix.lower() in TABLES:
        return _table(path, text_column, label_column)
    return [line.strip() for line in lines_of(text_of(path))], None


def _table(path: Path, text_column: str, label_column: str) -> tuple[list[str], list[str] | None]:
    columns, rows = read_table(path)
    if text_column not in columns:
        raise DataError(f"{path} has no column {text_column!r}; its columns: {', '.join(columns)}")
    at, label_at = columns.index(text_column), columns.index(label_column) if label_column in columns else None
    texts, labels = [], []
    for line, row in rows:
        if not row[at].strip():
            raise DataError(f"{path}, line {line}: the text is empty; leave the row out")
        if label_at is not None and not row[label_at].strip():
            raise DataError(f"{path}, line {line}: the label is empty; leave the row out")
        texts.append(row[at])
        labels += [] if label_at is None else [row[label_at].strip()]
    return texts, None if label_at is None else labels


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
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.name.startswith("."):
                yield text_of(file), folder.name


def _lines(files: list[Path]) -> Iterator[tuple[str, str]]:
    for file in files:
        for line in lines_of(text_of(file)):
            yield line.strip(), file.stem


def read_ts(path: str | Path) -> tuple[list[np.ndarray], list[str] | None]:
    """Series and labels of a .ts file: `X, y = read_ts("JapaneseVowels_TRAIN.ts")`; X[0] is (steps, features) float32.

    A case a line, features separated by `:`, values by `,`, then the label where the header says `@classLabel true`; the
    format of the UEA and UCR archive (Bagnall et al. 2018, arXiv:1811.00075). Features of one case have one length.
    DataError, with the line, for missing values (`?`), time stamps, and whatever else is not as the header says.
    """
    path = Path(path)
    labelled, data, X, y = False, False, [], []
    for number, line in enumerate(lines_of(text_of(path)), 1):
        line, where = line.strip(), f"{path}, line {number}"
        if not line or line.startswith("#"):
            continue
        if not data:
            tag, *values = line.lower().split()
            if not tag.startswith("@"):
                raise DataError(f"{where}: {line[:40]!r}; expected a header, such as @classLabel true a b, up to @data")
            if tag == "@timestamps" and values[:1] == ["true"]:
                raise DataError(f"{where}: the series have time stamps, which are not read; write values alone")
            if tag == "@targetlabel" and values[:1] == ["true"]:
                raise DataError(
                    f"{where}: the target is a number, not a class; a classifier has nothing to learn there"
                )
            labelled |= tag == "@classlabel" and values[:1] == ["true"]
            data = tag == "@data"
            continue
        features = line.split(":")
        if labelled:
            y.append(features.pop().strip())
        X.append(_series(features, where))
        if X[-1].shape[1] != X[0].shape[1]:
            raise DataError(f"{where}: {X[-1].shape[1]} features; expected {X[0].shape[1]}, as in the first case")
    if not data:
        raise DataError(f"{path} has no line @data; is it a .ts file, and whole?")
    return X, y if labelled else None


def _series(features: list[str], where: str) -> np.ndarray:
    try:
        columns = [np.array(feature.split(","), np.float32) for feature in features]
    except ValueError:
        values = (value.strip() for feature in features for value in feature.split(","))
        wrong = next(value for value in values if not _is_number(value))
        what = "a value is missing (?); fill it" if wrong == "?" else f"{wrong[:40]!r} is no number"
        raise DataError(f"{where}: {what}") from None
    lengths = {len(column) for column in columns}
    if not columns or len(lengths) > 1:
        raise DataError(f"{where}: features of {sorted(lengths)} steps; expected one length, and at least one feature")
    return np.stack(columns, 1)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
