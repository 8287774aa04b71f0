"""What was measured in a run, as the page's charts take it: losses in nats a character."""

import math
from collections.abc import Iterable
from typing import Any

Event = dict[str, Any]


def finite(value: Any) -> Any:
    """A number that JSON has, or None: `finite("nan")` and `finite(math.inf)` are None."""
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def clean(rows: Iterable[Event]) -> list[Event]:
    """The rows that are whole: those of another program, or of a file that was edited, are left out."""
    return [row for row in rows if _NEEDED.get(row["event"], set()) <= row.keys() and isinstance(row["step"], int)]


_NEEDED = {
    "train": {"seconds", "loss"},
    "evaluate": {"seconds", "epoch", "loss", "best", "better", "tokens_per_second"},
    "sample": {"text"},
}


def train_point(event: Event) -> Event:
    """A point of the training curve from an event `train`."""
    return {
        "step": event["step"],
        "seconds": finite(event["seconds"]),
        "loss": finite(event.get("nats", event["loss"])),
    }


def valid_point(event: Event) -> Event:
    """A point of the validation curve from an event `evaluate`."""
    per_character = _characters_per_token(event)
    training = finite(event.get("training_loss"))
    return {
        "step": event["step"],
        "seconds": finite(event["seconds"]),
        "loss": finite(event.get("nats", event["loss"])),
        "training_loss": None if training is None else training / per_character,
        "bits_per_character": finite(event.get("bits_per_character")),
        "best": None if finite(event["best"]) is None else event["best"] / per_character,
        "better": event["better"],
    }


def sample(event: Event) -> Event:
    """A sample from an event `sample`."""
    return {"step": event["step"], "text": event["text"]}


def of(rows: Iterable[Event]) -> Event:
    """The curves and samples of a run, from the rows of its metrics."""
    by_kind: dict[str, list[Event]] = {"train": [], "evaluate": [], "sample": []}
    for row in rows:
        by_kind.setdefault(row["event"], []).append(row)
    # Without a validation part an evaluation measures the training loss again.
    valid = [valid_point(row) for row in by_kind["evaluate"] if "validation_loss" in row]
    return {
        "history": {"train": [train_point(row) for row in by_kind["train"]], "valid": valid},
        "samples": [sample(row) for row in by_kind["sample"] if row["text"]],
    }


def best(rows: Iterable[Event]) -> Event:
    """The best loss of a run, in the page's measures, and its speed; None if nothing was measured."""
    evaluations = [row for row in rows if row["event"] == "evaluate" and finite(row["loss"]) is not None]
    if not evaluations:
        return dict.fromkeys(("loss", "bits_per_character", "perplexity", "speed"))
    row, last = min(evaluations, key=lambda row: row["loss"]), evaluations[-1]
    return {
        "loss": finite(row.get("nats", row["loss"])),
        "bits_per_character": finite(row.get("bits_per_character")),
        "perplexity": finite(row.get("perplexity")),
        "speed": last["tokens_per_second"] * _characters_per_token(last),
    }


def _characters_per_token(event: Event) -> float:
    loss, nats = finite(event.get("loss")), finite(event.get("nats"))
    return loss / nats if loss and nats else 1.0
