"""How good a fitted model is, in the words of its task: what a command ends with."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from recurra.fitting.progress import MEASURES
from recurra.terminal import number

SHOWN = 3
"""Examples of each kind."""
_NAMES = MEASURES | {"cer": ("CER", 3), "r2": ("R²", 3)}
_PLAIN = {"event", "step", "epoch", "seconds", "loss", "training_loss", "best", "better", "done", "tokens_per_second"}


class Report(NamedTuple):
    """How good a fitted model is, for the end of a command."""

    score: dict[str, float]
    """Measures by name, on what was held out."""
    examples: list[str]
    """Lines: some held-out examples that are right, and some that are wrong."""
    next: str
    """The command that uses the model; FOLDER stands for the one to save it in, where none was kept."""
    use: str = "used to choose the weights"
    """What else the held-out part was for: where it chose something, the score flatters."""

    def lines(self) -> list[str]:
        """The score and the examples, as a command prints them."""
        if not self.score:
            return ["nothing was held out, so that there is no score"]
        shown = {
            name: value for name, value in self.score.items() if name != "validation_loss" or "nats" not in self.score
        }
        measures = ", ".join(_measure(name, value) for name, value in shown.items())
        return [f"validation ({self.use}): {measures}", *self.examples]


def score_of(row: dict[str, Any]) -> dict[str, float]:
    """The measures in an evaluation's event."""
    return {name: value for name, value in row.items() if name not in _PLAIN and isinstance(value, float)}


def compared(rows: Iterable[tuple[str, str, str]], most: int = SHOWN) -> list[str]:
    """Lines of examples, each an input, what the model made of it, and what is right: those that are right first."""
    right, wrong = [], []
    for given, found, wanted in rows:
        if found == wanted:
            right.append(f"right: {given} → {found}")
        else:
            wrong.append(f"wrong: {given} → {found}; it is {wanted}")
    return [*right[:most], *wrong[:most]]


def spread(count: int, most: int) -> list[int]:
    """At most so many of the numbers from 0 up, evenly over all of them: neighbours are often alike."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist() if count else []


def shortened(text: str, most: int = 60) -> str:
    """A text in one line of at most so many characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."


def _measure(name: str, value: float) -> str:
    if name == "validation_loss":
        return f"loss {number(value)}"
    short, digits = _NAMES.get(name, (name.replace("_", " "), 3))
    return f"{short} {value:.{digits}f}"
