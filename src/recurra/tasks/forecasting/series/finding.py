"""The frequency that stamps have, where none is given."""

import numpy as np

from recurra.errors import DataError, setting
from recurra.tasks.forecasting.series import frequency
from recurra.tasks.forecasting.series.frequency import WEEKDAYS, Frequency

_DAY = 86400 * 10**9
_SURE = 3  # times that a weekday must be missing before it counts as none of the week's; twice for the usual weekend
_FORMS = {"days, YYYYMMDD": ("%Y%m%d", "2024-01-31"), "months, YYYYMM": ("%Y%m", "2024-01")}


def find(series: list[np.ndarray]) -> Frequency:
    """The frequency of sorted stamps, one array a series: the step that most stamps are apart.

    DataError if none can be found: no two stamps in any series, or no step that repeats.
    """
    steps = np.concatenate([np.diff(stamps).astype(np.int64) for stamps in series])
    if not len(steps):
        raise DataError(f"the frequency cannot be found: no series has two stamps; give {setting('freq')}")
    sizes, counts = np.unique(steps, return_counts=True)
    step = int(sizes[counts.argmax()])
    if series[0].dtype.kind == "i":
        refuse_dates(np.concatenate(series))
        return Frequency(step, "int")
    if all(len(np.unique(stamps - stamps.astype("datetime64[D]"))) == 1 for stamps in series):
        days = [stamps.astype("datetime64[D]") for stamps in series]
        found = _months(days, sizes) or _week(days, sizes, step)
        if found:
            return found
    if counts.max() * 2 < len(steps):
        raise DataError(
            f"the stamps are irregular: the commonest step ({_duration(step)}) holds for {counts.max() / len(steps):.0%} of"
            f" them; give {setting('freq')}, or bring the series to regular steps first"
        )
    unit = next(unit for unit, size in _UNITS.items() if step % size == 0)
    found = Frequency(step // _UNITS[unit], unit)
    there = weekdays(series)
    return (
        Frequency(found.count, f"W-{there[0].upper()}")
        if unit == "W" and len(there) == 1 and there != ("Sun",)
        else found
    )


_UNITS = {"W": 7 * _DAY, "D": _DAY, "h": 3600 * 10**9, "min": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def _months(days: list[np.ndarray], sizes: np.ndarray) -> Frequency | None:
    """Months, quarters, years or halves of months: their starts, ends, first or last working days, or a day of their own."""
    whole = np.concatenate(days)
    if 13 * _DAY <= sizes.min() <= 16 * _DAY:
        halves = [one for one in ("SMS", "SME") if _all_on(Frequency(1, one), whole)]
        return frequency.parse(halves[0]) if halves else None
    if sizes.min() < 28 * _DAY:
        return None
    steps = np.concatenate([np.diff(frequency.month(one)) for one in days])
    months = int(np.bincount(steps).argmax())
    if not months:
        return None
    starts, ends = (
        (whole == whole.astype("datetime64[M]")).all(),
        (whole + 1 == (whole + 1).astype("datetime64[M]")).all(),
    )
    if starts or ends or not all(map(_own_day, days)):
        kind = "S" if starts else "E" if ends else None
        kinds = [kind] if kind else [one for one in ("BS", "BE") if _all_on(Frequency(1, f"{one[0]}M{one[1]}"), whole)]
        return _named(months, kinds[0], whole) if kinds else None
    return _named(months, "S", whole)


def _named(months: int, kind: str, days: np.ndarray) -> Frequency:
    """Frequency(1, "QS-FEB") for 3 months, their starts, and days in February, May ...; QS where pandas means the same."""
    prefix, end = kind[:-1], kind[-1]
    letter = {3: "Q", 12: "Y"}.get(months, "M")
    if letter == "M":
        return Frequency(months, f"{prefix}M{end}")
    phases = np.unique(frequency.month(days) % months)
    if len(phases) > 1:  # series that begin in different months
        return Frequency(1, f"{letter}{end}") if not prefix else Frequency(months, f"{prefix}M{end}")
    usual = 0 if end == "S" else months - 1
    anchor = "" if phases[0] == usual else f"-{frequency.CALENDAR[phases[0]]}"
    return frequency.parse(f"{prefix}{letter}{end}{anchor}")


def _own_day(days: np.ndarray) -> bool:
    """Whether days are the same one of each month, as far as months have it: the 30th, and 28 February."""
    starts = days.astype("datetime64[M]")
    within = (days - starts.astype("datetime64[D]")).astype(np.int64)
    longest = ((starts + 1).astype("datetime64[D]") - starts.astype("datetime64[D]")).astype(np.int64) - 1
    return bool((within == np.minimum(within.max(), longest)).all())


def _all_on(freq: Frequency, days: np.ndarray) -> bool:
    return bool(freq.numbers(days)[1].all())


def _week(days: list[np.ndarray], sizes: np.ndarray, step: int) -> Frequency | None:
    """The days of the week that have stamps, where the others never do: B for Monday to Friday, or their names."""
    if len(sizes) == 1 or step >= 7 * _DAY or (sizes % _DAY).any():
        return None
    regular = Frequency(step // _DAY, "D")
    if step > _DAY and not any(regular.positions(one, one[0])[1].any() for one in days):
        return None
    there = weekdays(days)
    for mask, sure in ((there, _SURE), (WEEKDAYS[:5], 1)):
        found = frequency.week(" ".join(mask))
        if found is None or found.days is None or not set(there) <= set(mask):
            continue
        away = [name for name in WEEKDAYS if name not in mask]
        have = sum(len(one) for one in days)
        grid = sum(int(np.busday_count(one[0], one[-1] + 1, weekmask=found.days)) for one in days)
        if min(_weeks(days, away)) >= sure and 2 * have >= grid:
            return found
    return None


def weekdays(days: list[np.ndarray]) -> tuple[str, ...]:
    """The weekdays that have stamps, in order."""
    there = np.unique(np.concatenate([frequency.weekday(one) for one in days]))
    return tuple(WEEKDAYS[number] for number in there)


def _weeks(days: list[np.ndarray], names: list[str]) -> list[int]:
    """How often each of some weekdays lies within the series."""
    return [sum(int(np.busday_count(one[0], one[-1] + 1, weekmask=name)) for one in days) for name in names]


def refuse_dates(numbers: np.ndarray) -> None:
    """DataError for whole numbers that are dates: 20240131 is not followed by 20240132."""
    for what, dates in (("days, YYYYMMDD", numbers), ("months, YYYYMM", numbers * 100 + 1)):
        year, month, day = dates // 10000, dates // 100 % 100, dates % 100
        if ((year < 1900) | (year > 2199) | (month < 1) | (month > 12) | (day < 1)).any():
            continue
        months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
        if ((months.astype("datetime64[D]") + (day - 1)).astype("datetime64[M]") == months).all():
            form, example = _FORMS[what]
            raise DataError(
                f"the stamps are whole numbers that look like {what}, from {numbers.min()} to {numbers.max()}; make dates of"
                f" them: pandas.to_datetime(column.astype(str), format={form!r}), in a file {example}; or give"
                f" {setting('freq', 1)} where they only count"
            )


def _duration(step: int) -> str:
    return str(np.timedelta64(step, "ns").astype("timedelta64[s]")) if step % 10**9 == 0 else f"{step / 1e9:g} seconds"
