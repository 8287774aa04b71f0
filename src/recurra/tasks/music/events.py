"""The bytes of a Standard MIDI file → the few events that music is read from, each at its tick.

An own reader, where mido has one: mido decodes every event, and refuses a whole file over one that is used nowhere, such as a
key signature that no key has. Here all other events are skipped by their length.
Standard MIDI Files 1.0 (MIDI Manufacturers Association 1996); RIFF files (.rmi) hold the same in their chunk `data`.
"""

from typing import NamedTuple

from recurra.errors import DataError
from recurra.tasks.music.form import NOTES

# Data bytes after a status byte, by its upper half; and of the messages that belong to no channel, where there are any.
_DATA = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
_SYSTEM_DATA = {0xF1: 1, 0xF2: 2, 0xF3: 1}
_TEMPO, _METRE, _END = 0x51, 0x58, 0x2F


class Event(NamedTuple):
    """kind: "on" and "off" (value: the key), "programme" (the instrument), "tempo" (beats a minute), "metre" (two numbers), and
    "end" of a track."""

    tick: int
    track: int
    kind: str
    value: int | float | tuple[int, int]
    channel: int = 0


class Events(NamedTuple):
    """What a file holds: its events, by tick, and how many ticks a beat has."""

    events: list[Event]
    ticks_per_beat: int


def parse(content: bytes, name: str) -> Events:
    """The events of a file, by time and then as they stand in it. DataError, with the file's name, for any other content."""
    content = _unwrapped(content)
    if not content.startswith(b"MThd"):
        raise DataError(f"{name} is not a MIDI file")
    cursor = _Cursor(content, 4, name)
    size = cursor.number(4)
    kind, _, division = cursor.number(2), cursor.number(2), cursor.number(2)
    if kind == 2:
        raise DataError(f"{name} is of MIDI's type 2, tracks that are not played together; save it as type 0 or 1")
    if division & 0x8000:
        raise DataError(f"{name} counts time in film frames, not beats; save it with ticks a quarter note")
    if not division:
        raise DataError(f"{name} is a damaged MIDI file: it has 0 ticks a quarter note")
    cursor.place, tracks = 8 + size, []
    while cursor.place + 8 <= len(content):
        chunk, size = cursor.take(4), cursor.number(4)
        start = cursor.place
        if chunk == b"MTrk":
            tracks.append(_track(cursor, start + size, len(tracks)))
        cursor.place = start + size
    if not tracks:
        raise DataError(f"{name} is a damaged MIDI file: it has no track")
    return Events(sorted((event for track in tracks for event in track), key=lambda event: event.tick), division)


def _unwrapped(content: bytes) -> bytes:
    """The MIDI file in a RIFF file; others as they are."""
    if content[:4] != b"RIFF" or content[8:12] != b"RMID":
        return content
    at = content.find(b"data", 12)
    return content[at + 8 :] if at >= 0 else content


class _Cursor:
    """A place in the file, which moves on as it is read."""

    def __init__(self, content: bytes, place: int, name: str):
        self.content, self.place, self.name = content, place, name

    def take(self, count: int) -> bytes:
        taken = self.content[self.place : self.place + count]
        if len(taken) < count:
            raise DataError(f"{self.name} is cut off: it ends in the middle of a track")
        self.place += count
        return taken

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count))

    def varying(self) -> int:
        """A number of seven bits a byte, all but its last with the eighth bit set."""
        value = 0
        while True:
            byte = self.number(1)
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
            if value >> 28:
                raise DataError(f"{self.name} is a damaged MIDI file: a number at byte {self.place} is too long")


def _track(cursor: _Cursor, end: int, track: int) -> list[Event]:
    events, tick, running = [], 0, None
    while cursor.place < end:
        tick += cursor.varying()
        status = cursor.number(1)
        if status == 0xFF:
            kind, data = cursor.number(1), cursor.take(cursor.varying())
            if kind == _END:
                # Without an event of its own the end would be the last note's, and an open note would stop with that.
                events.append(Event(tick, track, "end", 0))
                break
            events += [Event(tick, track, *found) for found in _meta(kind, data)]
        elif status in (0xF0, 0xF7):
            cursor.take(cursor.varying())
        elif status > 0xF0:
            cursor.take(_SYSTEM_DATA.get(status, 0))
        else:
            if status < 0x80:  # the status is the last one's again, and this is data
                cursor.place -= 1
                if running is None:
                    raise DataError(f"{cursor.name} is a damaged MIDI file: byte {cursor.place} is no event")
                status = running
            running = status
            kind, channel = status >> 4, status & 0xF
            value, *force = cursor.take(_DATA[kind])
            if kind in (0x8, 0x9):
                events.append(Event(tick, track, "on" if kind == 0x9 and force[0] else "off", value, channel))
            elif kind == 0xC:
                events.append(Event(tick, track, "programme", min(value, 127), channel))
    return events


def _meta(kind: int, data: bytes) -> list[tuple[str, float | tuple[int, int]]]:
    """The event of a file's own that is read, if it is possible."""
    if kind == _TEMPO and len(data) >= 3 and (length := int.from_bytes(data[:3])) and 4 <= 6e7 / length <= 1000:
        return [("tempo", round(6e7 / length, 3))]
    if kind == _METRE and len(data) >= 2 and data[0] and data[1] < len(NOTES):
        return [("metre", (data[0], NOTES[data[1]]))]
    return []
