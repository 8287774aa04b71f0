"""pandas' own forms of series as frames with columns: a Series, stamps or names in the index, periods."""

from typing import Any

from recurra.errors import DataError


def with_columns(frame: Any, id_cols: tuple[str, ...], time_col: str, target_col: str) -> Any:
    """A frame of pandas whose stamps, and names where they are there, are columns; all else as it is.

    A Series is the target. The last level of the index has the stamps, the ones before it the names of the series. Periods
    become their first stamps. DataError if an index has other levels than the settings have columns for.
    """
    if type(frame).__module__.partition(".")[0] != "pandas" or not hasattr(frame, "index"):
        return frame
    import pandas

    single = isinstance(frame, pandas.Series)
    frame = frame.to_frame(target_col) if single else frame
    frame = frame if all(isinstance(name, str) for name in frame.columns) else frame.rename(columns=str)
    if frame.columns.has_duplicates:
        return frame
    if not single and (time_col in frame.columns or not _has_stamps(frame.index, time_col)):
        return _without_periods(frame, time_col)
    levels = frame.index.nlevels
    names = [name for name in id_cols if name not in frame.columns] if levels > 1 else []
    if levels != 1 + len(names):
        raise DataError(
            f"the index has {levels} levels, {', '.join(map(str, frame.index.names))}; expected those of"
            f" {', '.join([*names, time_col])}: frame.reset_index() makes columns of them"
        )
    return _without_periods(frame.reset_index(names=[*names, time_col]), time_col)


def _has_stamps(index: Any, time_col: str) -> bool:
    last = index.get_level_values(-1)
    return time_col in index.names or last.dtype.kind == "M" or _are_periods(last)


def _are_periods(column: Any) -> bool:
    import pandas

    return isinstance(column.dtype, pandas.PeriodDtype | pandas.DatetimeTZDtype)


def _without_periods(frame: Any, time_col: str) -> Any:
    import pandas

    if time_col in frame.columns and isinstance(getattr(frame[time_col], "dtype", None), pandas.PeriodDtype):
        return frame.assign(**{time_col: frame[time_col].dt.to_timestamp()})
    return frame
