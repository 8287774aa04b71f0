"""What a program shows on a terminal or in a pipe: no character is lost, and a reader that is gone ends no work.

lossless         in a pipe or a file UTF-8, whatever the locale is; on a terminal, escapes for what it cannot show
Steady, steady   streams whose reader may go away
width, wrapped   how many characters a line may have; a text in such lines
number           a number as people write it
"""

import codecs
import contextlib
import math
import os
import re
import shutil
import textwrap
from typing import Any, TextIO

LOSSLESS = "recurra.lossless"
"""The error handler of encodings for all that is written for users: a file's name as its bytes, else an escape."""


def lossless(stream: TextIO) -> None:
    """Let a stream of the process lose no character: `lossless(sys.stdout)`.

    A pipe or a file is read by programs, and gets UTF-8, as JSON has to be (RFC 8259). A terminal gets its own encoding,
    with \\u2192 for what that has not. A file's name of other bytes comes out as those bytes.
    """
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors=LOSSLESS)


def _lossless(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong, encoding = error.object[error.start : error.end], codecs.lookup(error.encoding).name
    if encoding == "utf-8" and all("\udc80" <= character <= "\udcff" for character in wrong):
        return wrong.encode("utf-8", "surrogateescape"), error.end
    return codecs.backslashreplace_errors(error)


codecs.register_error(LOSSLESS, _lossless)


def width(stream: TextIO) -> int | None:
    """The characters that a line of a stream may have: of its terminal, or COLUMNS where that is set; else any number, None."""
    if not (stream.isatty() or os.environ.get("COLUMNS", "").isdecimal()):
        return None
    return shutil.get_terminal_size().columns


def wrapped(text: str, stream: TextIO) -> str:
    """A text in lines that a terminal shows without parting a word; for any other stream as it stands."""
    if not stream.isatty():
        return text
    room = width(stream)
    return "\n".join(
        textwrap.fill(line, room, break_long_words=False, break_on_hyphens=False) for line in text.split("\n")
    )


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


class Shown:
    """A text for a terminal, piece by piece: `shown.push(piece)` is as `visible`, of what cannot be the half of "\\r\\n"."""

    def __init__(self):
        self._held = ""

    def push(self, text: str) -> str:
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        return visible(text.removesuffix("\r"))

    def flush(self) -> str:
        return visible(self._held)


_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def number(value: float) -> str:
    """A number as people write it, with four digits or all before the point: "0.00009675", "12.35", "14,805".

    Below a millionth, and of more than 15 digits, with an exponent: "1.235e-12".
    """
    size = abs(value)
    if size >= 9999.5:
        return f"{value:,.0f}" if size < 1e15 else f"{value:.4g}"
    if size < 1e-6 or size != size:
        return f"{value + 0.0:.4g}"
    return f"{value:.{max(3 - math.floor(math.log10(size)), 0)}f}".rstrip("0").rstrip(".")


def visible(text: str) -> str:
    """A text with its control characters shown as pictures, ESC as ␛, since a terminal would obey them; line breaks and tabs
    are left, and so is "\r\n"."""
    return _CONTROLS.sub(_picture, text.replace("\r\n", "\n"))


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(0x2400 + code) if code < 32 else "\N{SYMBOL FOR DELETE}" if code == 127 else "\N{REPLACEMENT CHARACTER}"
