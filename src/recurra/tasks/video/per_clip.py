"""How long a video file says it is: a cut-off one is decoded up to the cut, without a word."""

from pathlib import Path

MP4 = frozenset((b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"uuid", b"sidx", b"mfra", b"styp"))
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
STREAMED = 0x7FFFFFFF
"""In an AVI this size and larger ones stand for "not known yet"."""


def missing(path: Path) -> tuple[int, int] | None:
    """The bytes that there are and those that its container promises, where these are more: AVI, Matroska, WebM, MP4, MOV.

    None for a whole file, for another container, and where the size is left open, as while recording.
    """
    there = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(12)
        if start[:4] == b"RIFF":
            promised = _riff(start)
        elif start[:4] == EBML:
            file.seek(4)
            promised = _matroska(file)
        else:
            promised = _boxes(file, there) if start[4:8] in MP4 else 0
    return (there, promised) if promised > there else None


def _riff(start: bytes) -> int:
    size = int.from_bytes(start[4:8], "little")
    return 8 + size if size < STREAMED else 0


def _matroska(file) -> int:
    """The end of the segment, which follows the header; 0 where its size is not known."""
    head = _number(file)
    file.seek(head or 0, 1)
    if head is None or file.read(4) != SEGMENT:
        return 0
    size = _number(file)
    return 0 if size is None else file.tell() + size


def _number(file) -> int | None:
    """A number of EBML: as many bytes as the first has zeros in front, and one; all ones for "not known"."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(length - 1), "big") & ((1 << 7 * length) - 1)
    return None if value == (1 << 7 * length) - 1 else value


def _boxes(file, there: int) -> int:
    """Where the last box at the top ends: each begins with its size and kind. Anything else after them does not count."""
    at = 0
    while at + 8 <= there:
        file.seek(at)
        size, kind = int.from_bytes(file.read(4), "big"), file.read(4)
        least = 8
        if size == 1:
            size, least = int.from_bytes(file.read(8), "big"), 16
        if kind not in MP4 or size < least:  # 0 reaches to the end, however far that is
            break
        at += size
    return at
