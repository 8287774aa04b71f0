"""Frames → series and back: `panel, form = read(frame, config)`. Whatever is wrong with a frame is said here."""

from pathlib import Path
from typing import Any

import numpy as np

from recurra import files
from recurra.errors import ConfigError, DataError, setting
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series import columns, filling, frequency
from recurra.tasks.forecasting.series.frequency import Frequency, shown
from recurra.tasks.forecasting.series.panel import Form, Panel, Series

_SPARSE = 100  # a grid with so many steps for each row that was given is a mistyped stamp
# In Python the same argument of `predict` that the setting is called by; a command has the two apart.
_KNOWN = setting("known", python="future")
_TABLES = (".csv", ".parquet")


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
    frame = columns.library().from_native(frame, eager_only=True)
    with files.replacing_output(path) as part:
        frame.write_csv(str(part)) if path.suffix.lower() == ".csv" else frame.write_parquet(str(part))


def read(frame: Any, config: SeriesConfig, freq: Frequency | None = None, *, filled: bool = True) -> Series:
    """The series of a frame, on a grid without gaps, and the frame's form.

    frame: pandas, polars or pyarrow; a row a stamp, in any order. freq: known already; default `config.freq`, or found.
    filled: False leaves NaN what `config.fill` is for, where the values before are elsewhere.
    Raises DataError for columns that are missing or of the wrong type, for duplicate, irregular or missing stamps, and
    for missing values unless `config.fill` says what becomes of them.
    """
    table = columns.open_frame(frame)
    names = [config.time_col, config.target_col, *config.past, *config.future]
    columns.have(table, [*names, *[name for name in config.static if name != config.id_col]])
    if not len(table):
        raise DataError("the frame is empty; expected a row for each stamp")
    has_ids = config.id_col in table.columns
    if not has_ids and config.id_col in config.static:
        raise DataError(f"there is no column {config.id_col!r} in the frame, and {setting('static')} names it")
    ids, codes = columns.ids(table, config.id_col if has_ids else None)
    stamps, kind = columns.read_stamps(table[config.time_col])
    order = np.lexsort((stamps, codes))
    codes, stamps = codes[order], stamps[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    _no_duplicates(ids, codes, stamps, config)
    series = np.split(stamps, starts[1:])
    freq = freq or (frequency.parse(config.freq) if config.freq else frequency.find(series))
    _fits(freq, stamps, config)
    places = _places(freq, series, ids, config)
    lengths = np.array([place[-1] + 1 for place in places])
    values = np.stack([columns.numbers(table, name, empty=not filled)[order] for name in names[1:]], 1)
    rows = np.concatenate(places) + (np.cumsum(lengths) - lengths)[codes]
    grid = np.full((lengths.sum(), values.shape[1]), np.nan)
    grid[rows] = values
    past = 1 + len(config.past)
    panel = Panel(
        freq=freq,
        ids=ids,
        first=stamps[starts],
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        y=grid[:, 0],
        seen=np.isfinite(grid[:, 0]),
        past=grid[:, 1:past],
        known=grid[:, past:],
        static=_static(table, config, order, codes, starts, ids),
    )
    panel = filling.filled(panel, config, names) if filled or config.fill == "error" else panel
    return Series(panel, Form(table.implementation.value, has_ids, kind))


def read_future(frame: Any, config: SeriesConfig, panel: Panel, steps: int) -> np.ndarray:
    """The covariates known ahead, (S * steps, K), from a frame with a row for each series and each of its next steps."""
    count = len(panel.ids)
    if not config.future:
        if frame is not None:
            raise ConfigError(f"{_KNOWN} was given, but the model was fitted without future=(...) columns; drop it")
        return np.zeros((count * steps, 0))
    if frame is None:
        raise ConfigError(
            f"the model needs {', '.join(config.future)} for the next {steps} steps; give {_KNOWN}, a frame with"
            f" {config.time_col} and those columns"
        )
    table = columns.open_frame(frame)
    several = config.id_col in table.columns
    if not several and count > 1:
        raise DataError(f"{_KNOWN} has no column {config.id_col!r}, and there are {count} series")
    columns.have(table, [config.time_col, *config.future], _KNOWN)
    names, codes = columns.ids(table, config.id_col if several else None)
    stamps, _ = columns.read_stamps(table[config.time_col])
    if stamps.dtype != panel.first.dtype:
        raise DataError(f"{_KNOWN} has another type of {config.time_col} than the history has")
    values = np.stack([columns.numbers(table, name) for name in config.future], 1)
    known = np.full((count, steps, values.shape[1]), np.nan)
    where = {name: code for code, name in enumerate(names)} if several else {panel.ids[0]: 0}
    for s, name in enumerate(panel.ids):
        rows = np.flatnonzero(codes == where[name]) if name in where else np.zeros(0, np.int64)
        places, off = panel.freq.positions(stamps[rows], panel.first[s])
        ahead = places - panel.lengths[s]
        inside = (ahead >= 0) & (ahead < steps) & ~off
        known[s, ahead[inside]] = values[rows[inside]]
        missing = np.flatnonzero(~np.isfinite(known[s]).all(1))
        if len(missing):
            stamp = panel.freq.stamps(panel.first[s], panel.lengths[s] + missing[:1])
            raise DataError(
                f"{_KNOWN} lacks {', '.join(config.future)} of series {name!r} at {shown(stamp[0])}"
                f" ({len(missing)} of {steps} steps are missing)"
            )
    return known.reshape(count * steps, -1)


def make(content: dict[str, Any], form: Form) -> Any:
    """A frame of the library that the data came in."""
    return columns.library().from_dict(content, backend=form.backend).to_native()


def _fits(freq: Frequency, stamps: np.ndarray, config: SeriesConfig) -> None:
    if (freq.unit == "int") != (stamps.dtype.kind == "i"):
        kind = "whole numbers" if stamps.dtype.kind == "i" else "dates"
        raise ConfigError(f"{setting('freq')} is {str(freq)!r}, but the column {config.time_col!r} holds {kind}")


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
                f" {freq} after {shown(stamps[0])}; give "
                f"{'another' if config.freq else setting('freq')}, or bring it to regular steps"
            )
        if (np.diff(places) == 0).any():
            at = np.flatnonzero(np.diff(places) == 0)[0]
            raise DataError(f"series {name!r} has two stamps in one step of {freq}: {shown(stamps[at + 1])}")
        missing = places[-1] + 1 - len(places)
        if missing and config.fill == "error":
            at = np.flatnonzero(np.diff(places) > 1)[0]
            raise DataError(
                f"series {name!r} misses {missing} stamps at steps of {freq}, first after {shown(stamps[at])};"
                f" say what becomes of them: {setting('fill', 'forward')}, "
                f"{setting('fill', 'linear')} or {setting('fill', 'zero')}"
            )
        if missing > _SPARSE * len(places):
            raise DataError(
                f"series {name!r} has {len(places)} rows for {places[-1] + 1:,} steps of {freq}, from"
                f" {shown(stamps[0])} to {shown(stamps[-1])}; is a stamp mistyped, or {setting('freq')} too fine?"
            )
        found.append(places)
    return found


def _static(table, config: SeriesConfig, order, codes, starts, ids) -> list[list]:
    rows = [[] for _ in ids]
    for name in config.static:
        # A name is a word, also where it is written as a number.
        values = list(map(str, ids)) if name == config.id_col else None
        if values is None:
            listed = table[name].to_list()
            columns.plain([one for one in listed if one is not None], f"the static column {name!r}")
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
