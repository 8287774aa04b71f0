"""Which column of a table holds the texts, and which what is to be learned of them, where they are called otherwise and nobody
says so."""

from collections.abc import Callable, Sequence
from pathlib import Path

from recurra.paths import expanded
from recurra.tasks import dialect
from recurra.tasks.files import TABLES, read_table

_LOOKED_AT = 1000  # rows of a table


def names(
    paths: Sequence[str | Path],
    given: tuple[str | None, str | None],
    usual: tuple[str, str],
    may_be: Callable[[Sequence[str], Sequence[str]], bool],
) -> tuple[tuple[str, str], dict[str, str]]:
    """The columns of texts and of what is known of them, and by their usual names those that were found in the first table.

    given: those that the user named. may_be: whether cells can be what is known of the others, `labels` or `amounts`.
    """
    chosen = tuple(one or other for one, other in zip(given, usual, strict=True))
    found = _found(expanded(paths[0]), *chosen, may_be) if paths and None in given else {}
    if any(one in found for one in given):  # a name that is not there: the reader names those that are
        found = {}
    return tuple(found.get(name, name) for name in chosen), found


def has(paths: Sequence[str | Path], column: object) -> bool:
    """Whether the first of the paths is a table with such a column."""
    path = expanded(paths[0]) if paths else Path()
    return path.suffix.lower() in TABLES and path.is_file() and column in read_table(path, most=1)[0]


def _found(path: Path, text: str, known: str, may_be: Callable[[Sequence[str], Sequence[str]], bool]) -> dict[str, str]:
    """The columns of a table of one or two that have other names: {"text": "Review", "label": "Rating"}.

    {} for any other source, for a table of more columns, and where either column may be either: then the user has to say it.
    """
    if path.suffix.lower() not in TABLES or not path.is_file():
        return {}
    columns, rows = read_table(path, most=_LOOKED_AT)
    if len(columns) > 2 or len(set(columns)) < len(columns) or not rows:
        return {}
    if len(columns) == 1:
        return {} if columns[0] == text else {text: columns[0]}
    if known in columns:
        return {} if text in columns else {text: next(name for name in columns if name != known)}
    cells = list(zip(*[row for _, row in rows], strict=True))
    learned = [name for name, *both in zip(columns, cells, cells[::-1], strict=True) if name != text and may_be(*both)]
    if len(learned) != 1:
        return {}
    other = next(name for name in columns if name != learned[0])
    return {known: learned[0]} | ({} if other == text else {text: other})


def labels(cells: Sequence[str], others: Sequence[str]) -> bool:
    """Whether cells can be labels of the others: none is empty, and each has two rows or more in the mean, and two others."""
    return all(cells) and len(set(cells)) * 2 <= min(len(cells), len(set(others)))


def amounts(cells: Sequence[str], others: Sequence[str]) -> bool:
    """Whether cells are numbers, none of them empty, that do more than count the rows."""
    return all(map(dialect.is_amount, cells)) and not _counting(cells)


def _counting(cells: Sequence[str]) -> bool:
    """Whether cells are whole numbers, each one more than the one above it."""
    if len(cells) < 3 or not all(cell.strip().isdecimal() for cell in cells):
        return False
    numbers = list(map(int, cells))
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))
