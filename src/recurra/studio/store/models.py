"""Models kept open, the last few that were used; one whose weights have changed is opened again."""

import threading
from collections import OrderedDict

from recurra.errors import RunError
from recurra.studio.refusal import Refused
from recurra.studio.store.runs import Runs
from recurra.tasks.language import LanguageModel, load
from recurra.training.runs import WEIGHTS

KEPT = 3


class Models:
    """`models.load("book-1")` → its LanguageModel with the best weights so far."""

    def __init__(self, runs: Runs):
        self._runs, self._open, self._lock = runs, OrderedDict(), threading.Lock()

    def load(self, run: str) -> LanguageModel:
        """The model of a run. Refused (404) if there is no such run, (409) if it has no weights yet or is damaged."""
        return self.load_stamped(run)[0]

    def load_stamped(self, run: str) -> tuple[LanguageModel, int]:
        """The model, and the time its weights were written, in nanoseconds: what was computed from others is out of date."""
        folder = self._runs.folder(run)
        with self._lock:
            try:
                stamp = (folder / WEIGHTS).stat().st_mtime_ns
            except OSError:
                raise Refused(409, f"`{run}` has no model yet: its training has not come to the first one") from None
            key = (run, stamp)
            if key not in self._open:
                try:
                    model = load(folder)
                except RunError as error:
                    raise Refused(409, str(error)) from error
                for old in [known for known in self._open if known[0] == run]:
                    del self._open[old]
                self._open[key] = model
                while len(self._open) > KEPT:
                    self._open.popitem(last=False)
            self._open.move_to_end(key)
            return self._open[key], stamp
