"""Frames → series and back: `panel, form = read(frame, config)`. Whatever is wrong with a frame is said here."""

import datetime
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import ConfigError, DataError, nearest
from recurra.tasks.forecasting import frequency
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.frequency import Frequency, shown
from recurra.tasks.forecasting.panel import Form, Panel
from recurra.training import files

_SPARSE = 100  # a grid with so many steps for each row that was given is a mistyped stamp
_HUGE = 1e100  # squares of what is larger leave float64
_ZONE = re.compile(r"\d[T ]\d\S*?\s*(Z|[+-]\d\d(?::?\d\d)?)$")
_TABLES = (".csv", ".parquet")


def _library():
    try:
        import narwhals.stable.v2 as narwhals
    except ImportError as error:
        raise ConfigError(
            "forecasting needs narwhals, which reads any frame: pip install 'recurra[forecast]'"
        ) from error
    return narwhals


def load(path: str | Path) -> Any:
    """The frame in a CSV or Parquet file. DataError where it cannot be read."""
    path = Path(path)
    try:
        import pyarrow
        from pyarrow import csv, parquet
    except ImportError as error:
        raise ConfigError("reading CSV and Parquet needs pyarrow: pip install 'recurra[forecast]'") from error
    if path.suffix.lower() not in _TABLES:
        raise DataError(f"{path} is not a table that can be read; expected a .csv or a .parquet file")
    try:
        return csv.read_csv(path) if path.suffix.lower() == ".csv" else parquet.read_table(path)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read: {' '.join(str(error).split())}") from error


def writable(path: str | Path) -> Path:
    """The path, or ConfigError where no frame can be written to it: its ending, or its folder."""
    path = Path(path)
    if path.suffix.lower() not in _TABLES:
        raise ConfigError(f"{path}: forecasts are written as .csv or .parquet")
    return files.check_place(path)


def write(frame: Any, path: str | Path) -> None:
    """Write a frame as .csv or .parquet, by the path's ending, whole or not at all."""
    path = writable(path)
    frame = _library().from_native(frame, eager_only=True)
    with files.replacing(path) as part:
        frame.write_csv(str(part)) if path.suffix.lower() == ".csv" else frame.write_parquet(str(part))


def read(frame: Any, config: SeriesConfig, freq: Frequency | None = None, *, filled: bool = True) -> tuple[Panel, Form]:
    """The series of a frame, on a grid without gaps, and the frame's form.

    frame: pandas, polars or pyarrow; a row a stamp, in any order. freq: known already; default `config.freq`, or found.
    filled: False leaves NaN what `config.fill` is for, where the values before are elsewhere.
    Raises DataError for columns that are missing or of the wrong type, for duplicate, irregular or missing stamps, and
    for missing values unless `config.fill` says what becomes of them.
    """
    table = _table(frame)
    names = [config.time_col, config.target_col, *config.past, *config.future]
    _have(table, [*names, *[name for name in config.static if name != config.id_col]])
    if not len(table):
        raise DataError("the frame is empty; expected a row for each stamp")
    has_ids = config.id_col in table.columns
    if not has_ids and config.id_col in config.static:
        raise DataError(f"there is no column {config.id_col!r} in the frame, and `static` names it")
    ids, codes = _ids(table, config.id_col if has_ids else None)
    stamps, kind = _stamps(table[config.time_col])
    order = np.lexsort((stamps, codes))
    codes, stamps = codes[order], stamps[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    _no_duplicates(ids, codes, stamps, config)
    series = np.split(stamps, starts[1:])
    freq = freq or (frequency.parse(config.freq) if config.freq else frequency.find(series))
    _fits(freq, stamps, config)
    places = _places(freq, series, ids, config)
    lengths = np.array([place[-1] + 1 for place in places])
    columns = np.stack([_numbers(table, name, empty=not filled)[order] for name in names[1:]], 1)
    rows = np.concatenate(places) + (np.cumsum(lengths) - lengths)[codes]
    grid = np.full((lengths.sum(), columns.shape[1]), np.nan)
    grid[rows] = columns
    panel = Panel(
        freq,
        ids,
        stamps[starts],
        np.concatenate([[0], np.cumsum(lengths)]),
        grid[:, 0],
        np.isfinite(grid[:, 0]),
        grid[:, 1 : 1 + len(config.past)],
        grid[:, 1 + len(config.past) :],
        _static(table, config, order, codes, starts, ids),
    )
    panel = _filled(panel, config, names) if filled or config.fill == "error" else panel
    return panel, Form(table.implementation.value, has_ids, kind)


def read_future(frame: Any, config: SeriesConfig, panel: Panel, steps: int) -> np.ndarray:
    """The covariates known ahead, (S * steps, K), from a frame with a row for each series and each of its next steps."""
    count = len(panel.ids)
    if not config.future:
        if frame is not None:
            raise ConfigError("`future` was given, but the model was fitted without future=(...) columns; drop it")
        return np.zeros((count * steps, 0))
    if frame is None:
        raise ConfigError(
            f"the model needs {', '.join(config.future)} for the next {steps} steps; give `future`, a frame with"
            f" {config.time_col} and those columns"
        )
    table = _table(frame)
    several = config.id_col in table.columns
    if not several and count > 1:
        raise DataError(f"`future` has no column {config.id_col!r}, and there are {count} series")
    _have(table, [config.time_col, *config.future], "`future`")
    names, codes = _ids(table, config.id_col if several else None)
    stamps, _ = _stamps(table[config.time_col])
    if stamps.dtype != panel.first.dtype:
        raise DataError(f"`future` has another type of {config.time_col} than the history has")
    columns = np.stack([_numbers(table, name) for name in config.future], 1)
    known = np.full((count, steps, columns.shape[1]), np.nan)
    where = {name: code for code, name in enumerate(names)} if several else {panel.ids[0]: 0}
    for s, name in enumerate(panel.ids):
        rows = np.flatnonzero(codes == where[name]) if name in where else np.zeros(0, np.int64)
        places, off = panel.freq.positions(stamps[rows], panel.first[s])
        ahead = places - panel.lengths[s]
        inside = (ahead >= 0) & (ahead < steps) & ~off
        known[s, ahead[inside]] = columns[rows[inside]]
        missing = np.flatnonzero(~np.isfinite(known[s]).all(1))
        if len(missing):
            stamp = panel.freq.stamps(panel.first[s], panel.lengths[s] + missing[:1])
            raise DataError(
                f"`future` lacks {', '.join(config.future)} of series {name!r} at {shown(stamp[0])}"
                f" ({len(missing)} of {steps} steps are missing)"
            )
    return known.reshape(count * steps, -1)


def make(columns: dict[str, Any], form: Form) -> Any:
    """A frame of the library that the data came in."""
    return _library().from_dict(columns, backend=form.backend).to_native()


def column(frame: Any, name: str) -> np.ndarray:
    """A column of a frame as an array. DataError, with the nearest name, where there is none."""
    table = _table(frame)
    _have(table, [name])
    return table[name].to_numpy()


def stamps(frame: Any, name: str) -> np.ndarray:
    """A column of stamps as int64 or datetime64[ns]."""
    table = _table(frame)
    _have(table, [name])
    return _stamps(table[name])[0]


def columns(frame: Any) -> list[str]:
    """The names of a frame's columns."""
    return list(_table(frame).columns)


def _table(frame: Any):
    narwhals = _library()
    try:
        table = narwhals.from_native(frame)
    except TypeError as error:
        raise DataError(f"the data is a {type(frame).__name__}; expected a pandas, polars or pyarrow frame") from error
    except narwhals.exceptions.DuplicateError as error:
        name = next(name for name, count in Counter(_names(frame)).items() if count > 1)
        raise DataError(f"the frame has several columns {name!r}; rename or drop all but one") from error
    return table.collect() if isinstance(table, narwhals.LazyFrame) else table


def _names(frame: Any) -> list:
    """The columns of a pandas or pyarrow frame, which may repeat."""
    return list(getattr(frame, "column_names", frame.columns))


def _have(table, names: list[str], what: str = "the frame") -> None:
    for name in names:
        if name not in table.columns:
            raise DataError(f"{what} has no column {name!r}; {nearest(name, table.columns)}")


def _ids(table, name: str | None) -> tuple[list, np.ndarray]:
    if name is None:
        return ["y"], np.zeros(len(table), np.int64)
    listed = table[name].to_list()
    if any(one is None or one != one for one in listed):
        raise DataError(f"the column {name!r} has empty cells; each row needs the name of its series")
    _plain(listed, f"the column {name!r}")
    try:
        names = sorted(set(listed))
    except TypeError as error:
        raise DataError(f"the column {name!r} mixes types; make it text: {error}") from error
    number = {one: code for code, one in enumerate(names)}
    return names, np.fromiter((number[one] for one in listed), np.int64, len(listed))


def _plain(listed: list, what: str) -> None:
    """DataError for values that a run's folder cannot keep."""
    odd = next((one for one in listed if not isinstance(one, str | int | float | np.number | np.bool_)), None)
    if isinstance(odd, bytes):
        raise DataError(f"{what} has {odd!r}, bytes that are no text; is the file not UTF-8? save it as that")
    if odd is not None:
        raise DataError(f"{what} has {odd!r}, a {type(odd).__name__}; expected text or whole numbers: make it text")


def _stamps(series) -> tuple[np.ndarray, str]:
    """Stamps as int64 or datetime64[ns], and how they came (see Form)."""
    narwhals, kind = _library(), series.dtype
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


def _fits(freq: Frequency, stamps: np.ndarray, config: SeriesConfig) -> None:
    if (freq.unit == "int") != (stamps.dtype.kind == "i"):
        kind = "whole numbers" if stamps.dtype.kind == "i" else "dates"
        raise ConfigError(f"`freq` is {str(freq)!r}, but the column {config.time_col!r} holds {kind}")


def _no_duplicates(ids, codes, stamps, config: SeriesConfig) -> None:
    same = np.flatnonzero((np.diff(codes) == 0) & (np.diff(stamps).astype(np.int64) == 0))
    if len(same):
        at = same[0]
        hint = "" if len(ids) > 1 else f"; if these are several series, name each in a column {config.id_col!r}"
        raise DataError(
            f"series {ids[codes[at]]!r} has {shown(stamps[at])} twice ({len(same)} duplicate stamps in all){hint}"
        )


def _places(freq: Frequency, series, ids, config: SeriesConfig) -> list[np.ndarray]:
    """The place of each stamp in its series' grid; irregular and missing stamps are said."""
    found = []
    for name, stamps in zip(ids, series, strict=True):
        places, off = freq.positions(stamps, stamps[0])
        if off.any():
            raise DataError(
                f"series {name!r} has {shown(stamps[off][0])}, which is not a whole number of steps of"
                f" {freq} after {shown(stamps[0])}; give `freq`, or bring it to regular steps first"
            )
        if (np.diff(places) == 0).any():
            at = np.flatnonzero(np.diff(places) == 0)[0]
            raise DataError(f"series {name!r} has two stamps in one step of {freq}: {shown(stamps[at + 1])}")
        missing = places[-1] + 1 - len(places)
        if missing and config.fill == "error":
            at = np.flatnonzero(np.diff(places) > 1)[0]
            raise DataError(
                f"series {name!r} misses {missing} stamps at steps of {freq}, first after {shown(stamps[at])};"
                " say what becomes of them: fill='forward', fill='linear' or fill='zero'"
            )
        if missing > _SPARSE * len(places):
            raise DataError(
                f"series {name!r} has {len(places)} rows for {places[-1] + 1:,} steps of {freq}, from"
                f" {shown(stamps[0])} to {shown(stamps[-1])}; is a stamp mistyped, or `freq` too fine?"
            )
        found.append(places)
    return found


def _numbers(table, name: str, empty: bool = False) -> np.ndarray:
    """A column as float64. empty: it may be without any value, and then has no type."""
    series = table[name]
    if empty and series.null_count() == len(series):
        return np.full(len(series), np.nan)
    if not (series.dtype.is_numeric() or series.dtype == _library().Boolean):
        listed = series.to_list()
        row = next((k for k, one in enumerate(listed) if not _is_number(one)), None)
        hint = "numbers alone can be forecast" if row is None else f"row {row} has {listed[row]!r}"
        raise DataError(f"the column {name!r} holds {series.dtype}; expected numbers ({hint})")
    values = series.cast(_library().Float64).to_numpy().astype(np.float64)
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


def _static(table, config: SeriesConfig, order, codes, starts, ids) -> list[list]:
    rows = [[] for _ in ids]
    for name in config.static:
        # A name is a word, also where it is written as a number.
        values = list(map(str, ids)) if name == config.id_col else None
        if values is None:
            listed = table[name].to_list()
            _plain([one for one in listed if one is not None], f"the static column {name!r}")
            listed = [listed[i] for i in order]
            values = [listed[start] for start in starts]
            for code, value in zip(codes, listed, strict=True):
                if value is None or value != value or value != values[code]:
                    raise DataError(
                        f"the static column {name!r} has {values[code]!r} and {value!r} in series {ids[code]!r}; expected"
                        " one value a series"
                    )
        for row, value in zip(rows, values, strict=True):
            row.append(value)
    return rows


def _filled(panel: Panel, config: SeriesConfig, names: list[str]) -> Panel:
    """Missing values filled, or said."""
    flat = np.concatenate([panel.y[:, None], panel.past, panel.known], 1)
    missing = ~np.isfinite(flat)
    if not missing.any():
        return panel
    row, which = np.argwhere(missing)[0]
    owner, name = panel.owners[row], names[1 + which]
    if config.fill == "error":
        stamp = panel.stamps()[row]
        raise DataError(
            f"series {panel.ids[owner]!r} has no {name!r} at {shown(stamp)} ({missing[:, which].sum()} missing in all);"
            " say what becomes of missing values: fill='forward', fill='linear' or fill='zero'"
        )
    for s, (a, b) in enumerate(zip(panel.offsets, panel.offsets[1:], strict=False)):
        if missing[a:b].all(0).any():
            empty = names[1 + int(missing[a:b].all(0).argmax())]
            raise DataError(f"series {panel.ids[s]!r} has no value of {empty!r} at all; leave it out")
        for k in range(flat.shape[1]):
            values = flat[a:b, k].copy()
            flat[a:b, k] = fill(values, missing[a:b, k], config.fill)
            # What is known ahead has no cut to look across.
            if k < panel.wait.shape[1]:
                panel.wait[a:b, k], panel.held[a:b, k] = later(values, missing[a:b, k], config.fill)
    ends = np.cumsum([1, panel.past.shape[1]])
    panel.y[:], panel.past[:], panel.known[:] = flat[:, 0], flat[:, ends[0] : ends[1]], flat[:, ends[1] :]
    return panel


def later(values: np.ndarray, missing: np.ndarray, how: str) -> tuple[np.ndarray, np.ndarray]:
    """For each place the steps until the value is measured that its filling stands on (see Panel), and what it is before."""
    places = np.arange(len(values))
    after = np.minimum.accumulate(np.where(missing, len(values), places)[::-1])[::-1]
    before = np.maximum.accumulate(np.where(missing, -1, places))
    looks = {"zero": False, "forward": before < 0, "linear": True}.get(how, False) & missing & (after < len(values))
    return np.where(looks, after - places, 0), np.where(looks & (before >= 0), values[before], 0.0)


def fill(values: np.ndarray, missing: np.ndarray, how: str) -> np.ndarray:
    """Values with what is missing filled, (n,) each: fill([1, nan, 3], [False, True, False], "linear") → [1, 2, 3]."""
    have = np.flatnonzero(~missing)
    if how == "zero":
        return np.where(missing, 0.0, values)
    if how == "linear":
        return np.interp(np.arange(len(values)), have, values[have])
    last = np.maximum.accumulate(np.where(missing, -1, np.arange(len(values))))
    return values[np.where(last < 0, have[0], last)]  # before the first value there is only the first
