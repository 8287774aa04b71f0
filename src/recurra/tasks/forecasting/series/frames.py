"""Frames → series and back: `panel, form = read(frame, config)`. Invalid frames are reported here."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from recurra import files
from recurra.errors import ConfigError, DataError, setting
from recurra.paths import expanded, for_libraries
from recurra.tasks import dialect
from recurra.tasks.files import TABLES, marked, text_of
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series import columns, filling, finding, frequency, stamping, weighing
from recurra.tasks.forecasting.series.frequency import Frequency, shown
from recurra.tasks.forecasting.series.panel import Form, Panel, Series

_SPARSE = 100  # a grid with so many steps for each row that was given is a mistyped stamp
# In Python the same argument of `predict` that the setting is called by; a command has the two apart.
_KNOWN = setting("known", python="future")
_TABLES = (".csv", ".parquet")
_READ = TABLES | {".txt": ","}
"""Endings of tables of text, and what usually parts their cells."""
_HEAD = 2**16  # bytes at the beginning of a table of text that show what parts its cells


def load(path: str | Path, rows: int | None = None) -> Any:
    """The frame in a table of text or a Parquet file, or so many of its first rows. DataError if it is unreadable.

    Text is as CSV has it, with cells parted by commas, semicolons, tabs or bars: by what parts all lines alike.
    """
    path = expanded(path)
    try:
        import pyarrow
        from pyarrow import csv, parquet
    except ImportError as error:
        raise ConfigError("reading CSV and Parquet needs pyarrow: pip install 'recurra[forecast]'") from error
    if path.suffix.lower() not in (*_READ, ".parquet"):
        raise DataError(f"{path} is not a table that can be read; expected a .csv, .tsv or .parquet file")
    if path.suffix.lower() == ".parquet":
        data = _bytes(path)
        with files.decoding(path, "table"):
            whole = parquet.ParquetFile(pyarrow.BufferReader(data))
            if not rows or not whole.metadata.num_rows:
                return whole.read()
            return pyarrow.Table.from_batches([next(whole.iter_batches(rows))])
    data = _bytes(path)
    data = text_of(path).encode() if marked(data) else data
    lines = dialect.first_lines(data[:_HEAD].decode("utf-8-sig", "replace"), cut=len(data) > _HEAD)
    if not any(line.strip() for line in lines):
        raise DataError(f"{path} is empty; expected a first row that names the columns")
    how = {
        "parse_options": csv.ParseOptions(delimiter=dialect.part(_READ[path.suffix.lower()], lines)),
        "read_options": csv.ReadOptions(skip_rows=1) if dialect.stated(lines) else None,
    }
    try:
        with files.decoding(path, "table"), csv.open_csv(pyarrow.BufferReader(data), **how) as reader:
            names = reader.schema.names
        how["convert_options"] = csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string()))
        with files.decoding(path, "table"):
            if rows:
                with csv.open_csv(pyarrow.BufferReader(data), **how) as reader:
                    first = list(itertools.islice(reader, 1))
                    table = pyarrow.Table.from_batches(first, reader.schema).slice(0, rows)
            else:
                table = csv.read_csv(pyarrow.BufferReader(data), **how)
    except DataError as error:
        if "utf" in str(error.__cause__).lower():
            text_of(path)  # which says at which byte
        raise
    table = table.rename_columns([name.strip() for name in table.column_names])
    return columns.as_text(table, how["parse_options"].delimiter)


def _bytes(path: Path) -> bytes:
    """What is in a file. pyarrow reads it from memory: its threads read on after an error, and where they read by a file of
    Python's, they abort a process that is about to end."""
    with files.source(path) as file:
        return file.read()


def writable(path: str | Path) -> Path:
    """The path, or ConfigError if no frame can be written to it: its ending, or its folder."""
    path = Path(path)
    if path.suffix.lower() not in _TABLES:
        raise ConfigError(f"{path}: forecasts are written as .csv or .parquet")
    return files.check_place(path)


def write(frame: Any, path: str | Path) -> None:
    """Write a frame as .csv or .parquet, by the path's ending, whole or not at all."""
    path = writable(path)
    frame = columns.library().from_native(frame, eager_only=True)
    with files.replacing_output(path) as part, for_libraries(part) as name:
        frame.write_csv(name) if path.suffix.lower() == ".csv" else frame.write_parquet(name)


def read(
    frame: Any,
    config: SeriesConfig,
    freq: Frequency | None = None,
    *,
    filled: bool = True,
    words: list[list[str] | None] | None = None,
) -> Series:
    """The series of a frame, on a grid without gaps, and the frame's form.

    frame: pandas, polars or pyarrow; a row a stamp, in any order. freq: known already; default `config.freq`, or found.
    filled: False leaves NaN what `config.fill` is for, where the values before are elsewhere. words: as in the Panel that the
    covariates of this one are like; default: which hold words follows from their types.
    Raises DataError for columns that are missing or of the wrong type, for duplicate, irregular or missing stamps, and
    for missing values of the target unless `config.fill` says what becomes of them.
    """
    table = columns.open_frame(frame, config)
    names = [config.time_col, config.target_col, *config.past, *config.future]
    settings = {config.time_col: "time_col", config.target_col: "target_col"}
    columns.have(table, [*names, *[name for name in config.static if name not in config.id_col]], settings=settings)
    if not len(table):
        raise DataError("the frame is empty; expected a row for each stamp")
    id_cols = _id_cols(table, config)
    for name in config.id_col:
        if not id_cols and name in config.static:
            raise DataError(f"there is no column {name!r} in the frame, and {setting('static')} names it")
    ids, codes = columns.ids(table, id_cols)
    weights = weighing.read(table, config.weights, ids, codes)
    freq = freq or (frequency.parse(config.freq) if config.freq else None)
    stamps, kind = stamping.read(table[config.time_col], freq, columns.is_text(table))
    order = np.lexsort((stamps, codes))
    codes, stamps = codes[order], stamps[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    _no_duplicates(ids, codes, stamps, config)
    series = np.split(stamps, starts[1:])
    freq = freq or finding.find(series)
    _fits(freq, stamps, config)
    first = np.array([_anchor(freq, one) for one in series])
    places = _places(freq, first, series, ids, config)
    begin = np.array([place[0] for place in places])
    places = [place - place[0] for place in places]
    lengths = np.array([place[-1] + 1 for place in places])
    y, past, newest = np.full(lengths.sum(), np.nan), len(config.past), np.zeros(lengths.sum(), np.int64)
    rows = np.concatenate(places) + (np.cumsum(lengths) - lengths)[codes]
    y[rows] = columns.numbers(table, config.target_col, empty=not filled)[order]
    covariates, words = _covariates(table, names[2:], words)
    # Where no row is, a covariate is as it was.
    newest[rows] = np.arange(len(rows))
    covariates = covariates[order][np.maximum.accumulate(newest)]
    panel = Panel(
        freq=freq,
        ids=ids,
        first=first,
        begin=begin,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        y=y,
        seen=np.isfinite(y),
        past=covariates[:, :past],
        known=covariates[:, past:],
        static=_static(table, config, order, codes, starts, ids),
        words=words,
        weights=weights,
    )
    panel = filling.filled(panel, config) if filled or config.fill == "error" else panel
    return Series(panel, Form(table.implementation.value, bool(id_cols), kind))


def _covariates(
    table, names: list[str], words: list[list[str] | None] | None
) -> tuple[np.ndarray, list[list[str] | None]]:
    """(rows, columns) numbers, and the words of each column that has any. words: as in `read`."""
    settled, met = words is not None, words or [None] * len(names)
    found = [columns.covariate(table, name, one, settled) for name, one in zip(names, met, strict=True)]
    values = [np.zeros((len(table), 0)), *[column[:, None] for column, _ in found]]
    return np.concatenate(values, 1), [listed for _, listed in found]


def _id_cols(table, config: SeriesConfig) -> tuple[str, ...]:
    """The columns that name the series; none where the frame is one series. DataError if it has some of them only."""
    if any(name in table.columns for name in config.id_col):
        columns.have(table, list(config.id_col))
        return config.id_col
    return ()


def _anchor(freq: Frequency, stamps: np.ndarray):
    """The stamp to count a series' steps from: of months the first of those on its latest day, which is the series' own.

    28 February, 30 March, 30 April are the 30th of each month, from wherever one begins to read.
    """
    if not (freq.months and freq.base.endswith("S")):
        return stamps[0]
    days = stamps.astype("datetime64[D]")
    return stamps[int((days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64).argmax())]


def extended(panel: Panel, frame: Any, config: SeriesConfig, steps: int) -> Panel:
    """The panel with its next steps, their values unknown, and the covariates known ahead from a frame with a row for each
    series and each of these steps."""
    count, past = len(panel.ids), panel.past.shape[1]
    if not config.future:
        if frame is not None:
            raise ConfigError(f"{_KNOWN} was given, but the model was fitted without future=(...) columns; drop it")
        return panel.extended(steps, np.zeros((count * steps, 0)))
    if frame is None:
        raise ConfigError(
            f"the model needs {', '.join(config.future)} for the next {steps} steps; give {_KNOWN}, a frame with"
            f" {config.time_col} and those columns"
        )
    table = columns.open_frame(frame, config)
    id_cols = _id_cols(table, config)
    if not id_cols and count > 1:
        raise DataError(f"{_KNOWN} has no column {config.id_col[0]!r}, and there are {count} series")
    columns.have(table, [config.time_col, *config.future], _KNOWN)
    names, codes = columns.ids(table, id_cols)
    stamps, _ = stamping.read(table[config.time_col], panel.freq, columns.is_text(table))
    if stamps.dtype != panel.first.dtype:
        raise DataError(f"{_KNOWN} has another type of {config.time_col} than the history has")
    values, words = _covariates(table, list(config.future), panel.words[past:])
    known = np.full((count, steps, values.shape[1]), np.nan)
    owners = (panel.numbered(names) if id_cols else np.zeros(1, np.int64))[codes]
    for s, name in enumerate(panel.ids):
        rows, there = np.flatnonzero(owners == s), np.zeros(steps, bool)
        places, off = panel.places_of(s, stamps[rows])
        ahead = places - panel.lengths[s]
        inside = (ahead >= 0) & (ahead < steps) & ~off
        known[s, ahead[inside]], there[ahead[inside]] = values[rows[inside]], True
        if not there.all():
            stamp = panel.stamp(s, panel.lengths[s] + int(there.argmin()))
            raise DataError(
                f"{_KNOWN} lacks {', '.join(config.future)} of series {name!r} at {shown(stamp)}"
                f" ({(~there).sum()} of {steps} steps are missing)"
            )
    return panel.extended(steps, known.reshape(count * steps, -1), [*panel.words[:past], *words])


def make(content: dict[str, Any], form: Form, stamps: tuple[str, ...] = ()) -> Any:
    """A frame of the library that the data came in. stamps: columns of `form.out`, which get their time zone."""
    narwhals = columns.library()
    frame = narwhals.from_dict(content, backend=form.backend)
    if form.zone and form.stamps.startswith("datetime"):
        zoned = [narwhals.col(name).dt.replace_time_zone("UTC").dt.convert_time_zone(form.zone) for name in stamps]
        frame = frame.with_columns(*zoned)
    return frame.to_native()


def _fits(freq: Frequency, stamps: np.ndarray, config: SeriesConfig) -> None:
    if (freq.unit == "int") != (stamps.dtype.kind == "i"):
        kind = "whole numbers" if stamps.dtype.kind == "i" else "dates"
        raise ConfigError(f"{setting('freq')} is {str(freq)!r}, but the column {config.time_col!r} holds {kind}")


def _no_duplicates(ids, codes, stamps, config: SeriesConfig) -> None:
    same = np.flatnonzero((np.diff(codes) == 0) & (np.diff(stamps).astype(np.int64) == 0))
    if len(same):
        at = same[0]
        hint = "" if len(ids) > 1 else f"; if these are several series, name each in a column {config.id_col[0]!r}"
        raise DataError(
            f"series {ids[codes[at]]!r} has {shown(stamps[at])} twice ({len(same)} duplicate stamps in all){hint}"
        )


def _places(freq: Frequency, first: np.ndarray, series, ids, config: SeriesConfig) -> list[np.ndarray]:
    """The step of each stamp, counted from the first stamp of its series in `first`; gaps and irregular ones are reported."""
    found = []
    for name, start, stamps in zip(ids, first, series, strict=True):
        places, off = freq.positions(stamps, start)
        if off.any():
            raise DataError(
                f"series {name!r} has {shown(stamps[off][0])}, which is not a whole number of steps of"
                f" {freq} after {shown(stamps[0])}; give "
                f"{'another' if config.freq else setting('freq')}, or bring it to regular steps"
            )
        if (np.diff(places) == 0).any():
            at = np.flatnonzero(np.diff(places) == 0)[0]
            raise DataError(f"series {name!r} has two stamps in one step of {freq}: {shown(stamps[at + 1])}")
        length = places[-1] + 1 - places[0]
        missing = length - len(places)
        if missing and config.fill == "error":
            raise DataError(
                f"series {name!r} misses {missing} {'stamp' if missing == 1 else 'stamps'} at steps of {freq}:"
                f" {_named(freq, start, places)};"
                f"{_hint(freq, series)} say what becomes of them: {setting('fill', 'forward')}, "
                f"{setting('fill', 'linear')} or {setting('fill', 'zero')}"
            )
        if missing > _SPARSE * len(places):
            raise DataError(
                f"series {name!r} has {len(places)} rows for {length:,} steps of {freq}, from"
                f" {shown(stamps[0])} to {shown(stamps[-1])}; is a stamp mistyped, or {setting('freq')} too fine?"
            )
        found.append(places)
    return found


def _named(freq: Frequency, first, places: np.ndarray, most: int = 3) -> str:
    """The first of the missing stamps."""
    gaps = np.flatnonzero(np.diff(places) > 1)[:most]
    missing = np.concatenate([np.arange(places[gap] + 1, min(places[gap + 1], places[gap] + 1 + most)) for gap in gaps])
    total = places[-1] + 1 - places[0] - len(places)
    return ", ".join(frequency.texts(freq.stamps(first, missing[:most]))) + " ..." * bool(total > most)


def _hint(freq: Frequency, series) -> str:
    """Of days of which some weekday never comes, the frequency that may be meant."""
    there = finding.weekdays(series) if str(freq) == "D" else ()
    if not 1 < len(there) < 7:
        return ""
    days = " ".join(there)
    return f" no stamp is on another day than {days}, so {setting('freq', days)} may be meant; else"


def _static(table, config: SeriesConfig, order, codes, starts, ids) -> list[list]:
    rows = [[] for _ in ids]
    for name in config.static:
        # A name is a word, also where it is written as a number.
        values = None
        if name in config.id_col:
            place = config.id_col.index(name)
            values = [str(one[place] if isinstance(one, tuple) else one) for one in ids]
        if values is None:
            listed = columns.static(table, name)
            listed = [listed[i] for i in order]
            values = [listed[start] for start in starts]
            for code, value in zip(codes, listed, strict=True):
                if value != values[code]:
                    raise DataError(
                        f"the static column {name!r} has {values[code]!r} and {value!r} in series {ids[code]!r}; expected"
                        " one value a series"
                    )
        for row, value in zip(rows, values, strict=True):
            row.append(value)
    return rows
