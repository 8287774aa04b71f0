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
_STATED = re.compile(rf'"?sep=([{"".join(PARTS)}])"?\s*', re.IGNORECASE)
_LINES = 100  # of a file, that are looked at
_CURRENCY = r"([$€£¥]|USD|EUR|GBP|CHF)?"
_SPACES = "'’ \u00a0\u202f"  # what else parts thousands
# A sign, an amount, and its currency or per cent, before or behind it. Bookkeepers write -5 as (5) or 5-.
_AMOUNT = re.compile(
    rf"([-+−(]?)\s*{_CURRENCY}\s*([-+−]?)([\d.,](?:[\d.,{_SPACES}]*\d)?)([eE][-+]?\d+)?"
    rf"\s*{_CURRENCY}(%?)\s*([-−)]?)"
)
_LONGEST = 50  # characters of an amount; a text of many spaces takes the pattern long
_SIGNS = {"": "", "+": "", "-": "-", "−": "-", "()": "-"}
POINT, COMMA = ".", ","
_FORMS = {
    POINT: re.compile(rf"([1-9]\d{{0,2}}(?:[,{_SPACES}]\d{{3}})+|\d+)?(\.\d+)?"),
    COMMA: re.compile(rf"([1-9]\d{{0,2}}(?:[.{_SPACES}]\d{{3}})+|\d+)?(,\d+)?"),
}
"""An amount whose decimals are behind a point, or a comma."""
_THOUSANDS = re.compile(r"\s*[-+]?[1-9]\d{0,2}\.\d{3}\s*")


def part(usual: str, lines: Sequence[str]) -> str:
    """What parts the cells of a table: what its first lines say, or what is in all of them, equally often outside quotes.

    Where nothing is, what parts the first one, so that the others are reported; the usual one before others.
    """
    lines = [line for line in lines if line.strip()][:_LINES]
    ways = [stated(lines)] if stated(lines) else [one for one in PARTS if _cells(lines, one) > 1]
    ways += [one for one in (usual, *PARTS) if _cells(lines[:1], one) > 1]
    return ways[0] if ways else usual


def stated(lines: Sequence[str]) -> str | None:
    """What a first line `sep=;` says that parts the cells; it is no row of the table."""
    match = _STATED.fullmatch(lines[0]) if lines else None
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

    Cells parted by commas have decimals behind a point, unless one in quotes shows a comma: who writes a decimal comma parts
    cells by semicolons. Between those 1.234 may be a thousand; elsewhere a program wrote it.
    """
    shown = set()
    for cells in columns:
        if delimiter == "," and not any("," in one for one in cells):
            continue
        amounts = [_amount(one) for one in cells if one.strip()]
        fits = _fitting(amounts) if all(amounts) else []
        if len(fits) == 1 and any(re.search(r"[.,]", match[4]) for match in amounts):
            shown.add(fits[0])
        elif delimiter not in ",;" and _may_be_thousands(cells):
            shown.add(POINT)
    if delimiter == ",":
        return None if COMMA in shown else POINT
    return COMMA if COMMA in shown else POINT if shown else None


def plain(cells: Sequence[str], what: str, decimal: str | None = None) -> list[str] | None:
    """Cells of a column as Python writes numbers; those that it could read already stay. None where one is no number.

    decimal: what decimals stand behind in the table, where that is known. what: the column, for messages. DataError if both
    could be meant, as 1,234 alone is a thousand or one and a bit, and for amounts of several units.
    """
    if decimal != COMMA and all(not one.strip() or is_number(one) for one in cells):
        if decimal is None and _may_be_thousands(cells):
            odd = next(one for one in cells if "." in one).strip()
            raise _of_two(what, odd, odd.replace(".", ""), odd)
        return list(cells)
    amounts = [_amount(one) if one.strip() else None for one in cells]
    if any(match is None and one.strip() for match, one in zip(amounts, cells, strict=True)):
        return None
    _one_unit(amounts, what)
    fits = _fitting([match for match in amounts if match])
    fits = [decimal] if decimal in fits else fits
    found = [[_number(match, form) if match else "" for match in amounts] for form in fits]
    if len(found) == 2 and found[0] != found[1]:
        odd = next(one for one, a, b in zip(cells, *found, strict=True) if a != b)
        raise _of_two(what, odd, *sorted((_number(_amount(odd), form) for form in fits), key=lambda one: "." in one))
    return found[0] if found else None


def _of_two(what: str, cell: str, whole: str, parts: str) -> DataError:
    """The error for a cell that is two numbers. With a fourth digit behind the point it is one."""
    return DataError(
        f"{what} has {cell!r}, which is {whole} or {parts}, and no other cell says which; write {whole} or {parts}0"
    )


def _one_unit(amounts: Sequence[re.Match | None], what: str) -> None:
    """DataError for amounts in two currencies, or some of them in per cent."""
    cells = {match[2] or match[6] or match[7]: match[0] for match in amounts if match}
    if "%" not in cells:
        cells.pop("", None)  # a currency may stand in the first cell alone
    if len(cells) > 1:
        a, b = list(cells.values())[:2]
        raise DataError(f"{what} has {a!r} and {b!r}, which are in two units; write all cells in one")


def is_amount(text: str) -> bool:
    """Whether a cell is a number, as people write them."""
    match = _amount(text)
    return bool(match and _fitting([match])) or is_number(text)


def _amount(text: str) -> re.Match | None:
    """A cell as an amount with one sign and one unit at most."""
    text = text.strip()
    match = _AMOUNT.fullmatch(text) if len(text) <= _LONGEST else None
    single = match and sum(map(bool, match.group(2, 6, 7))) < 2 and "".join(match.group(1, 3, 8)) in _SIGNS
    return match if single else None


def _may_be_thousands(cells: Sequence[str]) -> bool:
    """Whether there are points, and each may part thousands: all have three digits behind them, and none a 0 before it."""
    pointed = [one for one in cells if "." in one]
    return bool(pointed) and all(map(_THOUSANDS.fullmatch, pointed))


def _fitting(amounts: Sequence[re.Match]) -> list[str]:
    """What decimals may stand behind in all of these."""
    return [form for form, pattern in _FORMS.items() if all(pattern.fullmatch(match[4]) for match in amounts)]


def _number(match: re.Match, decimal: str) -> str:
    sign = _SIGNS["".join(match.group(1, 3, 8))]
    whole = re.sub(rf"[^\d{re.escape(decimal)}]", "", match[4])
    return sign + whole.replace(decimal, ".") + (match[5] or "")


def is_number(text: str) -> bool:
    """Whether Python reads a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
