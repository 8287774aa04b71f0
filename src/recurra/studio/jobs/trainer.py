"""The training processes from the studio's side: started, listened to, stopped; a crash becomes words."""

import contextlib
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recurra.errors import RecurraError, RunError
from recurra.studio.jobs.hub import Hub
from recurra.studio.jobs.process import COMMAND
from recurra.studio.refusal import Refused
from recurra.studio.store import history
from recurra.studio.store.live import Going, Live
from recurra.studio.store.runs import OWN, Runs
from recurra.training.runs import STATE

STOPPING = 20.0
"""Seconds that an answer waits for a training to save itself; it ends a little later by itself, and an event reports it."""
PATIENCE = 30.0
"""Seconds that a training has to save itself when the studio ends, before it is killed."""


@dataclass
class Job:
    """A training under way."""

    run: str
    going: Going
    """What studio.json is to hold, and what is known of the run beyond its folder."""
    process: subprocess.Popen
    per_token: float = 1.0
    """Characters a token stands for."""
    error: str | None = None
    stopping: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class Trainer:
    """Starts trainings and follows them: `trainer.start("book-1", record, job)`."""

    def __init__(self, runs: Runs, live: Live, hub: Hub, most: int, cells: list[str]):
        """live: gets the runs in training. hub: gets their events. most: at the same time. cells: files with cells."""
        self.most, self.cells = most, cells
        self.jobs: dict[str, Job] = {}
        self._runs, self._live, self._hub = runs, live, hub
        self._listeners: list[Callable[[str], None]] = []
        self._lock, self._closed = threading.Lock(), False

    def when_one_ends(self, call: Callable[[str], None]) -> None:
        """Let `call(run)` be called when a training has ended, in whatever way."""
        self._listeners.append(call)

    def require_free(self) -> None:
        """Refused (409) if no more can be trained now."""
        if len(self.jobs) >= self.most:
            job = next(iter(self.jobs.values()))
            title = job.going.record.get("title") or job.run
            raise Refused(409, f"“{title}” is being trained; wait until it is done, or stop it first")

    def start(self, run: str, record: dict[str, Any], job: dict[str, Any]) -> None:
        """Start a process for a run. Refused (409) if no more can be trained now.

        record: what studio.json is to hold. job: what `recurra.studio.jobs.worker` takes, but for the cells.
        """
        with self._lock:
            if self._closed:
                raise Refused(409, "the studio is being closed")
            self.require_free()
            with self._log(run).open("wb") as log:
                process = subprocess.Popen(
                    COMMAND,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    # Ctrl-C in the terminal is the studio's to hear.
                    start_new_session=True,
                )
            entry = self.jobs[run] = Job(run, Going(record, facts={"state": "waiting", "error": None}), process)
            self._live.put(run, entry.going)
        self._say(entry, job | {"cells": self.cells, "lock": str(self._log(run).with_suffix(".lock"))})
        threading.Thread(target=self._follow, args=(entry,), name=f"follow {run}", daemon=True).start()

    def stop(self, run: str, wait: float = 0.0) -> bool:
        """Ask a training to stop and keep what it learned; whether it has ended within `wait` seconds.

        Refused (409) if the run is not being trained.
        """
        job = self.jobs.get(run)
        if job is None:
            if (holder := self._runs.trained_elsewhere(run)) is not None:
                raise Refused(409, f"`{run}` is being trained by {holder}, not by this studio; stop it there")
            raise Refused(409, f"`{run}` is not being trained")
        self._stop(job)
        return job.done.wait(wait)

    def close(self) -> list[str]:
        """Stop all trainings, so that each can resume later; their ids."""
        with self._lock:
            self._closed, jobs = True, list(self.jobs.values())
        for job in jobs:
            self._stop(job)
        ends = time.monotonic() + PATIENCE
        for job in jobs:
            if not job.done.wait(max(0.0, ends - time.monotonic())):
                job.process.kill()
                job.done.wait(5)
        return [job.run for job in jobs]

    def _stop(self, job: Job) -> None:
        if not job.stopping:
            job.stopping = True
            self._say(job, "stop")

    def _say(self, job: Job, message: Any) -> None:
        try:
            job.process.stdin.write((json.dumps(message) + "\n").encode())
            job.process.stdin.flush()
        except OSError:
            # It has ended; `_follow` finds out why.
            return

    def _follow(self, job: Job) -> None:
        with job.process.stdout as lines:
            for line in lines:
                # A process that was killed may leave half a line.
                if line.endswith(b"\n"):
                    self._hear_safely(job, json.loads(line))
        code = job.process.wait()
        with contextlib.suppress(BrokenPipeError):
            job.process.stdin.close()
        job.error = job.error if job.error or code == 0 else self._reason(job.run, code)
        self._log(job.run).unlink(missing_ok=True)
        self._note(job)
        with self._lock:
            del self.jobs[job.run]
            self._live.drop(job.run)
        job.done.set()
        # It may have been deleted at once.
        with contextlib.suppress(Refused):
            self._hub.publish(job.run, "state", {"run": self._runs.get(job.run)})
        self._hub.end(job.run)
        for call in self._listeners:
            call(job.run)

    def _hear_safely(self, job: Job, event: dict[str, Any]) -> None:
        try:
            self._hear(job, event)
        except RecurraError as error:
            # Somebody else removed or damaged the folder: the training will come upon it, too.
            job.error = job.error or str(error)

    def _hear(self, job: Job, event: dict[str, Any]) -> None:
        kind, facts = event["event"], job.going.facts
        if kind == "error":
            job.error = event["detail"]
        elif kind == "start":
            job.per_token = event["units_per_token"]
            self._note(job)
            facts.update(
                state="training",
                step=event["step"],
                steps=event["steps"] or 0,
                epochs=(event["steps"] or 0) / event["steps_per_epoch"],
                per_epoch=event["steps_per_epoch"],
                parameters=event["parameters"],
            )
            self._hub.publish(job.run, "state", {"run": self._runs.get(job.run)})
        elif kind == "progress":
            facts.update(
                step=event["step"],
                # By the clock, the number of steps is a forecast.
                steps=event["steps"],
                epochs=event["steps"] / facts["per_epoch"],
                progress=event["done"],
                epoch=event["epoch"],
                seconds=event["seconds"],
                speed=event["tokens_per_second"] * job.per_token,
                left=history.finite(event["left"]),
            )
            shown = ("step", "steps", "progress", "epoch", "speed", "left", "seconds")
            loss = history.finite(event.get("nats", event["loss"]))
            self._hub.publish(job.run, "progress", {name: facts[name] for name in shown} | {"loss": loss})
        elif kind == "fall":
            self._hub.publish(job.run, "snapshot", self._runs.detail(job.run))
        elif kind in _POINTS:
            self._hub.publish(job.run, kind, _POINTS[kind](event))

    def _note(self, job: Job) -> None:
        """Keep what is known of a run. Where the disk is full, the training itself reports it."""
        try:
            self._runs.place(job.run).mkdir(exist_ok=True)
            self._runs.write_record(job.run, **job.going.record | {"error": job.error})
        except (OSError, RunError) as error:
            job.error = job.error or str(error)

    def _log(self, run: str) -> Path:
        return self._runs.root / OWN / f"{run}.log"

    def _reason(self, run: str, code: int) -> str:
        """Why a process ended, in one line."""
        if code < 0:
            name = signal.Signals(-code).name
            hint = "; perhaps memory ran out" if name == "SIGKILL" else ""
            return f"the training was killed ({name}){hint}; its last checkpoint is kept"
        log = self._log(run).read_text("utf-8", "replace").strip()
        last = log.splitlines()[-1] if log else f"exit code {code}"
        return f"the training broke off: {last}"


_POINTS = {"train": history.train_point, "evaluate": history.valid_point, "sample": history.sample}


def can_resume(folder: Path) -> bool:
    """Whether a run has a checkpoint to resume from."""
    return (folder / STATE).is_file()
