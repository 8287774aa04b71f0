"""Columns of a user's frame → arrays: names of series, stamps, numbers. Invalid columns are reported here.

The columns of a CSV file come as the texts that stand in it (`as_text`), since what they are follows from their use: `001` and
`1.10` are names in one column and numbers in another.
"""

from collections import Counter
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from recurra.errors import ConfigError, DataError, nearest, setting
from recurra.tasks import dialect
from recurra.tasks.forecasting.series import encoding, frequency, pandas_forms, stamping
from recurra.tasks.forecasting.series.frequency import Frequency
from recurra.tasks.forecasting.series.panel import plain as as_word
from recurra.text.forms import composed_label

_HUGE = 1e100  # squares of what is larger leave float64
_TEXT, _DECIMAL = {b"recurra": b"text"}, b"recurra.decimal"
_LOOKED_AT = 1000  # rows of a file that show what its decimals stand behind
# What the cells of CSV files hold where there is no number, as pyarrow and pandas read them.
_EMPTY = (
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "N/A",
    "NA",
    "NULL",
)
_TRUTH = {"true": 1.0, "false": 0.0}
_EMPTY += ("NaN", "n/a", "nan", "null", "None", "<NA>")


def library() -> ModuleType:
    """Narwhals, which reads and makes frames of every library. ConfigError, with the line that installs it, without."""
    try:
        import narwhals.stable.v2 as narwhals
    except ImportError as error:
        raise ConfigError(
            "forecasting needs narwhals, which reads any frame: pip install 'recurra[forecast]'"
        ) from error
    return narwhals


def as_text(table: Any, delimiter: str = ",") -> Any:
    """A pyarrow table whose columns are texts as they stood in a file, marked as such, with what its decimals stand behind.

    delimiter: what parted the cells.
    """
    cells = (column.slice(0, _LOOKED_AT).to_pylist() for column in table.columns)
    decimal = dialect.point(
        [["" if one is None or one in _EMPTY else one for one in column] for column in cells], delimiter
    )
    return table.replace_schema_metadata(_TEXT | ({_DECIMAL: decimal.encode()} if decimal else {}))


def is_text(table: Any) -> bool:
    """Whether the columns of a frame, as narwhals has it, are texts as they stood in a file."""
    return _marks(table).items() >= _TEXT.items()


def _decimal(table: Any) -> str:
    """What decimals stand behind in a file, where it shows that; else ""."""
    return _marks(table).get(_DECIMAL, b"").decode()


def _marks(table: Any) -> dict[bytes, bytes]:
    return getattr(getattr(table.to_native(), "schema", None), "metadata", None) or {}


def open_frame(frame: Any, config: Any = None):
    """A frame as narwhals has it. DataError for what is none, or has two columns of one name.

    config: SeriesConfig, by which stamps and names in the index of pandas become columns; None: the frame is one of ours.
    """
    narwhals = library()
    if config is not None:
        frame = pandas_forms.with_columns(frame, config.id_col, config.time_col, config.target_col)
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
    """A column of a frame as an array. DataError, with the nearest name, if there is none."""
    table = open_frame(frame)
    have(table, [name])
    return table[name].to_numpy()


def texts(frame: Any, name: str) -> list:
    """A column of a frame for people and for JSON: numbers and texts as they are, stamps as people write them."""
    series = open_frame(frame)[name]
    if not isinstance(series.dtype, library().Datetime):
        return [one if isinstance(one, int | float | str) else str(one) for one in series.to_list()]
    listed = frequency.texts(series.dt.replace_time_zone(None).to_numpy())
    if not series.dtype.time_zone:
        return listed
    return [f"{text}{one:%z}" for text, one in zip(listed, series.to_list(), strict=True)]


def stamps(frame: Any, name: str, freq: Frequency | None = None) -> np.ndarray:
    """A column of stamps as int64 or datetime64[ns]."""
    table = open_frame(frame)
    have(table, [name])
    return stamping.read(table[name], freq, is_text(table))[0]


def have(table, names: list[str], what: str = "the frame", settings: dict[str, str] = MappingProxyType({})) -> None:
    """DataError, with the nearest one there is, for a column that is missing. settings: by column, what names another one."""
    for name in names:
        if name not in table.columns:
            other = f"; name another with {setting(settings[name])}" if name in settings else ""
            raise DataError(f"{what} has no column {name!r}; {nearest(name, table.columns)}{other}")


def ids(table, columns: tuple[str, ...]) -> tuple[list, np.ndarray]:
    """The names of the series, sorted, and the number of each row's: (rows,). Of several columns a name is a tuple.

    Without a column there is one series, y.
    """
    if not columns:
        return ["y"], np.zeros(len(table), np.int64)
    parts = [_names(table, column) for column in columns]
    listed = parts[0] if len(parts) == 1 else list(zip(*parts, strict=True))
    number = {one: code for code, one in enumerate(sorted(set(listed)))}
    return list(number), np.fromiter((number[one] for one in listed), np.int64, len(listed))


def _names(table, column: str) -> list:
    listed = [composed_label(one) for one in table[column].to_list()]
    if any(one is None or one != one for one in listed) or (is_text(table) and "" in listed):
        raise DataError(f"the column {column!r} has empty cells; each row needs the name of its series")
    plain(listed, f"the column {column!r}")
    try:
        sorted(set(listed))
    except TypeError as error:
        raise DataError(f"the column {column!r} mixes types; make it text: {error}") from error
    return listed


def plain(listed: list, what: str) -> None:
    """DataError for values that a run's folder cannot keep."""
    odd = next((one for one in listed if not isinstance(one, str | int | float | np.number | np.bool_)), None)
    if isinstance(odd, bytes):
        raise DataError(f"{what} has {odd!r}, bytes that are no text; is the file not UTF-8? save it as that")
    if odd is not None:
        raise DataError(f"{what} has {odd!r}, a {type(odd).__name__}; expected text or whole numbers: make it text")


def static(table, name: str) -> list:
    """The cells of a static column: numbers or words, None if one is missing. Those of a file are numbers where all are,
    and none is like 007."""
    listed = table[name].to_list()
    if is_text(table):
        cells = [None if one in _EMPTY else one for one in listed]
        codes = any(one is not None and len(one) > 1 and one[0] == "0" and one[1].isdigit() for one in cells)
        if _decimal(table) != dialect.POINT and not codes:
            cells = _as_python_writes(cells, _decimal(table), f"the static column {name!r}")
        if not codes and all(map(_is_number, cells)):
            listed = [None if one is None else float(one) for one in cells]
        else:
            listed = [one or None for one in listed]
    listed = [None if _is_missing(one) else one for one in listed]
    plain([one for one in listed if one is not None], f"the static column {name!r}")
    return listed


def covariate(
    table, name: str, met: list[str] | None = None, settled: bool = False
) -> tuple[np.ndarray, list[str] | None]:
    """A column as (rows,) float64, NaN where it is missing, and None; or of words their places in a list, and that list.

    met: words that the list begins with. settled: whether it holds words is known, by `met`; else it follows from its type, and
    in a file from the cells: words where none is a number.
    """
    if met is not None or not (settled or _are_numbers(table, name)):
        return encoding.coded(_words(table, name), met)
    return numbers(table, name, empty=True, what="numbers" if settled else "numbers, or words alone"), None


def _are_numbers(table, name: str) -> bool:
    kinds, series = library(), table[name]
    if not is_text(table):
        return not isinstance(series.dtype, kinds.String | kinds.Categorical | kinds.Enum)
    cells = [one.strip() for one in series.to_list() if one is not None and one.strip() not in _EMPTY]
    return not cells or any(_is_number(one) or one.lower() in _TRUTH or dialect.is_amount(one) for one in cells)


def _words(table, name: str) -> list[str | None]:
    listed, text = table[name].to_list(), is_text(table)
    listed = [None if _is_missing(one) or (text and one.strip() in _EMPTY) else one for one in listed]
    plain([one for one in listed if one is not None], f"the column {name!r}")
    return [None if one is None else composed_label(as_word(one)) for one in listed]


def numbers(table, name: str, empty: bool = False, what: str = "numbers") -> np.ndarray:
    """A column as float64. empty: it may be without any value, and then has no type. what: is expected, for messages."""
    series = table[name]
    if empty and series.null_count() == len(series):
        return np.full(len(series), np.nan)
    if series.dtype.is_numeric() or series.dtype == library().Boolean:
        values = series.cast(library().Float64).to_numpy().astype(np.float64)
    else:
        values = _parsed(table, name, series.dtype, empty, what)
    if np.isinf(values).any():
        raise DataError(f"the column {name!r} holds infinity, in row {int(np.isinf(values).argmax())}")
    if (large := np.abs(values) > _HUGE).any():
        row = int(large.argmax())
        raise DataError(
            f"the column {name!r} has {values[row]:g} in row {row}; take a larger unit, so that it is below 1e+100"
        )
    return values


def _parsed(table, name: str, kind: Any, empty: bool, what: str) -> np.ndarray:
    """Numbers of a column that has no type of numbers: objects such as decimals, and the texts of a file."""
    listed, text = table[name].to_list(), is_text(table)
    if text:
        listed = [None if one.strip() in _EMPTY else _TRUTH.get(one.strip().lower(), one) for one in listed]
    row = next((k for k, one in enumerate(listed) if not _is_number(one)), None)
    if text and (row is not None or _decimal(table) != dialect.POINT):
        listed = _as_python_writes(listed, _decimal(table), f"the column {name!r}")
        row = next((k for k, one in enumerate(listed) if not _is_number(one)), None)
    if row is None and not text:
        row = next((k for k, one in enumerate(listed) if isinstance(one, str)), None)
    if row is not None or (not empty and all(one is None for one in listed)):
        hint = "numbers alone can be forecast" if row is None else f"row {row} has {listed[row]!r}"
        raise DataError(f"the column {name!r} holds {'text' if text else kind}; expected {what} ({hint})")
    return np.array([np.nan if _is_empty(one) else float(one) for one in listed])


def _as_python_writes(listed: list, decimal: str, what: str) -> list:
    """Cells with a decimal comma, parted thousands, a currency or per cent, as numbers; others as they are."""
    found = dialect.plain([one if isinstance(one, str) else "" for one in listed], what, decimal or None)
    return [new or one for one, new in zip(listed, found or listed, strict=True)]


def _is_empty(one: Any) -> bool:
    return one is None or type(one).__name__ == "NAType"


def _is_missing(one: Any) -> bool:
    return _is_empty(one) or (isinstance(one, float | np.floating) and one != one)


def _is_number(one: Any) -> bool:
    try:
        float(one)
    except (TypeError, ValueError):
        return _is_empty(one)
    return True
