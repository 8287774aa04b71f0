"""One writer a run: a lock of the system on a file in its folder, released by the end of its holder, whatever ends it.

    with locks.held(folder):        # RunError if another process writes the run, with its number and what it does
        ...
    locks.holder(folder)            # who that is, or None

The file `.lock` is there while the lock is held; one that a killed process left behind holds nothing.
"""

import contextlib
import errno
import json
import os
import platform
import stat
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from recurra.errors import RunError, advice

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOCK = ".lock"
PROCESS = "training"
"""What others read about this process; a program that trains for another one sets it."""
WAIT = 1.0
"""Seconds that `held` tries for: `holder` takes the lock itself for a moment, to see whether it is free."""
_PAUSE = 0.02  # seconds between tries
_FLAGS = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC if os.name == "posix" else 0
_NO_LOCKS = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL}


class Busy(RunError):
    """Another process writes the run."""


@dataclass(frozen=True)
class Holder:
    """Who writes a run."""

    process: int | None = None
    """Its process number; None if that is unknown."""
    host: str = ""
    what: str = ""
    """What it does: "training"."""

    def __str__(self):
        if self.process is None:
            return "another process, which left no number,"
        where = f" on {self.host}" if self.host != platform.node() else ""
        return f"process {self.process}{where} ({self.what})"


def take(handle: int, shared: bool = False) -> bool | None:
    """Lock an open file: True; False where another process holds it; None if its file system has no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


@contextlib.contextmanager
def held(folder: str | Path, what: str = "training", wait: float = WAIT) -> Iterator[None]:
    """Be the only writer of a folder: `with held("runs/book-1"): ...`.

    what: shown to others who try. wait: seconds to try for.
    Busy, a RunError, if another process holds the lock; RunError if the folder is not writable. Where the file system
    has no locks, one warning (RuntimeWarning), and the block runs.
    """
    path = Path(folder) / LOCK
    try:
        handle = _acquire(path, wait)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror or error}. {advice(error)}.") from error
    # On a full disk the lock holds without these words.
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(asdict(Holder(os.getpid(), platform.node(), what))).encode())
    try:
        yield
    finally:
        # Removed while it is held, so that nobody waits for a file that is gone; the folder itself may be gone, too.
        with contextlib.suppress(OSError):
            if _is_at(handle, path):
                os.unlink(path)
        os.close(handle)


def _acquire(path: Path, wait: float) -> int:
    until = time.monotonic() + wait
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o666)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise RunError(f"{path} is not a plain file; remove it")
            locked = take(handle)
            if locked is None:
                warnings.warn(
                    f"{path.parent} is on a file system without locks: nothing keeps a second process from writing the"
                    " same run",
                    RuntimeWarning,
                    stacklevel=1,  # the same place for all, so that it is shown once
                )
            # The one who held it may have removed the file since it was opened.
            if locked is None or (locked and _is_at(handle, path)):
                handle, keep = -1, handle
                return keep
            if not locked and time.monotonic() >= until:
                raise Busy(f"{path.parent} is in use: {_read(handle)} writes it. Wait until that has ended, or stop it")
        finally:
            if handle >= 0:
                os.close(handle)
        if not locked:
            time.sleep(_PAUSE)


def holder(folder: str | Path) -> Holder | None:
    """Who writes a folder now; None if nobody does, or where that is unknown."""
    try:
        handle = os.open(Path(folder) / LOCK, os.O_RDONLY | _FLAGS)
    except OSError:  # no such file, as a rule; one that may not be read has no owner to show
        return None
    try:
        return None if take(handle, shared=True) is not False else _read(handle)
    finally:
        os.close(handle)


def wait_until_free(folder: str | Path, stop=lambda: False) -> None:
    """Return when nobody writes a folder any more, or when `stop()` is true."""
    while holder(folder) and not stop():
        time.sleep(10 * _PAUSE)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False


def _read(handle: int) -> Holder:
    try:
        content = Holder(**json.loads(os.read(handle, 4096)))
    except (OSError, ValueError, TypeError, RecursionError):
        return Holder()
    sound = isinstance(content.process, int) and all(
        isinstance(word, str) and word.isprintable() and len(word) < 100 for word in (content.host, content.what)
    )
    return content if sound else Holder()
