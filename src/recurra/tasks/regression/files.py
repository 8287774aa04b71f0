"""Files of sequences and numbers: tables of texts or series, and .ts files with a target.

X, y = read_files("flats.csv", target_columns=["price"])                      columns text and price
X, y = read_files("wells.csv", series_column="flow", target_columns=["oil"])  flow: "1.5 2 2.5"; features parted by colons
X, y = read_files("AppliancesEnergy_TRAIN.ts")                                series, where the header says @targetLabel true
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import DataError
from recurra.tasks.sequences import files


def read_files(
    paths: str | Path | Sequence[str | Path],
    text_column: str = "text",
    series_column: str | None = None,
    target_columns: Sequence[str] = ("target",),
) -> tuple[list[Any], np.ndarray | None]:
    """Sequences and targets of one or several sources, of one kind: `X, y = read_files("flats.csv")`.

    paths: .csv and .tsv files (UTF-8, the first row names the columns), .ts files; other files, or `-` for standard input, with
        a text a line. text_column, series_column, target_columns: of tables.

    Returns X, texts or arrays (steps, features), and y, (sequences,) or with several columns (sequences, targets) float64, or
    None if the sources have none. DataError, with the place, as in `files.read_sources`, and for what is no number.
    """
    column, series = series_column or text_column, series_column is not None

    def table(path: Path) -> tuple[list[Any], list[Any] | None]:
        return files.table_of(path, column, target_columns, _number, series=series, amounts=True)

    readers = {"table": table, ".ts": lambda path: files.read_ts(path, lambda *cell: [_number(*cell)], target=True)}
    X, y = files.read_sources(paths, readers)
    if y is None:
        return X, None
    targets = np.array(y)
    return X, targets[:, 0] if targets.shape[1] == 1 else targets


def _number(cell: str, where: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{where}: the target {cell[:40]!r} is no number; mend it, or leave the row out")
    return number
