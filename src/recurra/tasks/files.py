"""Text files of examples: whole, by line, and as tables of named columns."""

import csv
import io
import sys
from pathlib import Path
from shlex import quote

from recurra import files
from recurra.data.documents import MARKS
from recurra.errors import DataError
from recurra.tasks import dialect

_HEAD = 2**16  # characters at the beginning of a table that show what parts its cells
_NAMES = {",": "a comma", ";": "a semicolon", "|": "a bar"}
_SHORT = 16  # characters, of which a line `sep=;` has fewer
TABLES = {".csv": ",", ".tsv": "\t"}
"""Endings of tables, and what parts their cells."""


def place(path: str | Path) -> str:
    """What a source is called in a message."""
    return "standard input" if str(path) == "-" else str(path)


def bytes_of(path: str | Path) -> bytes:
    """What is in a file, or comes through standard input (-). DataError if it is unreadable."""
    if str(path) != "-":
        with files.source(path) as file:
            return file.read()
    try:
        # Not as text: that comes in the encoding of the terminal, and what does not fit is let through.
        return sys.stdin.buffer.read()
    except OSError as error:
        raise DataError(f"standard input cannot be read: {error.strerror}") from error


def text_of(path: Path) -> str:
    """A file as text, or - for standard input: UTF-8, or the wider form that its mark says.

    DataError if it is unreadable or in another encoding.
    """
    data = bytes_of(path)
    encoding = marked(data) or "utf-8-sig"
    try:
        return data.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start} is 0x{error.object[error.start]:02X}"
        is_not = encoding.removesuffix("-sig").upper()
        raise DataError(f"{place(path)} is not {is_not}: {wrong}; convert it{_conversion(path, is_not)}") from error


def marked(data: bytes) -> str | None:
    """The encoding, wider than UTF-8, that a byte-order mark at the beginning of a file says."""
    return next((encoding for mark, encoding in MARKS.items() if data.startswith(mark)), None)


def _conversion(path: str | Path, encoding: str) -> str:
    """A command that converts what most often is not UTF-8."""
    if encoding != "UTF-8" or str(path) == "-":
        return ""
    path = Path(path)
    made = path.with_name(f"{path.stem}-utf8{path.suffix}")
    return f", for example with  iconv -f windows-1252 -t utf-8 {quote(str(path))} > {quote(str(made))}"


def lines_of(text: str) -> list[str]:
    """The lines of a text, as other programs count them: `lines_of("a\\n\\nb\\n")` → ["a", "", "b"].

    Not str.splitlines, to which a form feed or U+2028 within a line ends it too.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def parted_by(path: Path, text: str) -> str:
    """What parts the cells of a table: by its ending, or by its first lines where these show something else."""
    lines = dialect.first_lines(text[:_HEAD], cut=len(text) > _HEAD)
    return dialect.part(TABLES.get(path.suffix.lower(), ","), lines)


def read_table(path: Path, most: int | None = None) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The columns of a table, by its first row, and the line and cells of each row that is not blank.

    A .tsv file is parted by tabs, others by commas, unless something else parts all lines alike (`dialect.part`). Between
    commas, a cell in quotes may hold commas and line breaks (RFC 4180); between tabs or bars a quote is a quote.

    most: rows to read; default all of them.
    DataError, with the line, for a quote without its end and for rows of another length: cells would be lost.
    """
    text = text_of(path)
    delimiter = parted_by(path, text)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quoting=dialect.quoting(delimiter), strict=True
    )
    rows, line = [], 1
    # A text may be as long as it likes. The limit is one for the whole program, so that it is put back.
    limit = csv.field_size_limit(2**31 - 1)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((line, row))
            if most and len(rows) > most:
                break
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {line}: a quotation mark has no end, or something after it ({error})") from error
    finally:
        csv.field_size_limit(limit)
    if dialect.stated(text[:_SHORT].splitlines()):
        rows = rows[1:]
    if not rows:
        raise DataError(f"{path} is empty; expected a first row that names the columns")
    (_, columns), *rows = rows
    for line, row in rows:
        if len(row) != len(columns):
            more = len(row) > len(columns) and delimiter in _NAMES
            hint = f"; quote a cell that holds {_NAMES[delimiter]}" if more else ""
            raise DataError(
                f"{path}, line {line}: {len(row)} cells; expected {len(columns)}, as in the first row{hint}"
            )
    return [column.strip() for column in columns], rows
