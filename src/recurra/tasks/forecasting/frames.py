"""Frames → series and back: `panel, form = read(frame, config)`. Whatever is wrong with a frame is said here."""

from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import ConfigError, DataError, nearest
from recurra.tasks.forecasting import frequency
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.frequency import Frequency, shown
from recurra.tasks.forecasting.panel import Form, Panel

_SPARSE = 100  # a grid with so many steps for each row that was given is a mistyped stamp


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
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise DataError(f"{path} is not a table that can be read; expected a .csv or a .parquet file")
    try:
        return csv.read_csv(path) if path.suffix.lower() == ".csv" else parquet.read_table(path)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read: {' '.join(str(error).split())}") from error


def write(frame: Any, path: str | Path) -> None:
    """Write a frame as .csv or .parquet, by the path's ending."""
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError(f"{path}: forecasts are written as .csv or .parquet")
    frame = _library().from_native(frame, eager_only=True)
    frame.write_csv(str(path)) if path.suffix.lower() == ".csv" else frame.write_parquet(str(path))


def read(frame: Any, config: SeriesConfig, freq: Frequency | None = None) -> tuple[Panel, Form]:
    """The series of a frame, on a grid without gaps, and the frame's form.

    frame: pandas, polars or pyarrow; a row a stamp, in any order. freq: known already; default `config.freq`, or found.
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
    columns = np.stack([_numbers(table, name)[order] for name in names[1:]], 1)
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
    return _filled(panel, config, names), Form(table.implementation.value, has_ids, kind)


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
    return table.collect() if isinstance(table, narwhals.LazyFrame) else table


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
    try:
        names = sorted(set(listed))
    except TypeError as error:
        raise DataError(f"the column {name!r} mixes types; make it text: {error}") from error
    number = {one: code for code, one in enumerate(names)}
    return names, np.fromiter((number[one] for one in listed), np.int64, len(listed))


def _stamps(series) -> tuple[np.ndarray, str]:
    """Stamps as int64 or datetime64[ns], and how they came (see Form)."""
    narwhals, kind = _library(), series.dtype
    if series.null_count():
        raise DataError(f"the column {series.name!r} has {series.null_count()} empty cells; each row needs its stamp")
    if kind.is_integer():
        return series.to_numpy().astype(np.int64), "int"
    if isinstance(kind, narwhals.Datetime):
        if kind.time_zone:
            raise DataError(
                f"the column {series.name!r} has the time zone {kind.time_zone}; convert it to UTC and drop the zone, so"
                " that no hour comes twice"
            )
        return series.to_numpy().astype("datetime64[ns]"), "datetime"
    if kind == narwhals.Date:
        return np.array(series.to_list(), "datetime64[D]").astype("datetime64[ns]"), "date"
    if kind != narwhals.String and kind != narwhals.Object:
        raise DataError(f"the column {series.name!r} is {kind}; expected dates, times or whole numbers")
    texts = series.to_list()
    try:
        found = np.array(texts, "datetime64")
    except (ValueError, TypeError) as error:
        bad = next((text for text in texts if not _is_stamp(text)), texts[0])
        raise DataError(
            f"the column {series.name!r} has {bad!r}, which is no date as ISO 8601 has them (2024-05-31 14:00)"
        ) from error
    unit = np.datetime_data(found.dtype)[0]
    return found.astype("datetime64[ns]"), f"text:{unit}:{' ' if ' ' in str(texts[0]) else 'T'}"


def _is_stamp(text: Any) -> bool:
    try:
        np.datetime64(text)
    except (ValueError, TypeError):
        return False
    return True


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


def _numbers(table, name: str) -> np.ndarray:
    series = table[name]
    if not (series.dtype.is_numeric() or series.dtype == _library().Boolean):
        hint = "" if series.dtype == _library().String else " (numbers alone can be forecast)"
        raise DataError(f"the column {name!r} holds {series.dtype}; expected numbers{hint}")
    values = series.cast(_library().Float64).to_numpy().astype(np.float64)
    if np.isinf(values).any():
        raise DataError(f"the column {name!r} holds infinity, in row {int(np.isinf(values).argmax())}")
    return values


def _static(table, config: SeriesConfig, order, codes, starts, ids) -> list[list]:
    rows = [[] for _ in ids]
    for name in config.static:
        values = ids if name == config.id_col else None
        if values is None:
            listed = table[name].to_list()
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
            flat[a:b, k] = _fill(flat[a:b, k], missing[a:b, k], config.fill)
    ends = np.cumsum([1, panel.past.shape[1]])
    panel.y[:], panel.past[:], panel.known[:] = flat[:, 0], flat[:, ends[0] : ends[1]], flat[:, ends[1] :]
    return panel


def _fill(values: np.ndarray, missing: np.ndarray, how: str) -> np.ndarray:
    have = np.flatnonzero(~missing)
    if how == "zero":
        return np.where(missing, 0.0, values)
    if how == "linear":
        return np.interp(np.arange(len(values)), have, values[have])
    last = np.maximum.accumulate(np.where(missing, -1, np.arange(len(values))))
    return values[np.where(last < 0, have[0], last)]  # before the first value there is only the first
