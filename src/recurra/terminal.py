"""What a program shows on a terminal or in a pipe, until nobody reads it any more: that ends no work."""

import contextlib
import os
from typing import Any, TextIO


class Steady:
    """A stream that falls silent where its reader is gone: `print("epoch 1", file=Steady(sys.stderr))`."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        with steady(self._stream):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with steady(self._stream):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def steady(stream: TextIO):
    """Within, a closed pipe, a closed terminal and a full disk are no error of a stream; what is written later is dropped."""
    try:
        yield
    except OSError:
        # In the place of the stream: what is still in its buffer would fail again, at the latest when Python ends.
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, stream.fileno())
        finally:
            os.close(null)
