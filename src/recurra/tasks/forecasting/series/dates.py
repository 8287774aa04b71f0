"""Dates as people write them → ISO 8601: `iso(["1/31/2024", "2/1/2024"], "the column 'Date'")` → ["2024-01-31", "2024-02-01"].

Where day and month can be taken for each other, the stamps decide: those of a column follow each other at regular steps.
"""

import contextlib
import datetime
import re
from collections.abc import Callable, Sequence

import numpy as np

from recurra.errors import DataError
from recurra.tasks.forecasting.series import finding

_DAYS = (
    ("day.month.year", "%d.%m.%Y"),
    ("day/month/year", "%d/%m/%Y"),
    ("month/day/year", "%m/%d/%Y"),
    ("day-month-year", "%d-%m-%Y"),
    ("month-day-year", "%m-%d-%Y"),
    ("year/month/day", "%Y/%m/%d"),
    ("year.month.day", "%Y.%m.%d"),
    ("day.month.year", "%d.%m.%y"),
    ("day/month/year", "%d/%m/%y"),
    ("month/day/year", "%m/%d/%y"),
    ("year.month.day", "%y.%m.%d"),
    ("year/month/day", "%y/%m/%d"),
    ("day month year", "%d %b %Y"),
    ("day month year", "%d %B %Y"),
    ("day-month-year", "%d-%b-%Y"),
    ("day-month-year", "%d-%b-%y"),
    ("month day, year", "%b %d, %Y"),
    ("month day, year", "%B %d, %Y"),
)
# Not month.year: 1.2024 is a number.
_MONTHS = (("month/year", "%m/%Y"), ("month year", "%b %Y"), ("month year", "%B %Y"))
_MONTHS += (("year/month", "%Y/%m"), ("month-year", "%b-%Y"), ("month-year", "%b-%y"), ("year month", "%Y %b"))
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_QUARTER = re.compile(r"(\d{4})[-\s]?Q([1-4])|Q([1-4])[-/\s]?(\d{4})", re.IGNORECASE)
_CENTURY = 2030  # two digits are years before it, as spreadsheets have it: 29 is 2029, and 30 is 1930
_DENSE = 0.5  # of the steps between the first and the last stamp: so many must be there in the right reading


def iso(cells: Sequence[str], what: str) -> list[str] | None:
    """The cells as ISO 8601 writes them, or None where they have none of the forms known here.

    DataError if two forms fit, and either both or neither give regular steps.
    """
    listed = list(dict.fromkeys(one.strip() for one in cells))
    if not listed:
        return None
    readings = {}
    for name, read, written in _forms():
        found = _read(listed, read)
        if found is not None:
            readings.setdefault(tuple(found), (name, [written(one) for one in found]))
    if len(readings) > 1:
        dense = {found: reading for found, reading in readings.items() if _dense(found)}
        readings = dense if len(dense) == 1 else readings
    if not readings:
        return None
    if len(readings) > 1:
        (first, a), (second, b) = list(readings.values())[:2]
        odd = next(k for k, (one, other) in enumerate(zip(a, b, strict=True)) if one != other)
        raise DataError(
            f"{what} has {listed[odd]!r}, which is {a[odd]} as {first} and {b[odd]} as {second}; write dates as {a[odd]}"
        )
    [(_, written)] = readings.values()
    by_cell = dict(zip(listed, written, strict=True))
    return [by_cell[one.strip()] for one in cells]


def reach(cells: Sequence[str]) -> int:
    """How many cells one of the forms reads before the first that it does not."""
    counts = [0]
    for _, read, _ in _forms():
        counts.append(0)
        with contextlib.suppress(ValueError):
            for cell in cells:
                read(cell.strip())
                counts[-1] += 1
    return max(counts)


def _forms():
    """Each form's name, how a cell is read, and how it is written: down to what it says."""
    yield "quarter", _quarter, lambda one: f"{one:%Y-%m}"
    for name, form in _MONTHS:
        yield name, _by(form), lambda one: f"{one:%Y-%m}"
    for clock in _CLOCKS:
        for name, form in _DAYS:
            yield (
                name,
                _by(form + clock),
                (lambda one: f"{one:%Y-%m-%d %H:%M:%S}") if clock else lambda one: f"{one:%Y-%m-%d}",
            )


def _by(form: str) -> Callable[[str], datetime.datetime]:
    def read(cell: str) -> datetime.datetime:
        found = datetime.datetime.strptime(cell, form)
        return found.replace(year=found.year - 100) if "%y" in form and found.year >= _CENTURY else found

    return read


def _quarter(cell: str) -> datetime.datetime:
    match = _QUARTER.fullmatch(cell)
    if not match:
        raise ValueError(cell)
    year, quarter = (match[1], match[2]) if match[1] else (match[4], match[3])
    return datetime.datetime(int(year), 3 * int(quarter) - 2, 1)


def _read(cells: list[str], read: Callable[[str], datetime.datetime]) -> list[datetime.datetime] | None:
    try:
        return [read(cell) for cell in cells]
    except ValueError:
        return None


def _dense(found: tuple[datetime.datetime, ...]) -> bool:
    stamps = np.unique(np.array(found, "datetime64[ns]"))
    try:
        places, off = finding.find([stamps]).positions(stamps, stamps[0])
    except DataError:
        return False
    return not off.any() and len(stamps) > _DENSE * (places[-1] - places[0] + 1)
