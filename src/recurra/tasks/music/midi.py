"""Standard MIDI files: notes at ticks → keys at steps.

A step's start is the nearest point of the grid, and no note is shorter than a step. Left out are drums (channel 10), notes
outside a piano's 88 keys, pedals and loudness; the instruments of a file share one piano.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recurra import files
from recurra.errors import DataError
from recurra.tasks.music import events, grid
from recurra.tasks.music.events import Event
from recurra.tasks.music.form import KEYS, LOWEST, Form
from recurra.tasks.music.piece import Piece

_DRUMS = 9  # channel 10, counted from 0
_LONGEST = 1 << 17  # steps; more is a damaged file, and would take minutes to read
_ALIKE = 0.03  # of a tempo: beats so near to it are played at it

_BYTES = 1 << 24  # of a file; a symphony has a hundredth of it, and its messages take a hundred times as much in memory


@dataclass(frozen=True)
class Score:
    """The notes of a MIDI file, before they are put on a grid."""

    path: Path
    notes: list[tuple[int, int, int]]
    """Start, end and key of each, in ticks."""
    ticks_per_beat: int
    form: dict[str, Any]
    """The fields of Form that the file has."""
    left_out: Counter
    """What of it is not in the notes, by what it is called."""

    @property
    def onsets(self) -> grid.Onsets:
        ticks, keys = np.array(sorted({(start, key) for start, _, key in self.notes})).T
        return grid.Onsets(ticks, keys, self.ticks_per_beat)


def read_midi(path: str | Path, steps_per_beat: int | None = None) -> Piece:
    """A MIDI file as a piece: `read_midi("song.mid")`.

    steps_per_beat: the grid, in steps a quarter note; default the coarsest of 4, 6, 8, 12, 16, 24, 32, 48 and 96 on which the
    notes lie. Silence before the first bar with a note is left out. The form has the tempo and the metre that hold for most
    beats, and the instrument of most notes.
    DataError, in one line, for a file that is no MIDI file, is cut off, or has no notes.
    """
    score = read_score(path)
    return on_grid(score, grid.choose([score.onsets]) if steps_per_beat is None else steps_per_beat)


def read_score(path: str | Path) -> Score:
    """The notes of a file. DataError as `read_midi`."""
    path = Path(path)
    with files.source(path, most=_BYTES) as file:
        content = file.read()
    found, ticks_per_beat = events.parse(content, str(path))
    heard = _notes(found)
    drums = sum(channel == _DRUMS for *_, channel in heard)
    played = [note for note in heard if note[3] != _DRUMS]
    notes = [note for note in played if LOWEST <= note[2] < LOWEST + KEYS]
    if not notes:
        raise DataError(f"{path} has no notes on a piano's {KEYS} keys, apart from drums")
    start, end = min(note[0] for note in notes), max(note[1] for note in notes)
    tempi = _spans(found, "tempo", 120.0, start, end)  # what the format says of a file without one
    metres = _spans(found, "metre", (4, 4), start, end)
    near = {one: sum(t for other, t in tempi.items() if abs(other - one) <= _ALIKE * one) for one in tempi}
    form = {
        "tempo": max(tempi, key=lambda one: (near[one], tempi[one])),
        "metre": max(metres, key=metres.__getitem__),
        "programme": _programme(found, played),
    }
    left_out = Counter(
        {"drum notes": drums, "notes beyond a piano's keys": len(played) - len(notes), "other tempi": len(tempi) - 1}
    )
    return Score(path, [note[:3] for note in notes], ticks_per_beat, form, left_out)


def on_grid(score: Score, steps_per_beat: int) -> Piece:
    """The notes of a score at steps. DataError if there would be more than 131,072."""
    form = Form(steps_per_beat, **score.form)
    bar, beat = form.steps(1, "bars"), score.ticks_per_beat
    spans = [(*(grid.step_of(tick, beat, steps_per_beat) for tick in note[:2]), note[2]) for note in score.notes]
    first = min(start for start, _, _ in spans) // bar * bar
    length = max(max(end, start + 1) for start, end, _ in spans) - first
    if length > _LONGEST:
        raise DataError(f"{score.path} is {length:,} steps long; expected at most {_LONGEST:,}. Is it damaged?")
    roll, struck = np.zeros((length, KEYS), bool), np.zeros((length, KEYS), bool)
    for start, end, key in spans:
        roll[start - first : max(end, start + 1) - first, key - LOWEST] = True
        struck[start - first, key - LOWEST] = True
    return Piece(roll, form, score.path.stem, struck)


def account(scores: Sequence[Score], pieces: Iterable[Piece]) -> str:
    """What became of the notes of some files, in a line: the grid, and how many were merged and left out."""
    written = sum(len(score.notes) for score in scores)
    apart = sum(len(score.onsets.ticks) for score in scores)
    pieces = list(pieces)
    merged = apart - sum(len(piece.notes()) for piece in pieces)
    left_out = sum((score.left_out for score in scores), Counter())
    lines = [f"{written:,} notes on {pieces[0].form.steps_per_beat} steps a beat"]
    if written > apart:
        lines.append(f"{written - apart:,} of them played by two instruments at once became one")
    if merged:
        lines.append(f"{merged:,} ({merged / apart:.1%}) struck twice in a step became one")
    if left_out:
        lines.append("left out: " + ", ".join(f"{count:,} {what}" for what, count in left_out.items()))
    return "; ".join(lines)


def _spans(found: list[Event], kind: str, default: Any, start: int, end: int) -> Counter:
    """For how many ticks between the first note and the last a setting holds, by its value."""
    changes = [(0, default), *((event.tick, event.value) for event in found if event.kind == kind)]
    ends = [*(tick for tick, _ in changes[1:]), end]
    spans = Counter()
    for (begin, value), until in zip(changes, ends, strict=True):
        spans[value] += max(0, min(until, end) - max(begin, start))
    # Of notes without a length, what holds at the first.
    return +spans or Counter({[value for tick, value in changes if tick <= start][-1]: 1})


def _notes(found: list[Event]) -> list[tuple[int, int, int, int]]:
    """The notes as (start, end, key, channel), in ticks."""
    sounding: dict[tuple[int, int, int], list[int]] = {}
    notes = []
    for event in found:
        if event.kind not in ("on", "off"):
            continue
        starts = sounding.setdefault((event.track, event.channel, event.value), [])
        if event.kind == "on":
            starts.append(event.tick)
        elif starts:
            notes.append((starts.pop(0), event.tick, event.value, event.channel))
    # What nobody ends, the end of the file does.
    last = found[-1].tick if found else 0
    return notes + [(start, last, key, channel) for (_, channel, key), starts in sounding.items() for start in starts]


def _programme(found: list[Event], notes: list[tuple[int, int, int, int]]) -> int:
    """The instrument of most notes."""
    changes = deque(event for event in found if event.kind == "programme")
    now, counts = {}, Counter()
    for start, _, _, channel in sorted(notes):
        while changes and changes[0].tick <= start:
            event = changes.popleft()
            now[event.channel] = event.value
        counts[now.get(channel, 0)] += 1
    return counts.most_common(1)[0][0]
