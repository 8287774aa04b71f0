"""The training process: `python -m recurra.studio.jobs.worker`. One job in, a line of JSON on stdin; events out, one a line.

A line `stop` on stdin, or its end (the studio is gone), ends the training; what was learned is saved. The events are
those of `recurra.training.fit`, and {"event": "error", "detail": words} where it fails.
"""

import contextlib
import json
import os
import runpy
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from recurra import locks
from recurra.errors import RecurraError
from recurra.studio.words import in_words

# What the studio has no use for.
_SILENT = ("saving", "save", "break", "interrupt")


def main() -> int:
    """Do one job; 0 when it is done, 1 when it failed."""
    # Whatever a library prints must not get between the events.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    if hasattr(os, "nice"):
        os.nice(10)  # the page comes first
    job, stopping = json.loads(sys.stdin.readline()), threading.Event()
    threading.Thread(target=_wait_for_stop, args=(stopping,), daemon=True).start()
    send = _sender(events, stopping)
    locks.PROCESS = "training in the studio"
    try:
        for file in job["cells"]:
            runpy.run_path(file, run_name=Path(file).stem)
        with alone(job.get("lock"), stopping) as is_alone:
            if is_alone:
                JOBS[job["do"]](job, send, stopping)
    except RecurraError as error:
        send({"event": "error", "detail": in_words(error)})
        return 1
    except MemoryError:
        send({"event": "error", "detail": "out of memory; try a smaller model, batch or window"})
        return 1
    except Exception as error:
        send({"event": "error", "detail": f"{type(error).__name__}: {error}"})
        raise
    return 0


@contextlib.contextmanager
def alone(path: str | None, stopping: threading.Event) -> Iterator[bool]:
    """Wait until no other process of a studio trains the run: one that was killed leaves a process that is still saving.

    False where `stopping` is set before that.
    """
    if path is None:
        yield True
        return
    with open(path, "w") as file:
        while locks.take(file.fileno()) is False:
            if stopping.wait(0.05):
                yield False
                return
        yield True
        with contextlib.suppress(FileNotFoundError):  # the one waited for may have removed it
            os.unlink(path)


def _wait_for_stop(stopping: threading.Event) -> None:
    sys.stdin.readline()
    stopping.set()


def _sender(events: TextIO, stopping: threading.Event):
    def send(event: dict[str, Any]) -> None:
        if event["event"] in _SILENT:
            return
        try:
            events.write(json.dumps(event, ensure_ascii=True) + "\n")
        except BrokenPipeError:
            # Nobody listens any more.
            stopping.set()

    return send


def _train(job: dict[str, Any], send, stopping: threading.Event) -> None:
    from recurra.tasks import language

    common = {"quiet": True, "listeners": [send], "stop": stopping.is_set}
    language.train(job["source"], job["out"], job["preset"], init_from=job["parent"], **common, **job["settings"])


def _resume(job: dict[str, Any], send, stopping: threading.Event) -> None:
    from recurra.tasks import language

    language.resume(job["out"], quiet=True, listeners=[send], stop=stopping.is_set)


def _measure(job: dict[str, Any], send, stopping: threading.Event) -> None:
    from recurra.studio.jobs.measure import measure

    send({"event": "measured", "speed": measure(job["cell"])})


JOBS = {"train": _train, "resume": _resume, "measure": _measure}
"""What a job's `do` may be, and the function that does it."""

if __name__ == "__main__":
    sys.exit(main())
