"""Which units vary most, and which feature of the text each one follows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recurra.config import nearest
from recurra.errors import ConfigError, setting
from recurra.inside.features import FEATURES, Feature, columns
from recurra.inside.reading import Reading, check_layer, check_state

ROWS = 20
"""Units that a notebook shows."""
# The features are compared with the text turned round by so many eighths.
_TURNS = range(1, 8)


@dataclass(frozen=True)
class Unit:
    """One unit of one state, and what it follows."""

    layer: int
    unit: int
    state: str
    variance: float
    """Of its value over the steps."""
    follows: tuple[tuple[str, float], ...]
    """Features with Pearson's r, the strongest first, whatever its sign."""


@dataclass(frozen=True)
class Ranking:
    """The units in order, and what is needed to judge an r."""

    units: list[Unit]
    tried: int
    """Units that were looked at: the best of many is high by chance alone."""
    chance: dict[str, float]
    """For each feature the largest |r| of any unit with the feature at the wrong places; believe what is well above."""
    left_out: tuple[str, ...]
    """Features that are the same all through the text, so that nothing can follow them."""

    def _repr_html_(self) -> str:
        """What a notebook shows: a table of the first units, what each follows, and what chance gives."""
        from recurra.inside.shaded import table

        rows = []
        for one in self.units[:ROWS]:
            feature, r = one.follows[0] if one.follows else ("", None)
            numbers = ["", ""] if r is None else [f"{r:+.2f}", f"{self.chance[feature]:.2f}"]
            rows.append([str(one.layer), str(one.unit), one.state, f"{one.variance:.3f}", feature, *numbers])
        left = f"{len(self.units) - ROWS:,} more units" if len(self.units) > ROWS else ""
        return table(["layer", "unit", "state", "variance", "follows", "r", "r by chance"], rows, left)


def rank(
    reading: Reading,
    by: str = "variance",
    *,
    layer: int | None = None,
    state: str | None = None,
    limit: int | None = None,
    features: Mapping[str, Feature] = FEATURES,
) -> Ranking:
    """Rank the units of a model: `rank(reading, by="double quotes").units[0].unit` is the one that follows quotes best.

    by: "variance"; "follows", the strongest r with any feature; or a feature's name.
    layer, state: only units of this layer, of this state; default all. limit: give only so many units.
    features: what units may follow; a feature of one's own is `Feature(words, text → array)`.

    r is Pearson's correlation over the steps, for features that are true or false the point-biserial one. `chance`
    is measured on the same text: the features are turned round by one to seven eighths of it, so that runs in the
    text and in the units stay as they are. ConfigError for a name or a layer that is not there.
    """
    known = ("variance", "follows", *features)
    if by not in known:
        raise ConfigError(f"{setting('by')} is {by!r}; {nearest(by, known)}")
    if limit is not None and limit < 0:
        raise ConfigError(f"{setting('limit')} is {limit}; expected 0 or more units")
    check_layer(reading.units, layer)
    check_state(reading.cell, state)
    table = columns(reading.characters, features)
    if by in features and by not in table:
        raise ConfigError(
            f"{setting('by')} is {by!r}, which is the same all through this text; take a text where it varies"
        )
    scaled = _standard(np.stack(list(table.values()), 1)) if table else np.zeros((len(reading.characters), 0))
    turned = [np.roll(scaled, turn * len(scaled) // 8, 0) for turn in _TURNS]
    units, chance = [], np.zeros(len(table))
    for at in range(len(reading.states)) if layer is None else [layer]:
        for name in reading.cell.state_names if state is None else [state]:
            values = reading.states[at][name].astype(np.float64)
            standard = _standard(values)
            r = _correlation(standard, scaled)
            for wrong in turned:
                chance = np.maximum(chance, np.abs(_correlation(standard, wrong)).max(0, initial=0))
            units += [
                Unit(at, k, name, variance, _sorted(table, row))
                for k, (variance, row) in enumerate(zip(values.var(0).tolist(), r.tolist(), strict=True))
            ]
    units.sort(key=_KEYS.get(by) or (lambda unit: abs(dict(unit.follows)[by])), reverse=True)
    left_out = tuple(name for name in features if name not in table)
    return Ranking(units[:limit], len(units), dict(zip(table, chance.tolist(), strict=True)), left_out)


_KEYS = {
    "variance": lambda unit: unit.variance,
    "follows": lambda unit: abs(unit.follows[0][1]) if unit.follows else 0.0,
}


def _sorted(names, row: list[float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(zip(names, row, strict=True), key=lambda pair: -abs(pair[1])))


def _standard(values: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and length 1; a constant one becomes 0, so that it follows nothing."""
    values = values - values.mean(0)
    length = np.linalg.norm(values, axis=0)
    return values / np.where(length > 1e-9, length, np.inf)


def _correlation(units: np.ndarray, features: np.ndarray) -> np.ndarray:
    """(units, features) from standard columns (T, units) and (T, features)."""
    return units.T @ features
