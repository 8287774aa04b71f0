"""Processes that a test begins."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator


@contextlib.contextmanager
def started(command, **options) -> Iterator[subprocess.Popen]:
    """`subprocess.Popen` that waits for the end, and kills a process whose test fails within: it might never end.

    With start_new_session=True the processes that it began itself are killed too.
    """
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL) if options.get("start_new_session") else process.kill()
            raise
