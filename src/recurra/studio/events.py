"""News of the trainings to whoever listens: server-sent events, from the trainer's threads to the pages' tasks."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

BEAT = 10.0
"""Seconds of silence after which a comment goes out, so that both sides see that the other is there."""
_WAITING = 1000  # events that a page may lag behind


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


async def follow(hub: Hub, run: str, snapshot: Callable[[], dict], alive: Callable[[], bool]) -> AsyncIterator[bytes]:
    """A run as a stream of events: a snapshot, then what happens, until its training ends.

    snapshot: the run with its curves; it is called in a thread. alive: whether the run is being trained.
    """
    with hub.listen(run) as queue:
        found = await asyncio.to_thread(snapshot)
        yield event("snapshot", found)
        # What happened while the snapshot was made is in both.
        seen = {
            "train": _last(found["history"]["train"]),
            "evaluate": _last(found["history"]["valid"]),
            "sample": _last(found["samples"]),
        }
        while alive() and not hub.closed:
            try:
                item = await asyncio.wait_for(queue.get(), BEAT)
            except TimeoutError:
                yield b": \n\n"
                continue
            if item is None:
                break
            name, data = item
            if name == "snapshot":
                seen = {}
            if name not in seen or data["step"] > seen[name]:
                yield event(name, data)
        if alive():
            return  # it goes on, but not here: the page comes back for a snapshot
        while not queue.empty():
            item = queue.get_nowait()
            if item is not None:
                yield event(*item)
        final = await asyncio.to_thread(snapshot)
        yield event("end", {"run": {k: v for k, v in final.items() if k not in ("history", "samples")}})


def _last(points: list[dict]) -> int:
    return points[-1]["step"] if points else -1


def event(name: str, data: Any) -> bytes:
    """A server-sent event: its name, and its data as one line of JSON."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode("utf-8", "replace")
