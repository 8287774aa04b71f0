"""News of the trainings, from the trainer's threads to whoever listens."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

_WAITING = 1000
"""Events that a listener may lag behind."""


class Hub:
    """Events by run: `hub.publish("book-1", "progress", {...})` from any thread; `with hub.listen("book-1") as queue`."""

    def __init__(self):
        self._lock, self._listeners = threading.Lock(), {}
        self.closed = False

    @contextlib.contextmanager
    def listen(self, run: str) -> Iterator[asyncio.Queue]:
        """A queue of (name, data) that ends with None, for the running event loop."""
        entry = (asyncio.get_running_loop(), asyncio.Queue(_WAITING))
        with self._lock:
            self._listeners.setdefault(run, []).append(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                self._listeners[run].remove(entry)
                if not self._listeners[run]:
                    del self._listeners[run]

    def publish(self, run: str, name: str, data: Any) -> None:
        """Give an event to all who listen to a run. One who lags far behind is let go, and comes back for a snapshot."""
        self._put(run, (name, data))

    def end(self, run: str) -> None:
        """The end of a run's training, or of the wait for it."""
        self._put(run, None)

    def close(self) -> None:
        """Let everybody go, now and from now on."""
        self.closed = True
        with self._lock:
            runs = list(self._listeners)
        for run in runs:
            self._put(run, None)

    def _put(self, run: str, item: Any) -> None:
        with self._lock:
            entries = list(self._listeners.get(run, ()))
        for loop, queue in entries:
            # A loop that has ended has nobody left who listens.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_offer, queue, item)


def _offer(queue: asyncio.Queue, item: Any) -> None:
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        item = None
    queue.put_nowait(item)
