"""Timing two or more ways of doing the same thing: in turns, warmed, medians, and the ratio of each pair of runs."""

import platform
import statistics
import time
from collections.abc import Callable

import numpy
import torch

import recurra


def header() -> str:
    """The machine and the versions, for the top of a table."""
    processor = platform.processor() or platform.machine()
    return (
        f"{processor}, {torch.get_num_threads()} threads; Python {platform.python_version()}, torch {torch.__version__}, "
        f"numpy {numpy.__version__}, recurra {recurra.__version__}"
    )


def in_turns(ways: dict[str, Callable[[], object]], runs: int = 7, warmup: int = 1) -> dict[str, list[float]]:
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


def ratio(slow: list[float], fast: list[float]) -> float:
    """The median of slow / fast, pair by pair: how many times as fast the second is."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))
