"""Signals that end a process are caught, so that a step is never cut in two: training saves, then ends.

SIGINT is Ctrl-C, SIGTERM `kill`, SIGHUP a terminal that was closed; batch systems send SIGUSR1, SIGUSR2, SIGXCPU or SIGTERM
before their time limit.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

from recurra.errors import RunError

CAUGHT = ("SIGINT", "SIGTERM", "SIGHUP", "SIGXCPU", "SIGUSR1", "SIGUSR2")  # Windows has the first two


class Interrupted(RunError, KeyboardInterrupt):
    """Training was stopped from outside; everything is saved. `exit_code` is 128 + the signal: 130 after Ctrl-C."""

    def __init__(self, message: str, number: int = signal.SIGINT):
        super().__init__(message)
        self.exit_code = 128 + number


@contextlib.contextmanager
def noted() -> Iterator[Callable[[], int]]:
    """While open, signals are only noted: `with noted() as caught: ...; if caught(): save()`.

    `caught()` is the first signal's number, or 0. A second Ctrl-C interrupts at once, as ever; other signals may come as often
    as they like, as SIGXCPU does. What was ignored at the start (`nohup`) stays ignored. Outside the main thread, where Python
    delivers no signals, nothing is ever caught.
    """
    received: list[int] = []

    def handler(number, frame):
        received.append(number)
        if received.count(signal.SIGINT) > 1:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    numbers = [getattr(signal, name) for name in CAUGHT if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield lambda: received[0] if received else 0
    finally:
        for number, old in before.items():
            signal.signal(number, old)
