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
from recurra.studio import history
from recurra.studio.events import Hub
from recurra.studio.faults import Refused
from recurra.studio.runs import OWN, Runs
from recurra.studio.worker import COMMAND, ENVIRONMENT
from recurra.training.runs import STATE

PATIENCE = 30.0
"""Seconds that a training has to save itself when the studio ends, before it is killed."""


@dataclass
class Job:
    """A training under way."""

    run: str
    about: dict[str, Any]
    """What studio.json is to say."""
    process: subprocess.Popen
    facts: dict[str, Any] = field(default_factory=lambda: {"state": "waiting", "error": None})
    """What is known of the run beyond its folder."""
    per_token: float = 1.0
    """Characters a token stands for."""
    error: str | None = None
    stopping: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class Trainer:
    """Starts trainings and follows them: `trainer.start("book-1", about, job)`; one at a time, unless told otherwise."""

    def __init__(self, runs: Runs, hub: Hub, most: int, cells: list[str]):
        self.runs, self.hub, self.most, self.cells = runs, hub, most, cells
        self.jobs: dict[str, Job] = {}
        self.after: list[Callable[[str], None]] = []
        """Called with a run's id when its training has ended, in whatever way."""
        self._lock, self._closed = threading.Lock(), False

    def live(self, run: str) -> dict[str, Any] | None:
        """What is known of a run in training beyond its folder; None for any other."""
        job = self.jobs.get(run)
        return None if job is None else {"about": job.about, "facts": dict(job.facts)}

    def require_free(self) -> None:
        """Refused (409) where no more can be trained now."""
        if len(self.jobs) >= self.most:
            run = next(iter(self.jobs.values()))
            title = run.about.get("title") or run.run
            raise Refused(409, f"“{title}” is being trained; wait until it is done, or stop it first")

    def start(self, run: str, about: dict[str, Any], job: dict[str, Any]) -> None:
        """Start a process for a run. Refused (409) where no more can be trained now.

        job: what `recurra.studio.worker` takes, but for the cells.
        """
        with self._lock:
            if self._closed:
                raise Refused(409, "the studio is being closed")
            self.require_free()
            with self._log(run).open("wb") as log:
                process = subprocess.Popen(
                    COMMAND,
                    env=ENVIRONMENT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    # Ctrl-C in the terminal is the studio's to hear.
                    start_new_session=True,
                )
            entry = self.jobs[run] = Job(run, about, process)
        self._say(entry, job | {"cells": self.cells, "lock": str(self._log(run).with_suffix(".lock"))})
        threading.Thread(target=self._follow, args=(entry,), name=f"follow {run}", daemon=True).start()

    def stop(self, run: str, wait: float = 0.0) -> bool:
        """Ask a training to stop and keep what it learned; whether it has ended within `wait` seconds.

        Refused (409) where the run is not being trained.
        """
        job = self.jobs.get(run)
        if job is None:
            raise Refused(409, f"`{run}` is not being trained")
        self._stop(job)
        return job.done.wait(wait)

    def close(self) -> list[str]:
        """Stop all trainings, so that each can go on later; their ids."""
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
        job.done.set()
        # It may have been deleted at once.
        with contextlib.suppress(Refused):
            self.hub.publish(job.run, "state", {"run": self.runs.get(job.run)})
        self.hub.end(job.run)
        for tell in self.after:
            tell(job.run)

    def _hear_safely(self, job: Job, event: dict[str, Any]) -> None:
        try:
            self._hear(job, event)
        except RecurraError as error:
            # Somebody else removed or damaged the folder: the training will come upon it, too.
            job.error = job.error or str(error)

    def _hear(self, job: Job, event: dict[str, Any]) -> None:
        kind, facts = event["event"], job.facts
        if kind == "error":
            job.error = event["detail"]
        elif kind == "start":
            job.per_token = event["units_per_token"]
            self._note(job)
            facts.update(
                state="training",
                step=event["step"],
                steps=event["steps"],
                epochs=event["steps"] / event["steps_per_epoch"],
                parameters=event["parameters"],
            )
            self.hub.publish(job.run, "state", {"run": self.runs.get(job.run)})
        elif kind == "progress":
            facts.update(
                step=event["step"],
                progress=event["step"] / facts["steps"],
                epoch=event["epoch"],
                seconds=event["seconds"],
                speed=event["tokens_per_second"] * job.per_token,
                left=history.finite(event["left"]),
            )
            shown = ("step", "steps", "progress", "epoch", "speed", "left", "seconds")
            loss = history.finite(event.get("nats", event["loss"]))
            self.hub.publish(job.run, "progress", {name: facts[name] for name in shown} | {"loss": loss})
        elif kind == "fall":
            self.hub.publish(job.run, "snapshot", self.runs.detail(job.run))
        elif kind in _POINTS:
            self.hub.publish(job.run, kind, _POINTS[kind](event))

    def _note(self, job: Job) -> None:
        """Keep what is known of a run. Where the disk is full, the training itself will say so."""
        try:
            self.runs.place(job.run).mkdir(exist_ok=True)
            self.runs.write_about(job.run, **job.about | {"error": job.error})
        except (OSError, RunError) as error:
            job.error = job.error or str(error)

    def _log(self, run: str) -> Path:
        return self.runs.root / OWN / f"{run}.log"

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


def can_go_on(folder: Path) -> bool:
    """Whether a run has a checkpoint to go on from."""
    return (folder / STATE).is_file()
