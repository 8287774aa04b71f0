"""Which column of a table holds the stamps, which the numbers to forecast, and which the names of series, where nobody says so
and they are not called ds, y and unique_id."""

from collections.abc import Callable
from typing import Any

from recurra.errors import DataError
from recurra.tasks import dialect
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series import columns, stamping

_COUNTED = {"year", "years", "time", "t", "step", "index"}
"""Names of columns of stamps that are whole numbers; by themselves such columns could be anything."""


def found(frame: Any, config: SeriesConfig) -> dict[str, str]:
    """The settings time_col and target_col for a table with other columns: {"time_col": "Month", "target_col": "Passengers"}.

    DataError for a table without names, whose column of stamps is called as the first of them.
    Each is found only where exactly one column can be it; otherwise the user has to name it. In a table of two columns, finding
    one decides the other, even if the other has a cell that cannot be read: that cell is then named in an error.
    """
    table = columns.open_frame(frame, config)
    missing = [name for name in ("time_col", "target_col") if getattr(config, name) not in table.columns]
    if not missing or not len(table):
        return {}
    used = {*config.id_col, *config.past, *config.future, *config.static, config.weights}
    free = [name for name in table.columns if name not in used]
    times = [name for name in free if name != config.target_col and _are_stamps(table, name)]
    targets = [name for name in free if name not in (config.time_col, *times) and _are_numbers(table, name)]
    if len(free) == 2 and len(times + targets) == 1:
        other = [name for name in free if name not in times + targets]
        times, targets = times or other, targets or other
    time = times[0] if "time_col" in missing and len(times) == 1 else config.time_col
    target = targets[0] if "target_col" in missing and len(targets) == 1 else config.target_col
    if "time_col" in missing and times and stamping.is_date(time):
        raise DataError(f"the first row has {time!r}; expected the names of the columns there: add a row with them")
    roles = {"time_col": time, "target_col": target}
    return {name: roles[name] for name in missing if roles[name] in table.columns}


def name_of_series(head: Any, config: SeriesConfig, whole: Callable[[], Any]) -> str | None:
    """The column that names the series, where stamps come again and one column alone, of words, tells their rows apart.

    head: the first rows, which show whether there is such a column. whole: gives all rows, which show whether each has a
    stamp and name of its own.
    """
    table = columns.open_frame(head, config)
    if {config.time_col, config.target_col} - set(table.columns) or set(config.id_col) & set(table.columns):
        return None
    used = {config.time_col, config.target_col, *config.past, *config.future, config.weights}
    words = [name for name in table.columns if name not in used and not _are_numbers(table, name)]
    words = [name for name in words if not _are_stamps(table, name)]
    if not words:
        return None
    table = columns.open_frame(whole(), config)
    stamps = table[config.time_col].to_list()
    if len(set(stamps)) == len(stamps):
        return None
    names = [name for name in words if len(set(zip(table[name].to_list(), stamps, strict=True))) == len(stamps)]
    return names[0] if len(names) == 1 else None


def _are_stamps(table, name: str) -> bool:
    try:
        _, kind = stamping.read(table[name], None, columns.is_text(table))
    except DataError:
        return False
    return kind != "int" or name.lower() in _COUNTED


def _are_numbers(table, name: str) -> bool:
    try:
        columns.numbers(table, name)
    except DataError:
        # An ambiguous amount, such as 1,234 alone, belongs to a column of numbers; reading it raises the error that says so.
        cells = [one for one in table[name].to_list() if one and one.strip()] if columns.is_text(table) else []
        return bool(cells) and all(map(dialect.is_amount, cells))
    return True
