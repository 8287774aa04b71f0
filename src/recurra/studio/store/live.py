"""The runs under way: what is known of them before their folders are there, and beyond what those hold."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Going:
    """A run under way."""

    record: dict[str, Any]
    """What studio.json is to hold."""
    begun: bool = True
    """False while it waits for another one's end."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What is known beyond the run's folder; what is not named is taken from there."""


class Live:
    """The runs under way, by id. Whoever trains puts them in and takes them out; `Runs` reads them."""

    def __init__(self):
        self._going: dict[str, Going] = {}

    def put(self, run: str, going: Going) -> None:
        """A run waits or begins."""
        self._going[run] = going

    def drop(self, run: str) -> None:
        """A run is at its end, or was given up."""
        self._going.pop(run, None)

    def get(self, run: str) -> Going | None:
        """What is known of a run under way; None for any other."""
        return self._going.get(run)

    def ids(self) -> set[str]:
        """All of them."""
        return set(self._going)

    def begun(self) -> set[str]:
        """Those that do not wait for another one's end."""
        return {run for run, going in list(self._going.items()) if going.begun}
