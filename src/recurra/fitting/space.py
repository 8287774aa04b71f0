"""What a search may try: a table of settings by name, each with its choices or with a range.

    SEARCH = {"cell": ("lstm", "gru"), "hidden_size": Between(32, 256, step=8), "dropout": Between(0.0, 0.5, even=True)}

Each task has one in its `config`. The settings that a user has set are left out of a search.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Between(NamedTuple):
    """Numbers from `least` to `most`, ends included."""

    least: float
    most: float
    even: bool = False
    """Drawn evenly; otherwise evenly in their logarithm, as suits rates and sizes."""
    step: int = 0
    """Only whole multiples of this; 0 = any number, in three digits."""


Kind = Between | tuple
Space = Mapping[str, Kind]


def drawn(trial: Any, space: Space) -> dict[str, Any]:
    """Settings by name, as a trial of Optuna suggests them."""
    return {name: _drawn(trial, name, kind) for name, kind in space.items()}


def _drawn(trial: Any, name: str, kind: Kind) -> Any:
    if not isinstance(kind, Between):
        return trial.suggest_categorical(name, kind)
    number = trial.suggest_float(name, kind.least, kind.most, log=not kind.even)
    return kind.step * round(number / kind.step) if kind.step else float(f"{number:.3g}")


def placed(values: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Settings as points of the space, for Optuna to know them by: a number outside of it becomes the nearest one inside, and a
    word that is no choice is left out."""
    found = {}
    for name, kind in space.items():
        value = values[name]
        if isinstance(kind, Between):
            found[name] = float(min(max(value, kind.least), kind.most))
        elif value in kind:
            found[name] = value
        elif not isinstance(value, str):
            found[name] = min(kind, key=lambda choice: abs(choice - value))
    return found
