"""A column of stamps → int64 or datetime64[ns], and back: dates, times, whole numbers, text, with and without a time zone."""

import datetime
import re
import zoneinfo
from typing import Any

import numpy as np

from recurra.errors import DataError
from recurra.tasks.forecasting.series import dates, finding
from recurra.tasks.forecasting.series.frequency import Frequency, nanoseconds

_OFFSET = re.compile(r"\d[T ]\d\S*?\s*(Z|[+-]\d\d(?::?\d\d)?)$")
_NUMBER = re.compile(r"\s*-?\d+\s*")
UTC = "UTC"


def read(series: Any, freq: Frequency | None = None, text: bool = False) -> tuple[np.ndarray, str]:
    """Stamps as int64 or datetime64[ns], and how they came (see panel.Form).

    freq: where it is known; it says whether stamps in a time zone are counted by days of that zone or by instants. text: the
    column is of a file, where whole numbers are texts too. DataError for what is no stamp.
    """
    import narwhals.stable.v2 as narwhals

    kind, what = series.dtype, f"the column {series.name!r}"
    empty = series.null_count() or (text and sum(not one.strip() for one in series.to_list()))
    if empty:
        raise DataError(f"{what} has {empty} empty cells; each row needs its stamp")
    if kind.is_integer():
        return series.to_numpy().astype(np.int64), "int"
    if isinstance(kind, narwhals.Datetime):
        if kind.time_zone:
            return _zoned(series, kind, freq, what)
        return nanoseconds(series.to_numpy(), what), f"datetime:{kind.time_unit}"
    if kind == narwhals.Date:
        return nanoseconds(np.array(series.to_list(), "datetime64[D]"), what), "date"
    if kind == narwhals.Unknown and getattr(series.to_native().dtype, "tz", None) is not None:
        return _zoned_in_pandas(series.to_native(), freq, what)
    if kind != narwhals.String and kind != narwhals.Object:
        raise DataError(f"{what} is {kind}; expected dates, times or whole numbers")
    listed = series.to_list()
    if text and all(map(_NUMBER.fullmatch, listed)):
        return np.array(listed, np.int64), "int"
    return _objects(listed, freq, what) if not isinstance(listed[0], str) else _texts(listed, what)


def _zoned(series: Any, kind: Any, freq: Frequency | None, what: str) -> tuple[np.ndarray, str]:
    """Instants in UTC; where days are counted, the wall clock's time, which no change of the clock makes irregular."""
    wall = series.dt.replace_time_zone(None).to_numpy()
    instants = series.dt.convert_time_zone(UTC).dt.replace_time_zone(None).to_numpy()
    return _one_of(wall, instants, kind.time_unit, kind.time_zone, freq, what)


def _zoned_in_pandas(native: Any, freq: Frequency | None, what: str) -> tuple[np.ndarray, str]:
    """The same where narwhals does not know the zone: it knows none with an underscore, such as America/New_York."""
    wall, instants = native.dt.tz_localize(None).to_numpy(), native.dt.tz_convert(UTC).dt.tz_localize(None).to_numpy()
    return _one_of(wall, instants, native.dt.unit, str(native.dt.tz), freq, what)


def _one_of(wall, instants, unit: str, zone: str, freq: Frequency | None, what: str) -> tuple[np.ndarray, str]:
    by_days = freq.by_days if freq else len(np.unique(wall - wall.astype("datetime64[D]"))) == 1
    by_days = by_days and zone in zoneinfo.available_timezones()
    return nanoseconds(wall if by_days else instants, what), f"datetime:{unit}:{zone}{':days' * by_days}"


def _objects(listed: list, freq: Frequency | None, what: str) -> tuple[np.ndarray, str]:
    """Objects of Python: dates, times, and times with a zone."""
    aware = [one for one in listed if getattr(one, "tzinfo", None)]
    if aware and len(aware) == len(listed):
        wall = np.array([one.replace(tzinfo=None) for one in listed], "datetime64[us]")
        instants = np.array([one.astimezone(datetime.UTC).replace(tzinfo=None) for one in listed], "datetime64[us]")
        zone = str(getattr(aware[0].tzinfo, "key", UTC))
        return _one_of(wall, instants, "us", zone, freq, what)
    try:
        found = np.array(listed, "datetime64")
    except (ValueError, TypeError):
        found = None
    if found is None or found.dtype.kind != "M" or np.isnat(found).any():
        bad = next((one for one in listed if not isinstance(one, datetime.date | np.datetime64)), listed[0])
        raise _no_date(bad, what)
    times = any(isinstance(one, datetime.datetime | np.datetime64) for one in listed)
    return nanoseconds(found, what), "datetime" if times else "date"


def _texts(listed: list, what: str) -> tuple[np.ndarray, str]:
    """Dates and times as ISO 8601 writes them, or as people do; all with one offset from UTC behind, or none."""
    matches = [_OFFSET.search(text.strip()) if isinstance(text, str) else None for text in listed]
    offsets = sorted({match[1] if match else "" for match in matches})
    if len(offsets) > 1:
        raise DataError(
            f"{what} has times with the offsets {offsets[0]!r} and {offsets[1]!r} from UTC; write all of them in UTC, so that"
            " no hour comes twice"
        )
    bare = [text.strip()[: -len(offsets[0]) or None].strip() if isinstance(text, str) else text for text in listed]
    whole = next((text for text in bare if isinstance(text, str) and re.fullmatch(r"\d{6}|\d{8}", text)), None)
    if whole is not None and all(isinstance(text, str) and _NUMBER.fullmatch(text) for text in bare):
        finding.refuse_dates(np.array(bare, np.int64))
    try:
        # numpy reads "", "NaT", "today" and "now" too.
        found = np.array(bare, "datetime64") if all(map(_begins, bare)) else None
    except (ValueError, TypeError):
        found = None
    if found is None or np.isnat(found).any():
        others = dates.iso(listed, what) if all(isinstance(text, str) for text in listed) else None
        if others is None:
            raise _no_date(_odd(listed), what)
        return _texts(others, what)
    separator = " " if " " in bare[0] else "T"
    return nanoseconds(found, what), f"text:{np.datetime_data(found.dtype)[0]}:{separator}" + f":{offsets[0]}" * bool(
        offsets[0]
    )


def _no_date(value: Any, what: str) -> DataError:
    return DataError(
        f"{what} has {value!r}, which is no date as ISO 8601 has them (2024-05-31 14:00); pandas.to_datetime reads other forms"
    )


def _odd(listed: list) -> Any:
    """The first cell whose form differs from that of the cells before it."""
    if not isinstance(listed[0], str) or _is_stamp(listed[0]):
        return next((text for text in listed if not _is_stamp(text)), listed[0])
    texts = [text for text in listed if isinstance(text, str)]
    return texts[min(dates.reach(texts), len(texts) - 1)]


def is_date(text: str) -> bool:
    """Whether a text is a date, in one of the forms that are read."""
    return _is_stamp(text) or dates.reach([text]) == 1


def _begins(text: Any) -> bool:
    """Whether a text begins as a date does."""
    return isinstance(text, str) and re.match(r"-?\d{4}", text) is not None


def _is_stamp(text: Any) -> bool:
    try:
        return _begins(text) and not np.isnat(np.datetime64(text))
    except (ValueError, TypeError):
        return False


def instants(stamps: np.ndarray, zone: str) -> np.ndarray:
    """Times of a wall clock as instants in UTC. A time that comes twice is the first one."""
    place = zoneinfo.ZoneInfo(zone)
    whole = [one.replace(tzinfo=place).astimezone(datetime.UTC).replace(tzinfo=None)
             for one in stamps.astype("datetime64[us]").tolist()]  # fmt: skip
    return np.array(whole, "datetime64[us]")
