"""A document: one text, read piece by piece, as often as needed, from wherever it is."""

import codecs
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from recurra.errors import DataError, setting

CHUNK = 1 << 18
"""Bytes that are read at once."""

MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass
class Document:
    """One text and how to read it: its bytes from `open`, which are `size` many, and their encoding."""

    name: str
    open: Callable[[], BinaryIO] = field(repr=False)
    size: int
    encoding: str = "utf-8"
    invalid: str = "error"
    """ "error", or "replace": invalid bytes become U+FFFD."""
    replaced: int = field(default=0, compare=False)
    """How many U+FFFD took the place of invalid bytes, in the last reading."""

    def chunks(self) -> Iterator[str]:
        """The text, piece by piece: line ends as they are, a byte-order mark at its start left out.

        DataError, with the place, where bytes are not valid in the encoding or where there is a NUL.
        """
        self.replaced = offset = lines = 0
        make = codecs.getincrementaldecoder(self.encoding)
        decoder = make("strict" if self.invalid == "error" else "replace")
        ignoring = make("ignore")
        started = False
        for data in self._bytes():
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeError as error:
                raise self._undecodable(error, data, offset, lines) from None
            if self.invalid == "replace":
                # What was put in is what `ignore` leaves out; the text may have U+FFFD of its own.
                own = ignoring.decode(data, final=not data).count("\ufffd")
                self.replaced += text.count("\ufffd") - own
            if "\0" in text:
                raise self._binary(lines + text.count("\n", 0, text.index("\0")))
            offset, lines = offset + len(data), lines + text.count("\n")
            if text and not started:
                started, text = True, text.removeprefix("\ufeff")
            if text:
                yield text

    def text(self) -> str:
        """The whole text."""
        return "".join(self.chunks())

    def _bytes(self) -> Iterator[bytes]:
        """Its bytes in chunks, and b"" at the end."""
        try:
            with self.open() as file:
                while data := file.read(CHUNK):
                    yield data
        except OSError as error:
            raise unreadable(self.name, error) from None
        yield b""

    def _binary(self, lines: int) -> DataError:
        return DataError(
            f"{self.name} looks like a binary file: it has a NUL character in line {lines + 1}. "
            f"Give a text file, or its true encoding ({setting('encoding', 'utf-16')}, say)"
        )

    def _undecodable(self, error: UnicodeError, data: bytes, offset: int, lines: int) -> DataError:
        ways = (
            f"Name the encoding if it is another ({setting('encoding', 'latin-1')}, 'cp1252', ...), "
            f"or put U+FFFD there with {setting('invalid', 'replace')}"
        )
        if not isinstance(error, UnicodeDecodeError):  # utf-16 without its mark raises the general one
            return DataError(f"{self.name} is not valid {self.encoding}: {error}. {ways}")
        # The decoder may have kept the beginning of a character from the chunk before.
        offset += len(data) - len(error.object) + error.start
        line = lines + 1 + error.object.count(b"\n", 0, error.start)
        mark = next((name for mark, name in MARKS.items() if error.object.startswith(mark)), None)
        if mark and offset == 0:
            ways = f"It begins with the mark of {mark}: say {setting('encoding', mark)}"
        return DataError(
            f"{self.name} is not valid {self.encoding}: byte 0x{error.object[error.start]:02X} "
            f"at offset {offset} (line {line}), {error.reason}. {ways}"
        )


class Documents(list[Document]):
    """The documents of some paths; `skipped` counts the files that were left out of folders, by reason; `separator` is what
    stood between them, where they are the items of a list."""

    def __init__(self, documents: Iterable[Document] = (), skipped: Counter[str] | None = None, separator: str = ""):
        super().__init__(documents)
        self.skipped, self.separator = Counter() if skipped is None else skipped, separator

    def __add__(self, other: "Documents") -> "Documents":
        return Documents([*self, *other], self.skipped + other.skipped)


def text_document(text: str, name: str = "text") -> Document:
    """A document from a string. DataError if it is no str or holds half of a surrogate pair."""
    if not isinstance(text, str):
        raise DataError(f"{name} is {type(text).__name__}; expected str. Decode bytes first: b.decode('utf-8')")
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{name} has half of a surrogate pair (U+{ord(text[error.start]):04X}) at offset {error.start}, "
            "which is no character; read the text again with its true encoding"
        ) from None
    return Document(name, lambda: io.BytesIO(data), len(data))


def file_document(path: Path, encoding: str = "utf-8", invalid: str = "error") -> Document:
    """A document from a file. DataError if it is unreadable."""
    try:
        return Document(str(path), lambda: path.open("rb"), path.stat().st_size, encoding, invalid)
    except OSError as error:
        raise unreadable(str(path), error) from None


def unreadable(name: str, error: Exception) -> DataError:
    """The error for a file that the system does not let us read."""
    return DataError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}")
