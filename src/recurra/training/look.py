"""How much of the held-out part an evaluation reads while training."""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass
class Look:
    """Ends an evaluation early: `for batch in look.over(batches)`. Outside a run it reads all.

    What can be compared has read the same: in a run with a time limit the first evaluation ends after `seconds`, and all
    that follow it after as many batches.
    """

    seconds: float = math.inf
    """What the first evaluation may take; one batch is read in any case."""
    batches: int | None = None
    """Batches that each one reads; None: not settled yet."""

    def over(self, batches: Iterable[T]) -> Iterator[T]:
        """The batches to read."""
        ends, count = time.monotonic() + self.seconds, 0
        for batch in batches:
            yield batch
            count += 1
            if count == self.batches or (self.batches is None and time.monotonic() > ends):
                break
        if self.batches is None and math.isfinite(self.seconds):
            self.batches = count
