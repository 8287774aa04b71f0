"""Pairs made in code: dates in many spellings and their ISO form, and words with their letters reversed."""

import datetime

import numpy as np

_MONTHS = ["January", "February", "March", "April", "May", "June", "July"]
_MONTHS += ["August", "September", "October", "November", "December"]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_FIRST = datetime.date(1950, 1, 1).toordinal()
_LAST = datetime.date(2049, 12, 31).toordinal()


def dates(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Dates from 1950 to 2049 as people write them, and in ISO form: pairs like ("the 3rd of May, 1987", "1987-05-03").

    With slashes the month comes first, with dots the day. count: pairs, each with a date and a spelling drawn at random.
    """
    random = np.random.default_rng(seed)
    days = random.integers(_FIRST, _LAST, count, endpoint=True).tolist()
    found = [datetime.date.fromordinal(day) for day in days]
    spellings = [spellings_of(day) for day in found]
    return [(forms[random.integers(len(forms))], day.isoformat()) for forms, day in zip(spellings, found, strict=True)]


def spellings_of(day: datetime.date) -> list[str]:
    """Every way that `dates` writes a day."""
    d, m, y, month, name = day.day, day.month, day.year, _MONTHS[day.month - 1], _DAYS[day.weekday()]
    nth = f"{d}{'th' if 4 <= d <= 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(d % 10, 'th')}"
    return [
        f"{d} {month} {y}",
        f"{d} {month[:3]} {y}",
        f"{d}-{month[:3]}-{y % 100:02}",
        f"the {nth} of {month}, {y}",
        f"{nth} {month} {y}",
        f"{month} {d}, {y}",
        f"{month[:3]} {nth} {y}",
        f"{month.upper()} {d} {y}",
        f"{name}, {d} {month} {y}",
        f"{name[:3]} {month[:3]} {d} {y}",
        f"{m}/{d}/{y}",
        f"{m}/{d}/{y % 100:02}",
        f"{d:02}.{m:02}.{y}",
        f"{d}. {m}. {y}",
        f"{y}{m:02}{d:02}",
    ]


def reversed_words(count: int, seed: int = 0, longest: int = 10) -> list[tuple[str, str]]:
    """Words of random letters, and the same from the end: ("qedro", "ordeq"); from 2 to `longest` letters."""
    random = np.random.default_rng(seed)
    lengths = random.integers(2, longest, count, endpoint=True)
    words = ["".join(map(chr, random.integers(97, 123, length))) for length in lengths]
    return [(word, word[::-1]) for word in words]
