"""A training, or a text, as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from recurra.studio.jobs.hub import Hub

BEAT = 10.0
"""Seconds of silence after which a comment goes out, so that both sides see that the other is there."""


async def follow(
    hub: Hub, run: str, snapshot: Callable[[], dict], alive: Callable[[], bool], here: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """A run as a stream of events: a snapshot, then what happens, until its training ends.

    snapshot: the run with its curves; it is called in a thread. alive: whether the run is being trained. here: whether this
    studio trains it, so that the hub gets its events; of another one, a snapshot is sent every BEAT seconds.
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
                yield b": \n\n" if here() else event("snapshot", await asyncio.to_thread(snapshot))
                continue
            if item is None:
                break
            name, data = item
            if name == "snapshot":
                seen = {}
            if name not in seen or data["step"] > seen[name]:
                yield event(name, data)
        if alive():
            return  # it continues, but not here: the page comes back for a snapshot
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
