"""What follows from a comparison of cells: only what is larger than the noise of a training, which is reported beside it."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recurra import cells

# 97.5 % quantiles of Student's t by degrees of freedom; beyond, they follow 1.96 + 2.5 / degrees to a hundredth.
_T = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)


@dataclass(frozen=True)
class Noise:
    """How far trainings that differ in their seed alone lie apart."""

    deviation: float
    """The standard deviation of one training."""
    degrees: int
    """Degrees of freedom that it was estimated with."""

    def limit(self, count: int, other: int) -> float:
        """The largest difference of two means, of so many trainings each, that chance alone explains (in 19 of 20 cases)."""
        t = _T[self.degrees - 1] if self.degrees <= len(_T) else 1.96 + 2.5 / self.degrees
        return t * self.deviation * math.sqrt(1 / count + 1 / other)


def noise(groups: Sequence[Sequence[float]]) -> Noise | None:
    """The noise within groups of repeated measurements, pooled over them; None if nothing was repeated."""
    degrees = sum(len(group) - 1 for group in groups if group)
    if degrees < 1:
        return None
    squares = sum((value - statistics.fmean(group)) ** 2 for group in groups if group for value in group)
    return Noise(math.sqrt(squares / degrees), degrees)


def summary(cell: str, units: int, trainings: list[dict[str, Any]]) -> dict[str, Any]:
    """A cell's trainings as a row: means over those that are done, or, while none is, over those that have numbers."""
    ended = [one for one in trainings if one["state"] == "finished"]
    counted = ended or [one for one in trainings if one["bits"] is not None]
    bits = [one["bits"] for one in counted if one["bits"] is not None]
    means = {name: _mean([one[name] for one in counted]) for name in ("nats", "bits", "speed", "seconds", "steps")}
    return {
        "cell": cell,
        "units": units,
        "parameters": next((one["parameters"] for one in trainings if one["parameters"]), None),
        **means,
        "each": bits,
        "speeds": [one["speed"] for one in ended if one["speed"]],
        "done": len(ended),
        "runs": [one["run"] for one in trainings],
        "state": _state([one["state"] for one in trainings]),
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _state(states: list[str]) -> str:
    """Of several trainings: the first of these that any of them is in."""
    return next((state for state in ("training", "waiting", "failed", "stopped") if state in states), "finished")


def best(rows: list[dict[str, Any]]) -> list[str]:
    """The cells that no other one is better than by more than the noise; none where the noise is not known."""
    done, found = _ranked(rows), noise([row["each"] for row in _ranked(rows)])
    if len(done) < 2 or found is None:
        return []
    first = done[0]
    return [row["cell"] for row in done if row["bits"] - first["bits"] <= _limit(found, first, row)]


def sentences(rows: list[dict[str, Any]]) -> list[str]:
    """When to pick which cell, from the rows of a comparison; empty until two cells have numbers.

    Bits a character are compared as they were measured on the held-out part of the text. Trainings of one cell differ by their
    seed: a difference that is not larger than that is left open.
    """
    done = _ranked(rows)
    if len(done) < 2:
        return []
    first, found = done[0], noise([row["each"] for row in done])
    words = [f"{_title(first)} learned most: {first['bits']:.3f} bits a character in {first['seconds']:.3g} seconds."]
    if found is None:
        return [
            *words,
            "Each cell was trained once, so how much of a difference is chance is not known, and no advice follows.",
        ]
    words.append(
        f"Trainings of one cell that differ in their seed alone lie {found.deviation:.3f} bits apart (standard deviation,"
        f" {found.degrees} degrees of freedom)."
    )
    close = [row for row in done[1:] if row["bits"] - first["bits"] <= _limit(found, first, row)]
    if close:
        limit = max(_limit(found, first, row) for row in close)
        names = " and ".join(map(_title, close))
        words.append(
            f"{names}: within {limit:.3f} bits of it, which chance alone explains."
            " Which of these is better on this text is open."
        )
    for row in done[1:]:
        if row not in close:
            words.append(f"{_title(row)}: {row['bits']:.3f} bits, {_percent(row, first)} more, which is beyond chance.")
    return words + _speed(done, close)


def _speed(done: list[dict[str, Any]], close: list[dict[str, Any]]) -> list[str]:
    """Where another cell is faster than the best one by more than the noise of the speed, by its logarithm."""
    first = done[0]
    logs = {row["cell"]: [math.log(speed) for speed in row["speeds"]] for row in done}
    fastest = max((row for row in done if row["speed"]), key=lambda row: row["speed"], default=first)
    found = noise(list(logs.values()))
    if fastest is first or found is None or not (logs[first["cell"]] and logs[fastest["cell"]]):
        return []
    factor, counts = fastest["speed"] / first["speed"], (len(logs[first["cell"]]), len(logs[fastest["cell"]]))
    if math.log(factor) <= found.limit(*counts):
        return []
    price = (
        "that is free here" if fastest in close else f"pick it where speed counts more than {_percent(fastest, first)}"
    )
    return [f"{_title(fastest)} read {factor:.1f} times as many characters a second as {_title(first)}: {price}."]


def _ranked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((row for row in rows if row["bits"] is not None), key=lambda row: row["bits"])


def _limit(found: Noise, one: dict[str, Any], other: dict[str, Any]) -> float:
    return found.limit(len(one["each"]), len(other["each"]))


def title(cell: str) -> str:
    """What people call a cell, by its name: `title("rnn")` → "Elman RNN"; one that has no other name, or is gone, its name."""
    lesson = cells.get(cell).lesson if cell in cells.names() else None
    return lesson.title if lesson else cell


def _title(row: dict[str, Any]) -> str:
    return title(row["cell"])


def _percent(row: dict[str, Any], first: dict[str, Any]) -> str:
    return f"{row['bits'] / first['bits'] - 1:.1%}".replace("%", " %")
