"""How stamps follow each other: a step found or given, stamps → positions 0, 1, 2 ... and back.

steps = parse("MS")
steps.positions(stamps, first)       # months since `first`, and where a stamp is off the grid
steps.stamps(first, positions)
"""

import re
from dataclasses import dataclass

import numpy as np

from recurra.errors import ConfigError, DataError, nearest, setting

_SECONDS = {"s": 1, "min": 60, "h": 3600, "D": 86400, "W": 7 * 86400}
_MONTHS = {"MS": 1, "ME": 1, "QS": 3, "QE": 3, "YS": 12, "YE": 12}
_NAMES = (*_SECONDS, *_MONTHS, "B")
_SEASONS = {"s": 60, "min": 60, "h": 24, "D": 7, "B": 5, "W": 52, "MS": 12, "ME": 12, "QS": 4, "QE": 4}
_LEAST, _MOST = np.datetime64("1677-09-22"), np.datetime64("2262-04-11")  # days that int64 nanoseconds reach
_NEXT = {"s": 60, "min": 1440, "h": 24}  # a season where steps are several units: parts of a minute, a day, a day


@dataclass(frozen=True)
class Frequency:
    """Steps of `count` units: Frequency(15, "min"), Frequency(1, "MS"), Frequency(1, "int")."""

    count: int
    unit: str

    def __str__(self) -> str:
        if self.unit == "int":
            return str(self.count)
        return self.unit if self.count == 1 else f"{self.count}{self.unit}"

    @property
    def season(self) -> int:
        """Steps of the season that is usual for this frequency: 24 for h, 96 for 15min, 7 for D, 12 for MS, else 1."""
        if self.count == 1:
            return _SEASONS.get(self.unit, 1)
        whole = _NEXT.get(self.unit, _MONTHS.get(self.unit, 0) and 12 // _MONTHS[self.unit])
        return whole // self.count if whole and whole % self.count == 0 else 1

    def positions(self, stamps: np.ndarray, first) -> tuple[np.ndarray, np.ndarray]:
        """Steps from `first` to each stamp, (n,) int64, and (n,) bool: which stamps lie between two steps."""
        if self.unit == "int":
            places, rest = np.divmod(stamps - first, self.count)
        elif self.unit == "B":
            days = stamps.astype("datetime64[D]")
            places, rest = np.divmod(np.busday_count(np.datetime64(first, "D"), days), self.count)
            rest = rest | ~np.is_busday(days) | (days != stamps)
        elif self.unit in _MONTHS:
            places, rest = np.divmod(_month(stamps) - _month(np.asarray(first)), self.count * _MONTHS[self.unit])
            rest = rest | (self.stamps(first, places) != stamps)
        else:
            places, rest = np.divmod((stamps - first).astype(np.int64), self.count * _SECONDS[self.unit] * 10**9)
        return places.astype(np.int64), rest != 0

    def stamps(self, first, positions: np.ndarray) -> np.ndarray:
        """The stamp of each position, as `first` is: integers, or datetime64[ns]. DataError where these end, in 2262."""
        if self.unit == "int":
            return first + positions * self.count
        if self.unit == "B":
            days = np.busday_offset(np.datetime64(first, "D"), positions * self.count, roll="forward")
            return nanoseconds(days)
        if self.unit in _MONTHS:
            months = (_month(np.asarray(first)) + positions * self.count * _MONTHS[self.unit]).astype("datetime64[M]")
            days, next_month = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]")
            start = np.datetime64(first, "M").astype("datetime64[D]")
            clock = np.datetime64(first, "ns") - np.datetime64(first, "D")
            if self.unit.endswith("E"):
                return nanoseconds(next_month - 1) + clock
            day = np.datetime64(first, "D") - start
            return nanoseconds(np.minimum(days + day, next_month - 1)) + clock
        step = self.count * _SECONDS[self.unit]
        nanoseconds(np.datetime64(first, "s") + np.asarray(positions) * np.timedelta64(step, "s"))
        return first + positions * np.timedelta64(step * 10**9, "ns")


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


def _month(stamps: np.ndarray) -> np.ndarray:
    return stamps.astype("datetime64[M]").astype(np.int64)


def parse(text: str | int) -> Frequency:
    """A frequency from its name: parse("15min"), parse("MS"), parse(1). ConfigError, with the nearest, for others."""
    text = str(text)
    count, unit = re.fullmatch(r"(\d*)(.*)", text).groups()
    unit = {"H": "h", "T": "min", "S": "s", "M": "ME", "Q": "QE", "Y": "YE", "A": "YE", "d": "D"}.get(unit, unit)
    if unit == "" and count and int(count):
        return Frequency(int(count), "int")
    if unit not in _NAMES or (count and not int(count)):
        raise ConfigError(
            f"{setting('freq')} is {text!r}; {nearest(unit, _NAMES)} (or a multiple, 15min; or a whole number)"
        )
    return Frequency(int(count or 1), unit)


def find(series: list[np.ndarray]) -> Frequency:
    """The frequency of sorted stamps, one array a series: the step that most stamps are apart.

    DataError where that cannot be said: no two stamps in any series, or no step that repeats.
    """
    steps = np.concatenate([np.diff(stamps).astype(np.int64) for stamps in series])
    if not len(steps):
        raise DataError(f"the frequency cannot be found: no series has two stamps; give {setting('freq')}")
    sizes, counts = np.unique(steps, return_counts=True)
    if series[0].dtype.kind == "i":
        return Frequency(int(sizes[counts.argmax()]), "int")
    stamps = np.concatenate(series)
    days, clock = stamps.astype("datetime64[D]"), stamps - stamps.astype("datetime64[D]")
    day = 86400 * 10**9
    if len(np.unique(clock)) == 1 and sizes.min() >= 28 * day:
        starts, ends = days == days.astype("datetime64[M]"), days + 1 == (days + 1).astype("datetime64[M]")
        months = np.concatenate([np.diff(_month(one)) for one in series])
        months = int(np.bincount(months).argmax())
        for kind, holds in (("S", starts), ("E", ends)):
            if holds.all() and months:
                unit = {12: "Y", 3: "Q"}.get(months, "M")
                return Frequency(1 if unit != "M" else months, unit + kind)
    if set(sizes // day) <= {1, 3} and (sizes % day == 0).all() and np.is_busday(days).all() and 3 * day in sizes:
        return Frequency(1, "B")
    step = int(sizes[counts.argmax()])
    if counts.max() * 2 < len(steps):
        raise DataError(
            f"the stamps are irregular: the commonest step ({_told(step)}) holds for {counts.max() / len(steps):.0%} of them;"
            f" give {setting('freq')}, or bring the series to regular steps first"
        )
    if step % 10**9:
        raise DataError(
            f"the commonest step between stamps is {step} ns; expected whole seconds, or give {setting('freq')}"
        )
    unit = next(unit for unit in reversed(_SECONDS) if step // 10**9 % _SECONDS[unit] == 0)
    return Frequency(step // 10**9 // _SECONDS[unit], unit)


def shown(stamp) -> str:
    """A stamp in an error's words: 3, or 2024-05-31 14:00:00."""
    return str(np.datetime64(stamp, "s")).replace("T", " ") if isinstance(stamp, np.datetime64) else str(stamp)


def _told(step: int) -> str:
    return str(np.timedelta64(step, "ns").astype("timedelta64[s]"))
