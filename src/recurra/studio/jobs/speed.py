"""How fast this machine trains each cell: measured once in a process of its own, and kept beside the runs."""

import json
import subprocess
import threading
from bisect import bisect
from itertools import pairwise
from math import exp, log
from pathlib import Path
from typing import Any

import recurra
from recurra.errors import RunError
from recurra.files import read_json, write
from recurra.studio.jobs.process import COMMAND

FILE = "speed.json"
_LIMIT = 120.0
"""Seconds that a measurement may take."""


class Speeds:
    """Measured speeds by cell: `speeds.get("lstm", wait=5)`; None while they are being measured."""

    def __init__(self, folder: Path, own_cells: list[str]):
        self._path, self._own_cells = folder / FILE, own_cells
        self._lock, self._asked = threading.Lock(), {}

    def get(self, cell: str, wait: float = 0.0, quiet: bool = True) -> dict[str, Any] | None:
        """What is known of a cell's speed; it is measured where nothing is. quiet: whether nothing else computes now,
        so that measuring makes sense."""
        found = self._known().get(cell)
        if found is not None or not quiet:
            return found
        with self._lock:
            done = self._asked.get(cell)
            if done is None:
                done = self._asked[cell] = threading.Event()
                threading.Thread(target=self._measure, args=(cell, done), daemon=True).start()
        done.wait(wait)
        return self._known().get(cell)

    def _measure(self, cell: str, done: threading.Event) -> None:
        job = {"do": "measure", "cell": cell, "cells": self._own_cells}
        try:
            lines = subprocess.run(
                COMMAND,
                input=json.dumps(job) + "\n",
                capture_output=True,
                text=True,
                timeout=_LIMIT,
                check=False,
            ).stdout.splitlines()
            event = json.loads(lines[-1]) if lines else {}
            if event.get("event") == "measured":
                with self._lock:
                    known = self._known() | {cell: event["speed"]}
                    write(self._path, json.dumps({"recurra": recurra.__version__, "cells": known}))
        except subprocess.TimeoutExpired:
            # The card says that the speed is not known; the next question tries again.
            self._asked.pop(cell, None)
        finally:
            done.set()

    def _known(self) -> dict[str, Any]:
        try:
            found = read_json(self._path)
        except RunError:
            return {}
        return found["cells"] if isinstance(found, dict) and found.get("recurra") == recurra.__version__ else {}


def seconds_a_token(points: list[list[float]], weights: int) -> float:
    """Between the measured sizes by their logarithms; beyond the largest in proportion, below the smallest as there."""
    if weights <= points[0][0]:
        return points[0][1]
    if weights >= points[-1][0]:
        return points[-1][1] * weights / points[-1][0]
    at = bisect([size for size, _ in points], weights)
    (low, fast), (high, slow) = list(pairwise(points))[at - 1]
    part = (log(weights) - log(low)) / (log(high) - log(low))
    return exp(log(fast) + part * (log(slow) - log(fast)))
