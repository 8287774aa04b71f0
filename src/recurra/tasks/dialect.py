"""Tables as people write them: what parts their cells, and numbers with a decimal comma, parted thousands or a currency.

part(",", lines)                     ";" where every line has as many cells so, and more than one
plain(["1.006,72", "950,00"])        ["1006.72", "950.00"]
"""

import contextlib
import csv
import io
import re
from collections.abc import Sequence

from recurra.errors import DataError

PARTS = ("\t", ";", ",", "|")
"""What may part cells: first what is least likely within one."""
_SAID = re.compile(rf'"?sep=([{"".join(PARTS)}])"?\s*', re.IGNORECASE)
_LINES = 100  # of a file, that are looked at
_CURRENCY = r"(?:[$€£¥]|USD|EUR|GBP|CHF)"
# A sign, an amount, and its currency or per cent, before or behind it.
_AMOUNT = re.compile(rf"\s*([-+−]?)\s*{_CURRENCY}?\s*([-+−]?)([\d.,\s'’]*\d)([eE][-+]?\d+)?\s*(?:{_CURRENCY}|%)?\s*")
POINT, COMMA = ".", ","
_FORMS = {
    POINT: re.compile(r"([1-9]\d{0,2}(?:[,'’\s]\d{3})+|\d+)?(\.\d+)?"),
    COMMA: re.compile(r"([1-9]\d{0,2}(?:[.'’\s]\d{3})+|\d+)?(,\d+)?"),
}
"""An amount whose decimals are behind a point, or a comma."""


def part(usual: str, lines: Sequence[str]) -> str:
    """What parts the cells of a table: what its first lines say, or what is in all of them, equally often outside quotes.

    Where nothing is, what parts the first one, so that the others are reported; the usual one before others.
    """
    lines = [line for line in lines if line.strip()][:_LINES]
    ways = [said(lines)] if said(lines) else [one for one in PARTS if _cells(lines, one) > 1]
    ways += [one for one in (usual, *PARTS) if _cells(lines[:1], one) > 1]
    return ways[0] if ways else usual


def said(lines: Sequence[str]) -> str | None:
    """What a first line `sep=;` says that parts the cells; it is no row of the table."""
    match = _SAID.fullmatch(lines[0]) if lines else None
    return match[1] if match else None


def first_lines(text: str, *, cut: bool) -> list[str]:
    """The lines at the beginning of a table, as readers of tables count them. cut: the last one may be a part of a line."""
    lines = list(io.StringIO(text, newline=None))
    return lines[:-1] if cut and len(lines) > 1 else lines


def _cells(lines: Sequence[str], delimiter: str) -> int:
    """How many cells each line has; 0 where they differ."""
    counts = set()
    with contextlib.suppress(csv.Error):  # the first lines may end within quotes
        rows = csv.reader(lines, delimiter=delimiter, quoting=quoting(delimiter), strict=True)
        counts.update(len(row) for row in rows if row)
    return counts.pop() if len(counts) == 1 else 0


def quoting(delimiter: str) -> int:
    """How csv reads quotation marks: between tabs or bars they are part of a cell."""
    return csv.QUOTE_NONE if delimiter in ("\t", "|") else csv.QUOTE_MINIMAL


def point(columns: Sequence[Sequence[str]], delimiter: str = ",") -> str | None:
    """What decimals stand behind in a table: "," or "." where a column of numbers shows it, None where none does.

    Cells parted by commas have decimals behind a point, since who writes a decimal comma parts them by semicolons.
    """
    if delimiter == ",":
        return POINT
    shown = set()
    for cells in columns:
        amounts = [_AMOUNT.fullmatch(one) for one in cells if one.strip()]
        fits = _fitting(amounts) if all(amounts) else []
        if len(fits) == 1 and any(re.search(r"[.,]", match[3]) for match in amounts):
            shown.add(fits[0])
    return COMMA if COMMA in shown else POINT if shown else None


def plain(cells: Sequence[str], what: str, decimal: str | None = None) -> list[str] | None:
    """Cells of a column as Python writes numbers; those that it could read already stay. None where one is no number.

    decimal: what decimals stand behind in the table, where that is known. what: the column, for messages. DataError if both
    could be meant: 1,234 alone is a thousand or one and a bit.
    """
    if decimal != COMMA and all(not one.strip() or _is_number(one) for one in cells):
        return list(cells)
    amounts = [_AMOUNT.fullmatch(one) if one.strip() else None for one in cells]
    if any(match is None and one.strip() for match, one in zip(amounts, cells, strict=True)):
        return None
    fits = _fitting([match for match in amounts if match])
    fits = [decimal] if decimal in fits else fits
    found = [[_number(match, form) if match else "" for match in amounts] for form in fits]
    if len(found) == 2 and found[0] != found[1]:
        odd = next(one for one, a, b in zip(cells, *found, strict=True) if a != b)
        readings = " or ".join(_number(_AMOUNT.fullmatch(odd), form) for form in fits)
        raise DataError(f"{what} has {odd!r}, which is {readings}, and no other cell says which; write {readings}")
    return found[0] if found else None


def is_amount(text: str) -> bool:
    """Whether a cell is a number, as people write them."""
    match = _AMOUNT.fullmatch(text)
    return bool(match and _fitting([match])) or _is_number(text)


def _fitting(amounts: Sequence[re.Match]) -> list[str]:
    """What decimals may stand behind in all of these."""
    return [form for form, pattern in _FORMS.items() if all(pattern.fullmatch(match[3]) for match in amounts)]


def _number(match: re.Match, decimal: str) -> str:
    sign = "-" if {match[1], match[2]} & {"-", "−"} else ""
    whole = re.sub(rf"[^\d{re.escape(decimal)}]", "", match[3])
    return sign + whole.replace(decimal, ".") + (match[4] or "")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
