"""Columns of a user's frame → arrays: names of series, stamps, numbers. Whatever is wrong with one is said here."""

import datetime
import re
from collections import Counter
from types import ModuleType
from typing import Any

import numpy as np

from recurra.errors import ConfigError, DataError, nearest
from recurra.tasks.forecasting.series import frequency

_HUGE = 1e100  # squares of what is larger leave float64
_ZONE = re.compile(r"\d[T ]\d\S*?\s*(Z|[+-]\d\d(?::?\d\d)?)$")


def library() -> ModuleType:
    """Narwhals, which reads and makes frames of every library. ConfigError, with the line that installs it, without."""
    try:
        import narwhals.stable.v2 as narwhals
    except ImportError as error:
        raise ConfigError(
            "forecasting needs narwhals, which reads any frame: pip install 'recurra[forecast]'"
        ) from error
    return narwhals


def open_frame(frame: Any):
    """A frame as narwhals has it. DataError for what is none, or has two columns of one name."""
    narwhals = library()
    try:
        table = narwhals.from_native(frame)
    except TypeError as error:
        raise DataError(f"the data is a {type(frame).__name__}; expected a pandas, polars or pyarrow frame") from error
    except narwhals.exceptions.DuplicateError as error:
        name = next(name for name, count in Counter(_all_names(frame)).items() if count > 1)
        raise DataError(f"the frame has several columns {name!r}; rename or drop all but one") from error
    return table.collect() if isinstance(table, narwhals.LazyFrame) else table


def _all_names(frame: Any) -> list:
    """The columns of a pandas or pyarrow frame, which may repeat."""
    return list(getattr(frame, "column_names", frame.columns))


def names(frame: Any) -> list[str]:
    """The names of a frame's columns."""
    return list(open_frame(frame).columns)


def values(frame: Any, name: str) -> np.ndarray:
    """A column of a frame as an array. DataError, with the nearest name, where there is none."""
    table = open_frame(frame)
    have(table, [name])
    return table[name].to_numpy()


def stamps(frame: Any, name: str) -> np.ndarray:
    """A column of stamps as int64 or datetime64[ns]."""
    table = open_frame(frame)
    have(table, [name])
    return read_stamps(table[name])[0]


def have(table, names: list[str], what: str = "the frame") -> None:
    """DataError, with the nearest one there is, for a column that is missing; the stamps' comes first."""
    for name in names:
        if name not in table.columns:
            index = getattr(table.to_native(), "index", None)  # of pandas, where stamps often are
            if index is not None and (name in index.names or (name == names[0] and index.dtype.kind == "M")):
                raise DataError(f"{what} has {name!r} as its index, not as a column: frame.reset_index(names={name!r})")
            raise DataError(f"{what} has no column {name!r}; {nearest(name, table.columns)}")


def ids(table, name: str | None) -> tuple[list, np.ndarray]:
    """The names of the series, sorted, and the number of each row's: (rows,). Without such a column there is one series, y."""
    if name is None:
        return ["y"], np.zeros(len(table), np.int64)
    listed = table[name].to_list()
    if any(one is None or one != one for one in listed):
        raise DataError(f"the column {name!r} has empty cells; each row needs the name of its series")
    plain(listed, f"the column {name!r}")
    try:
        names = sorted(set(listed))
    except TypeError as error:
        raise DataError(f"the column {name!r} mixes types; make it text: {error}") from error
    number = {one: code for code, one in enumerate(names)}
    return names, np.fromiter((number[one] for one in listed), np.int64, len(listed))


def plain(listed: list, what: str) -> None:
    """DataError for values that a run's folder cannot keep."""
    odd = next((one for one in listed if not isinstance(one, str | int | float | np.number | np.bool_)), None)
    if isinstance(odd, bytes):
        raise DataError(f"{what} has {odd!r}, bytes that are no text; is the file not UTF-8? save it as that")
    if odd is not None:
        raise DataError(f"{what} has {odd!r}, a {type(odd).__name__}; expected text or whole numbers: make it text")


def read_stamps(series) -> tuple[np.ndarray, str]:
    """Stamps as int64 or datetime64[ns], and how they came (see Form)."""
    narwhals, kind = library(), series.dtype
    if series.null_count():
        raise DataError(f"the column {series.name!r} has {series.null_count()} empty cells; each row needs its stamp")
    if kind.is_integer():
        return series.to_numpy().astype(np.int64), "int"
    if isinstance(kind, narwhals.Datetime):
        if kind.time_zone:
            _zoned(series.name, kind.time_zone)
        return frequency.nanoseconds(series.to_numpy(), f"the column {series.name!r}"), f"datetime:{kind.time_unit}"
    if kind == narwhals.Date:
        days = np.array(series.to_list(), "datetime64[D]")
        return frequency.nanoseconds(days, f"the column {series.name!r}"), "date"
    if "period" in str(series.to_native().dtype if kind == narwhals.Unknown else ""):
        raise DataError(
            f"the column {series.name!r} holds periods; make their first stamps of them: .dt.to_timestamp()"
        )
    if kind != narwhals.String and kind != narwhals.Object:
        raise DataError(f"the column {series.name!r} is {kind}; expected dates, times or whole numbers")
    texts = series.to_list()
    for text in texts:
        zone = _ZONE.search(text.strip()) if isinstance(text, str) else getattr(text, "tzinfo", None)
        if zone:
            _zoned(series.name, zone[1] if isinstance(zone, re.Match) else zone)
    try:
        # numpy reads "", "NaT", "today" and "now" too.
        found = np.array(texts, "datetime64") if all(map(_begins, texts)) else None
    except (ValueError, TypeError):
        found = None
    if found is None or np.isnat(found).any():
        bad = next((text for text in texts if not _is_stamp(text)), texts[0])
        raise DataError(
            f"the column {series.name!r} has {bad!r}, which is no date as ISO 8601 has them (2024-05-31 14:00)"
        )
    stamps = frequency.nanoseconds(found, f"the column {series.name!r}")
    if not any(isinstance(text, str) for text in texts):
        return stamps, "datetime" if any(
            isinstance(one, datetime.datetime | np.datetime64) for one in texts
        ) else "date"
    return stamps, f"text:{np.datetime_data(found.dtype)[0]}:{' ' if ' ' in str(texts[0]) else 'T'}"


def _zoned(name: str, zone: Any) -> None:
    raise DataError(
        f"the column {name!r} has the time zone {zone}; convert it to UTC and drop the zone, so that no hour comes twice"
    )


def _begins(text: Any) -> bool:
    """Whether a text begins as a date does."""
    return not isinstance(text, str) or re.match(r"-?\d{4}", text) is not None


def _is_stamp(text: Any) -> bool:
    try:
        return _begins(text) and not np.isnat(np.datetime64(text))
    except (ValueError, TypeError):
        return False


def numbers(table, name: str, empty: bool = False) -> np.ndarray:
    """A column as float64. empty: it may be without any value, and then has no type."""
    series = table[name]
    if empty and series.null_count() == len(series):
        return np.full(len(series), np.nan)
    if not (series.dtype.is_numeric() or series.dtype == library().Boolean):
        listed = series.to_list()
        row = next((k for k, one in enumerate(listed) if not _is_number(one)), None)
        hint = "numbers alone can be forecast" if row is None else f"row {row} has {listed[row]!r}"
        raise DataError(f"the column {name!r} holds {series.dtype}; expected numbers ({hint})")
    values = series.cast(library().Float64).to_numpy().astype(np.float64)
    if np.isinf(values).any():
        raise DataError(f"the column {name!r} holds infinity, in row {int(np.isinf(values).argmax())}")
    if (large := np.abs(values) > _HUGE).any():
        row = int(large.argmax())
        raise DataError(
            f"the column {name!r} has {values[row]:g} in row {row}; take a larger unit, so that it is below 1e+100"
        )
    return values


def _is_number(one: Any) -> bool:
    try:
        float(one)
    except (TypeError, ValueError):
        return one is None
    return True
