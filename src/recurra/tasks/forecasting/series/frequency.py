"""How stamps follow each other: stamps → steps 0, 1, 2 ... and back. `finding` finds it in stamps.

steps = parse("MS")                  a name as pandas has it, one of its offsets, a week such as "Mon Tue Wed Thu Fri Sat", or 1
steps.positions(stamps, first)       months since `first`, and where a stamp is off the grid
steps.stamps(first, positions)

Four kinds: whole numbers; steps of one length; months, whose day is that of `first` as far as a month has it (pandas continues
from the day that it was cut to); and days of a calendar, which are pandas' own.
"""

import functools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from recurra.errors import ConfigError, DataError, nearest, setting

_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "D": 86400, "W": 7 * 86400}
_MONTHS = {"MS": 1, "ME": 1, "QS": 3, "QE": 3, "YS": 12, "YE": 12}
_NAMES = (*_SECONDS, *_MONTHS, "B")
_SEASONS = {"s": 60, "min": 60, "h": 24, "D": 7, "B": 5, "W": 52, "MS": 12, "ME": 12, "QS": 4, "QE": 4}
_SEASONS |= {"BMS": 12, "BME": 12, "BQS": 4, "BQE": 4, "SMS": 24, "SME": 24}
_NEXT = {"s": 60, "min": 1440, "h": 24}  # a season where steps are several units: parts of a minute, a day, a day
_OLD = {"H": "h", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns", "d": "D"}
_OLD |= {"M": "ME", "Q": "QE", "Y": "YE", "A": "YE", "BM": "BME", "BQ": "BQE", "BY": "BYE", "BA": "BYE", "SM": "SME"}
_ALIKE = {"months": "MS", "years": "YS", "weeks": "W", "days": "D", "hours": "h", "minutes": "min", "seconds": "s"}
_WORDS = {"s": "second", "min": "minute", "h": "hour", "D": "day", "B": "working day", "W": "week"}
_WORDS |= {"MS": "month", "ME": "month", "QS": "quarter", "QE": "quarter", "YS": "year", "YE": "year", "int": "step"}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CALENDAR = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_LEAST, _MOST = np.datetime64("1677-09-22"), np.datetime64("2262-04-11")  # days that int64 nanoseconds reach
_YEARS = 8  # of a calendar, looked up at first


@dataclass(frozen=True)
class Frequency:
    """Steps of `count` units: Frequency(15, "min"), Frequency(1, "QS-OCT"), Frequency(1, "int"), Frequency(1, "Mon Sun")."""

    count: int
    unit: str

    def __str__(self) -> str:
        if self.unit == "int":
            return str(self.count)
        return self.unit if self.count == 1 else f"{self.count}{self.unit}"

    def words(self, least: int, most: int | None = None) -> str:
        """So many steps, as people say it: 144 months, 60 to 70 hours, 96 steps of 15 minutes, 12 steps of BMS."""
        amount = f"{least:,}" if most in (None, least) else f"{least:,} to {most:,}"
        many, unit = "s" * (amount != "1"), _WORDS.get(self.base)
        if unit is None or (self.count > 1 and unit == "step"):
            return f"{amount} step{many} of {self}"
        return f"{amount} step{many} of {self.count} {unit}s" if self.count > 1 else f"{amount} {unit}{many}"

    @property
    def base(self) -> str:
        """The unit without its anchor: QS for QS-OCT."""
        return self.unit.partition("-")[0]

    @property
    def anchor(self) -> int | None:
        """The month of QS-OCT, from 0, or the weekday of W-MON, from 0; None if the series' first stamp says it."""
        name = self.unit.partition("-")[2]
        return CALENDAR.index(name) if name in CALENDAR else _WEEK.get(name)

    @property
    def days(self) -> str | None:
        """The days of a week that has steps, as a mask; None if it is no such frequency."""
        return "Mon Tue Wed Thu Fri" if self.unit == "B" else self.unit if self.unit[:3] in WEEKDAYS else None

    @property
    def by_days(self) -> bool:
        """Whether steps are counted by a calendar's days, which a clock that is put forward does not make longer."""
        return self.unit != "int" and (self.base not in _SECONDS or _SECONDS[self.base] >= 86400)

    @property
    def months(self) -> int:
        """Months in a step; 0 where steps are no months."""
        return self.count * _MONTHS.get(self.base, 0)

    @property
    def seconds(self) -> float:
        """The least length of a step."""
        if self.base in _SECONDS:
            return self.count * _SECONDS[self.base]
        if self.months:
            return 86400 * {1: 28, 3: 90, 12: 365}[_MONTHS[self.base]] * self.count
        least = 1 if self.days else int(np.diff(self._grid(2024)).astype(np.int64).min())
        return 86400 * least * self.count

    @property
    def season(self) -> int:
        """Steps of the season that is usual for this frequency: 24 for h, 96 for 15min, 7 for D, 12 for MS, else 1."""
        if self.count == 1:
            return _SEASONS.get(self.base, len(self.days.split()) if self.days else 1)
        whole = _NEXT.get(self.base, _MONTHS.get(self.base, 0) and 12 // _MONTHS[self.base])
        return whole // self.count if whole and whole % self.count == 0 else 1

    def positions(self, stamps: np.ndarray, first) -> tuple[np.ndarray, np.ndarray]:
        """Steps from `first` to each stamp, (n,) int64, and (n,) bool: which stamps lie between two steps."""
        if self.unit == "int":
            places, rest = np.divmod(stamps - first, self.count)
            return places.astype(np.int64), rest != 0
        days = stamps.astype("datetime64[D]")
        if self.base in _SECONDS:
            places, rest = np.divmod((stamps - first).astype(np.int64), self._nanoseconds)
            off = (rest != 0) | (self.anchor is not None and weekday(days) != self.anchor)
        elif self.months:
            places = (month(stamps) - month(np.asarray(first))) // self.months
            anchored = self.anchor is None or (month(stamps) - self.anchor) % _MONTHS[self.base] == 0
            off = (self.stamps(first, places) != stamps) | ~np.asarray(anchored)
        else:
            number, on = self.numbers(days)
            start, at_first = self.numbers(np.datetime64(first, "D")[None])
            places, rest = np.divmod(number - start, self.count)
            off = (
                (rest != 0)
                | ~on
                | ~at_first
                | (stamps - days != np.datetime64(first, "ns") - np.datetime64(first, "D"))
            )
        return places.astype(np.int64), off

    def stamps(self, first, positions: np.ndarray) -> np.ndarray:
        """The stamp of each position, as `first` is: integers, or datetime64[ns]. DataError if these end, in 2262."""
        if self.unit == "int":
            return first + positions * self.count
        first, positions = np.datetime64(first, "ns"), np.asarray(positions)
        if self.base in _SECONDS:
            seconds = np.asarray(positions * (self._nanoseconds / 1e9)).astype(np.int64)
            nanoseconds(first.astype("datetime64[s]") + seconds.astype("timedelta64[s]"))
            return first + positions * np.timedelta64(self._nanoseconds, "ns")
        day = np.datetime64(first, "D")
        if self.months:
            months = (month(first) + positions * self.months).astype("datetime64[M]")
            starts, next_month = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]")
            own = starts + (day - day.astype("datetime64[M]").astype("datetime64[D]"))
            days = next_month - 1 if self.base.endswith("E") else np.minimum(own, next_month - 1)
        elif self.days:
            days = np.busday_offset(day, positions * self.count, roll="forward", weekmask=self.days)
        else:
            days = self._ahead(day, positions * self.count)
        return nanoseconds(days) + (first - day)

    @property
    def _nanoseconds(self) -> int:
        return self.count * round(_SECONDS[self.base] * 10**9)

    def numbers(self, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The number of each day in the calendar, from some start, and whether it is one of its days."""
        if self.days:
            number = np.busday_count(np.datetime64("1677-09-20"), days, weekmask=self.days)
            return number, np.is_busday(days, weekmask=self.days)
        years = days.astype("datetime64[Y]").astype(int) + 1970
        grid = self._grid(int(years.max()) + 1)
        number = np.searchsorted(grid, days)
        return number, grid[np.minimum(number, len(grid) - 1)] == days

    def _ahead(self, day: np.datetime64, positions: np.ndarray) -> np.ndarray:
        year = int(day.astype("datetime64[Y]").astype(int)) + 1970
        span = _YEARS
        while True:
            grid = self._grid(year + span)
            number = np.searchsorted(grid, day) + positions
            if number.max(initial=0) < len(grid):
                return grid[number]
            if year + span >= 2262:
                nanoseconds(np.array([np.datetime64("2263-01-01")]))
            span *= 2

    def _grid(self, last: int) -> np.ndarray:
        # Whole blocks of years, so that few grids are made.
        return _days_of(self.unit, min(-(-last // 64) * 64, 2262))


_WEEK = {name.upper(): number for number, name in enumerate(WEEKDAYS)}


@functools.lru_cache(maxsize=32)
def _days_of(unit: str, last: int) -> np.ndarray:
    """The days of a calendar up to the end of a year, datetime64[D], as pandas has them."""
    offset = _offset(unit)
    import pandas

    return pandas.date_range("1677-10-01", min(f"{last}-12-31", "2262-04-01"), freq=offset).to_numpy().astype("M8[D]")


def _offset(text: Any):
    """A name as an offset of pandas. ConfigError without pandas; ValueError for a name that it does not know."""
    try:
        import pandas
    except ImportError as error:
        raise ConfigError(
            f"{setting('freq', str(text))} needs pandas, which knows its days: pip install 'recurra[forecast]'"
        ) from error
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old names are taken, too
        return pandas.tseries.frequencies.to_offset(text)


def nanoseconds(stamps: np.ndarray, what: str = "the steps ahead") -> np.ndarray:
    """Stamps as datetime64[ns]. DataError, with the stamp, for those that this cannot hold."""
    stamps = np.asarray(stamps)
    beyond = (stamps < _LEAST) | (stamps >= _MOST)
    if beyond.any():
        stamp = stamps[beyond][:1].astype("datetime64[D]")[0]
        raise DataError(
            f"{what} reach{'es' if what.startswith('the column') else ''} {stamp}; stamps lie from {_LEAST} to {_MOST}:"
            " mend it, or count the steps in whole numbers"
        )
    return stamps.astype("datetime64[ns]")


def month(stamps: np.ndarray) -> np.ndarray:
    return stamps.astype("datetime64[M]").astype(np.int64)


def weekday(days: np.ndarray) -> np.ndarray:
    return (days.astype("datetime64[D]").astype(np.int64) + 3) % 7  # 1 January 1970 was a Thursday


def name(freq: Any) -> str:
    """A frequency as a text that `parse` reads: of a text or a whole number as it is, of an offset of pandas its name."""
    return str(freq) if isinstance(freq, str | int | np.integer) else str(parse(freq))


def parse(freq: Any) -> Frequency:
    """A frequency from its name, or an offset of pandas: parse("15min"), parse("QS-OCT"), parse(1), parse(MonthEnd()).

    ConfigError, with the nearest name, for others.
    """
    if not isinstance(freq, str | int | np.integer):
        return _of_offset(freq)
    text = str(freq).strip()
    if of_week := week(text):
        return of_week
    count, unit = re.fullmatch(r"(\d*)(.*)", text).groups()
    base, dash, anchor = unit.partition("-")
    unit = _OLD.get(base, base) + dash + anchor.upper()
    if unit == "" and count and int(count):
        return Frequency(int(count), "int")
    if not count or int(count):
        found = Frequency(int(count or 1), unit)
        if unit in _NAMES or (dash and found.anchor is not None and found.base in ("W", "QS", "QE", "YS", "YE")):
            return found
    try:
        return _of_offset(_offset(f"{count}{unit}"))
    except ValueError:
        pass  # a name that pandas does not know either
    raise ConfigError(
        f"{setting('freq')} is {freq!r}; {nearest(unit, _NAMES)} (or a multiple, 15min; another name of pandas' for days,"
        " such as W-MON, QS-OCT or BME; a week, Mon Tue Wed Thu Fri Sat; or a whole number)"
    )


def week(text: str) -> Frequency | None:
    names = [word.capitalize() for word in re.split(r"[\s,]+", text)]
    if len(names) < 2 or not set(names) <= set(WEEKDAYS):
        return None
    mask = " ".join(one for one in WEEKDAYS if one in names)
    return Frequency(1, {"Mon Tue Wed Thu Fri": "B", " ".join(WEEKDAYS): "D"}.get(mask, mask))


def _of_offset(offset: Any) -> Frequency:
    """A frequency from an offset, or a duration, of pandas."""
    try:
        found = _offset(offset)
        if found is None:  # pandas' answer to "", to None and to NaT
            raise ValueError("no step")
        offset = found
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{setting('freq')} is {offset!r}; expected a name, a whole number, or an offset of pandas"
        ) from error
    given = {key: value for key, value in getattr(offset, "kwds", {}).items() if key in _ALIKE}
    if len(given) == 1 and offset.freqstr.startswith("<"):
        return Frequency(next(iter(given.values())) * offset.n, _ALIKE[next(iter(given))])
    count, unit = re.fullmatch(r"(-?\d*)(.*)", offset.freqstr).groups()
    if unit == "C" and not offset.holidays:
        return week(offset.weekmask if isinstance(offset.weekmask, str) else _mask(offset.weekmask))
    if int(count or 1) < 1 or not unit:
        raise ValueError(f"{offset.freqstr} is no step forwards")
    if unit.startswith(("<", "C", "bh", "cbh")):
        raise ConfigError(
            f"{setting('freq')} is {offset.freqstr!r}, which has no name that a run could keep its days by; take B, or a"
            f" week such as Mon Tue Wed Thu Fri Sat, and {setting('fill')} for holidays"
        )
    return Frequency(int(count or 1), unit)


def _mask(days: Any) -> str:
    return " ".join(name for name, has in zip(WEEKDAYS, days, strict=True) if has)


def shown(stamp) -> str:
    """A stamp in a message: 3, 2024-05-31 or 2024-05-31 14:00:00."""
    return texts(np.array([stamp]))[0]


def texts(stamps: np.ndarray) -> list[str]:
    """Stamps as people write them: days where the clock is at midnight, fractions of a second only where there are some."""
    if stamps.dtype.kind != "M":
        return [str(stamp) for stamp in stamps.tolist()]
    stamps = stamps.astype("datetime64[ns]")
    unit = next(unit for unit in ("D", "s", "ms", "us", "ns") if (stamps.astype(f"datetime64[{unit}]") == stamps).all())
    return [text.replace("T", " ") for text in np.datetime_as_string(stamps.astype(f"datetime64[{unit}]")).tolist()]
