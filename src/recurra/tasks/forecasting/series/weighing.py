"""How much each series counts in the loss: a column of the frame, or a mapping from names."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurra.errors import ConfigError, DataError, nearest, setting
from recurra.tasks.forecasting.series import columns
from recurra.tasks.forecasting.series.panel import plain

NAME = setting("weight_col", python="weights")


def read(table: Any, weights: str | dict | None, ids: list, codes: np.ndarray) -> np.ndarray:
    """The weight of each series, (S,): 1 where nothing says otherwise. DataError, in a line, for invalid ones.

    weights: the setting. ids: names of the series. codes: (rows,) the series of each row.
    """
    if weights is None:
        return np.ones(len(ids))
    if isinstance(weights, str):
        return _from_column(table, weights, ids, codes)
    known = {plain(name): number for number, name in enumerate(ids)}
    if strange := [name for name in weights if name not in known]:
        raise DataError(f"{NAME} has {strange[0]!r}, and there is no such series; {nearest(strange[0], list(known))}")
    return np.array([weights.get(plain(name), 1.0) for name in ids])


def _from_column(table: Any, name: str, ids: list, codes: np.ndarray) -> np.ndarray:
    columns.have(table, [name], settings={name: "weight_col"})
    values = columns.numbers(table, name)
    found = np.full(len(ids), np.nan)
    found[codes] = values
    wrong = ~(values >= 0) | (values != found[codes])
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"the column {name!r} has {values[row]:g} in row {row}, of series {ids[codes[row]]!r}; expected one weight a"
            " series, 0 or more"
        )
    return found


def checked(weights: Any) -> Any:
    """The setting as a run stores it: a mapping becomes a dict with names as text. ConfigError for an invalid one."""
    if weights is None or isinstance(weights, str):
        return weights
    if not isinstance(weights, Mapping) and not hasattr(weights, "keys"):
        raise ConfigError(f"{NAME} is {weights!r}; expected a column, or a mapping from series to numbers")
    found = {plain(name): weights[name] for name in weights.keys()}  # noqa: SIM118 (a Series gives its values)
    if strange := next((name for name in found if isinstance(name, tuple)), None):
        raise ConfigError(f"{NAME} has {strange!r}; where several columns name a series, give the weights as a column")
    for name, weight in found.items():
        if not isinstance(weight, int | float | np.number) or not 0 <= float(weight) < float("inf"):
            raise ConfigError(f"{NAME} has {weight!r} of {name!r}; expected a number, 0 or more")
    return {name: float(weight) for name, weight in found.items()}
