"""Signals that end a process are caught, so that a step is not cut in two: training saves, then ends. A step that takes very
long is broken off, and what was saved before it counts.

SIGINT is Ctrl-C, SIGTERM `kill`, SIGHUP a terminal that was closed; batch systems send SIGUSR1, SIGUSR2, SIGXCPU or SIGTERM
before their time limit.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

from recurra.errors import RunError

PATIENCE = 10.0
"""Seconds that a step may still take after a signal; then it is broken off."""
CAUGHT = ("SIGINT", "SIGTERM", "SIGHUP", "SIGXCPU", "SIGUSR1", "SIGUSR2")  # Windows has the first two


class Interrupted(RunError, KeyboardInterrupt):
    """Training was stopped from outside; everything is saved. `exit_code` is 128 + the signal: 130 after Ctrl-C."""

    def __init__(self, message: str, number: int = signal.SIGINT):
        super().__init__(message)
        self.exit_code = 128 + number


class Caught:
    """What came: `caught()` is the first signal's number, or 0."""

    def __init__(self):
        self._number, self._until, self._breakable, self._reminded = 0, 0.0, False, False

    def __call__(self) -> int:
        return self._number

    @contextlib.contextmanager
    def breakable(self) -> Iterator[None]:
        """What runs here is broken off by Interrupted where it lasts longer than PATIENCE after a signal."""
        self._breakable = True
        try:
            yield
        finally:
            self._breakable = False

    def _take(self, number: int) -> None:
        if not self._number:
            self._number, self._until = number, time.monotonic() + PATIENCE
            # Python runs handlers between two of its own operations alone, and so the signal comes once more then.
            self._again = threading.Timer(PATIENCE, self._remind)
            self._again.daemon = True
            self._again.start()
        elif self._breakable and time.monotonic() >= self._until:
            raise Interrupted(
                f"stopped in the middle of a step, which took more than {PATIENCE:g} s; what was saved before is intact",
                number,
            )

    def _remind(self) -> None:
        self._reminded = True
        signal.pthread_kill(threading.main_thread().ident, self._number)

    def _end(self) -> None:
        if self._number:
            self._again.cancel()


@contextlib.contextmanager
def collected() -> Iterator[Caught]:
    """While open, signals are only collected: `with collected() as caught: ...; if caught(): save()`.

    A second Ctrl-C interrupts at once, as ever; other signals may come as often as they like, as SIGXCPU does. What was ignored
    at the start (`nohup`) stays ignored. Outside the main thread, where Python delivers no signals, nothing is ever caught.
    """
    caught, interrupts = Caught(), 0

    def handler(number, frame):
        nonlocal interrupts
        interrupts += number == signal.SIGINT and not caught._reminded
        caught._reminded = False
        if interrupts > 1:
            raise KeyboardInterrupt
        caught._take(number)

    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    numbers = [getattr(signal, name) for name in CAUGHT if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield caught
    finally:
        caught._end()
        for number, old in before.items():
            signal.signal(number, old)
