"""Timing two or more ways of doing the same thing: in turns, warmed, medians, and the ratio of each pair of runs."""

import importlib.metadata
import importlib.util
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy
import torch

import recurra

Ways = dict[str, Callable[[], object]]
LONG = 1.0  # seconds from which a call is its own warm-up


def header(*packages: str) -> str:
    """The machine and the versions, for the top of a table; `packages` are the peers'."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    versions = [f"torch {torch.__version__}", f"numpy {numpy.__version__}", *versions, f"recurra {recurra.__version__}"]
    return (
        f"{processor()}, {cores()} cores, {torch.get_num_threads()} threads; Python {platform.python_version()}, "
        + (", ".join(versions))
    )


def processor() -> str:
    """The processor's name, with the vector instructions that PyTorch takes."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name} ({torch.backends.cpu.get_cpu_capability()})"


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def installed(*packages: str) -> bool:
    """Whether all of these are here, without importing them."""
    return all(importlib.util.find_spec(name) is not None for name in packages)


def in_turns(ways: Ways, runs: int = 7, warmup: int = 1) -> dict[str, list[float]]:
    """Seconds of each way, run A B C A B C ... so that a drift of the machine hits all alike."""
    for way in ways.values():
        for _ in range(warmup):
            way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def paired(
    ways: Ways, seconds: float = 1.2, least: int = 3, most: int = 11, sample: float = 0.02, pause: float = 0.0
) -> dict[str, list[float]]:
    """Seconds of one call of each way, for ways whose length is not known: in_turns with as many runs as fit.

    A short call is repeated until a sample lasts `sample` seconds, so that the clock and the call's start do not matter; one
    longer than a second counts from the first time. There are as many samples as fit into `seconds`, from `least` to `most`.
    Every second round runs backwards, so that no way always comes after the same other one. `pause`: seconds of rest before
    each sample, for peers whose threads keep waiting in a busy loop after their work, on cores that the next one needs.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    repeats, spent = {}, 0.0
    for name, way in ways.items():
        _rest(pause)
        once = _clock(way, 1)
        if once < LONG:  # that one may have been a cold start
            _rest(pause)
            once = _clock(way, 1)
        times[name].append(once)
        repeats[name] = max(1, math.ceil(sample / once))
        spent += once * repeats[name] + pause
    if min(min(once) for once in times.values()) < LONG:
        times = {name: [] for name in ways}
    done = len(next(iter(times.values())))
    for run in range(done, max(least, min(most, int(seconds / spent)))):
        for name in reversed(ways) if run % 2 else ways:
            _rest(pause)
            times[name].append(_clock(ways[name], repeats[name]))
    return times


def _clock(way: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        way()
    return (time.perf_counter() - start) / repeats


def _rest(pause: float) -> None:
    if pause:
        time.sleep(pause)


def ratio(slow: list[float], fast: list[float]) -> float:
    """The median of slow / fast, pair by pair: how many times as fast the second is."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def geometric_mean(values: Iterable[float]) -> float:
    """The mean for ratios: half and double cancel."""
    return statistics.geometric_mean(values)


def milliseconds(seconds: list[float]) -> float:
    """The median, in ms."""
    return 1e3 * statistics.median(seconds)
