"""Labels of clips as users have them → a row for each clip; and tables of them, found by the clips' names."""

from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import DataError, DtypeError, ShapeError
from recurra.tasks.files import read_table
from recurra.tasks.video.clips import named
from recurra.text.forms import composed, composed_label


def check_labels(labels: Any, count: int, name: str = "clips") -> tuple[list[tuple], list[str]]:
    """Labels as one tuple for each of so many clips, of Python's own numbers and texts; and what each place of it is called.

    labels: a label each, or a row of labels each: a list, an array (clips, labels), a dict or a table of columns by name.
    name: of the argument with the clips. DataError, DtypeError, ShapeError.
    """
    rows = _rows(labels)
    if len(rows) != count:
        raise ShapeError(f"`{name}` has {count} clips, but there are {len(rows)} labels; expected one for each clip")
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ShapeError(f"clip {number} has {len(row)} labels, but the first has {len(rows[0])}")
        if any(label is None or label != label for label in row):
            raise DataError(f"the label of clip {number} is missing; leave the clip out, or give it one")
        if strange := [label for label in row if not isinstance(label, str | int | float)]:
            raise DtypeError(f"the label of clip {number} is {strange[0]!r}; expected a text or a number")
    return rows, _columns(labels, len(rows[0]))


def _rows(labels: Any) -> list[tuple]:
    if isinstance(labels, dict):
        counts = {name: len(column) for name, column in labels.items()}
        if len(set(counts.values())) > 1:
            raise ShapeError(f"the columns of `labels` have {counts} labels; expected one for each clip in all of them")
        labels = list(zip(*labels.values(), strict=True))
    if hasattr(labels, "to_numpy"):
        labels = labels.to_numpy()
    if hasattr(labels, "detach"):
        labels = labels.detach().cpu().numpy()
    if not hasattr(labels, "__len__"):
        raise DataError(f"`labels` is {labels!r}; expected a label, or a row of labels, for each clip")
    if not isinstance(labels, np.ndarray):
        labels = [one.item() if hasattr(one, "item") else one for one in labels]
    rows = labels.tolist() if isinstance(labels, np.ndarray) else labels
    rows = [tuple(row) if isinstance(row, list | tuple) else (row,) for row in rows]
    return [tuple(composed_label(one.item() if hasattr(one, "item") else one) for one in row) for row in rows]


def _columns(labels: Any, count: int) -> list[str]:
    if isinstance(labels, dict) or hasattr(labels, "columns"):
        return [str(column) for column in (labels if isinstance(labels, dict) else labels.columns)]
    return ["label"] if count == 1 else [f"label {k + 1}" for k in range(count)]


def read_labels(file: str | Path, clips: Any) -> dict[str, list[str]]:
    """The columns of a table, a row for each clip: matched by its path or the end of it, its name, or that without ending.

    file: .csv or .tsv; its first column is the clip's name, each other one a label. clips: paths, as `read_clips` takes them.
    DataError if a clip has no row, or it is not clear which.
    """
    file = Path(file)
    header, known = _table(file)
    rows, clip_of = [], {}
    for name in named(clips, "clips"):
        path = Path(name)
        ends = ("/".join(path.parts[start:]) for start in range(len(path.parts)))
        key = next((key for key in map(composed, (name, *ends, path.stem)) if key in known), None)
        if key is None:
            raise DataError(
                f"{file} has no row for {path.name} with {len(header) - 1} labels; its first column is the clip's name"
            )
        other = clip_of.setdefault(key, name)
        if other != name:
            raise DataError(
                f"{file}, line {known[key][0]}: {key!r} may be {other} or {name}; give each a row of its own, with its path"
            )
        rows.append(known[key][1])
    return dict(zip(header[1:], map(list, zip(*rows, strict=True)), strict=True))


def _table(file: Path) -> tuple[list[str], dict[str, tuple[int, list[str]]]]:
    """The header, and the line and labels of each clip's name. DataError for what would be lost or guessed."""
    header, rows = read_table(file)
    if len(header) < 2:
        raise DataError(f"{file} has one column, {header[0]!r}; expected a clip's name, then one or more labels")
    if not all(header[1:]) or len(set(header[1:])) < len(header) - 1:
        raise DataError(f"{file}, line 1: {', '.join(header)}; expected a name of its own over each column of labels")
    known: dict[str, tuple[int, list[str]]] = {}
    for line, (name, *labels) in rows:
        if not name.strip():
            raise DataError(f"{file}, line {line}: the row names no clip; expected {header[0]!r} first")
        empty = next((column for column, label in zip(header[1:], labels, strict=True) if not label.strip()), None)
        if empty is not None:
            raise DataError(
                f"{file}, line {line}: {name} has nothing under {empty!r}; fill it in, or drop row and clip"
            )
        first, others = known.setdefault(composed(name), (line, labels))
        if others != labels:
            raise DataError(
                f"{file} has two rows for {name}, in lines {first} and {line}, that differ; drop one of them"
            )
    return header, known
