"""Ctrl-C and SIGTERM: noted, not obeyed at once, so that a step is never cut in two."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

from recurra.errors import RunError


class Interrupted(RunError, KeyboardInterrupt):
    """Training was stopped from outside; everything is saved. `exit_code` is the shell's: 130 after Ctrl-C."""

    def __init__(self, message: str, number: int = signal.SIGINT):
        super().__init__(message)
        self.exit_code = 128 + number


@contextlib.contextmanager
def noted() -> Iterator[Callable[[], int]]:
    """While open, the first signal is only noted: `with noted() as caught: ...; if caught(): save()`.

    `caught()` is the signal's number, or 0. A second Ctrl-C interrupts at once, as ever. Outside the main thread,
    where Python delivers no signals, nothing is ever caught.
    """
    received: list[int] = []

    def handler(number, frame):
        if received:
            raise KeyboardInterrupt
        received.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: received[0] if received else 0
    finally:
        for number, old in before.items():
            signal.signal(number, old)
