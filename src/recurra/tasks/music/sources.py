"""Files and folders → pieces, in the parts that are trained on, validated on and tested on.

MIDI files, and folders of them        each file a piece
.json                                  {"train": [piece, ...], "valid": ..., "test": ...} or [piece, ...], a piece
                                       being a list of steps, a step a list of MIDI numbers
.mat                                   traindata, validdata, testdata: cells of piano rolls (steps, 88)
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recurra import files
from recurra.errors import ConfigError, DataError, setting
from recurra.paths import expanded, files_in
from recurra.tasks.music import grid
from recurra.tasks.music.form import Form, as_roll
from recurra.tasks.music.midi import Score, account, on_grid, read_score
from recurra.tasks.music.piece import Piece

PARTS = ("train", "valid", "test")
MIDI = (".mid", ".midi", ".smf", ".kar", ".rmi")


@dataclass
class Pieces:
    """What was read: `read("chorales.json").parts["train"]` is a list of Pieces."""

    parts: dict[str, list[Piece]]
    """The pieces of each part: train, valid, test."""
    split: bool
    """Whether the parts are the file's own."""
    form: Form
    """What most pieces have."""
    notes: list[str] = field(default_factory=list)
    """Lines worth showing: what was left out, and why."""

    @property
    def strikes(self) -> bool:
        """Whether a key is struck again in any piece, so that it is to be told from one that is held."""
        return any(piece.struck.any() for pieces in self.parts.values() for piece in pieces)


@dataclass
class _Folder:
    """The MIDI files of a folder, and what is wrong with some."""

    path: Path
    files: int
    failed: list[str] = field(default_factory=list)


_Entry = tuple[str, Piece | Score, _Folder | None]
"""A piece's part, the piece, and the folder where it is one of many files."""


def read(source: Any, steps_per_beat: int | None = None, validation: float = 0.0) -> Pieces:
    """Read pieces: `read("songs/", validation=0.1)`.

    source: a path, a Piece, a piano roll, what a .json file holds as a dict, or a list of those.
    steps_per_beat: the grid of MIDI files, default the coarsest that the notes of all of them lie on (see `read_midi`); of
    other sources, what a step stands for, default 1. validation: the fraction held out where the files have no split.
    DataError for a file that is unreadable; in a folder it is left out, and reported.
    """
    sources = list(source) if _several(source) else [source]
    entries: list[_Entry] = []
    folders: list[_Folder] = []
    for one in sources:
        entries += _read(one, steps_per_beat, folders)
    parts, notes = _on_one_grid(entries, steps_per_beat)
    for folder in folders:
        if len(folder.failed) == folder.files:
            why = f": {folder.failed[0]}" if folder.failed else f" ({', '.join(MIDI)})"
            raise DataError(f"{folder.path} has no MIDI file that can be read{why}")
        if folder.failed:
            left_out = f"left out {len(folder.failed)} of {folder.files} files in {folder.path}"
            notes.append(f"{left_out}, first: {folder.failed[0]}")
    if not any(parts.values()):
        raise DataError("there is no piece in the data")
    split = any(parts[part] for part in PARTS[1:])
    for piece in (piece for pieces in parts.values() for piece in pieces):
        if len(piece) < 2:
            raise DataError(f"{piece.name} is a single step long; expected 2 or more")
        if piece.form.steps_per_beat != parts[_first(parts)][0].form.steps_per_beat:
            raise ConfigError(
                f"the sources differ in their steps a beat; say {setting('steps_per_beat')} for all of them"
            )
    if not split:
        parts = _put_aside(parts["train"], validation)
    return Pieces(parts, split, _form(parts), notes)


def read_piece(path: str | Path, steps_per_beat: int) -> tuple[Piece, list[str]]:
    """One piece, from a MIDI file or the first of a file of steps, and what to say of it.

    DataError for a folder, which has no first one.
    """
    if Path(path).is_dir():
        raise DataError(f"{path} is a folder; expected one piece to continue, such as a MIDI file in it")
    found = read(path, steps_per_beat)
    return found.parts[_first(found.parts)][0], found.notes


def _first(parts: dict[str, list[Piece]]) -> str:
    return next(part for part in PARTS if parts[part])


def _several(source: Any) -> bool:
    """Whether it is a list of sources, and not one: a list of lists of numbers is one piece's steps."""
    return isinstance(source, list | tuple) and bool(source) and not _is_steps(source)


def _is_steps(source: Sequence) -> bool:
    return all(isinstance(step, list | tuple) and all(np.isscalar(key) for key in step) for step in source)


def _read(source: Any, steps_per_beat: int | None, folders: list[_Folder]) -> list[_Entry]:
    """The pieces of one source."""
    if isinstance(source, Piece):
        return [("train", source, None)]
    form = Form(steps_per_beat=1 if steps_per_beat is None else steps_per_beat)
    if isinstance(source, dict):
        rolls = _rolls(source, "the dict given", "the dict given")
        return _pieces(rolls, form, "the dict given")
    if not isinstance(source, str | Path):
        return [("train", Piece(source, form, "the music given"), None)]
    path = expanded(source)
    if path.is_dir():
        return _folder(path, folders)
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    readers = {".json": _json, ".mat": _mat}
    if path.suffix.lower() in readers:
        return _pieces(readers[path.suffix.lower()](path), form, path.name)
    return [("train", read_score(path), None)]


def _pieces(rolls: dict[str, list], form: Form, name: str) -> list[_Entry]:
    return [
        (part, Piece(roll, form, f"{name}, {part} {number}"), None)
        for part, of_part in rolls.items()
        for number, roll in enumerate(of_part, 1)
    ]


def _folder(path: Path, folders: list[_Folder]) -> list[_Entry]:
    """Every MIDI file in a folder and below it, sorted by name; unreadable files are skipped."""
    paths = files_in(path, MIDI)
    folder, scores = _Folder(path, len(paths)), []
    for one in paths:
        try:
            scores.append(("train", read_score(one), folder))
        except DataError as error:
            folder.failed.append(str(error))
    folders.append(folder)
    return scores


def _on_one_grid(entries: list[_Entry], steps_per_beat: int | None) -> tuple[dict[str, list[Piece]], list[str]]:
    """All pieces by part, with those of MIDI files on the grid that suits them together; and what became of their notes."""
    scores = [one for _, one, _ in entries if isinstance(one, Score)]
    if steps_per_beat is None and scores:
        steps_per_beat = grid.choose([score.onsets for score in scores])
    parts, written = {part: [] for part in PARTS}, []
    for part, one, folder in entries:
        try:
            piece = _put_on_grid(one, steps_per_beat) if isinstance(one, Score) else one
        except DataError as error:
            if folder is None:
                raise
            folder.failed.append(str(error))
            continue
        if isinstance(one, Score):
            written.append((one, piece))
        parts[part].append(piece)
    return parts, [account(*zip(*written, strict=True))] if written else []


def _put_on_grid(score: Score, steps_per_beat: int) -> Piece:
    """A MIDI file that something can be learned from: a step, and one after it."""
    piece = on_grid(score, steps_per_beat)
    if len(piece) < 2:
        raise DataError(f"{score.path} is a single step long; expected 2 or more")
    return piece


def _json(path: Path) -> dict[str, list]:
    with files.source(path) as file, files.decoding(path, "JSON file"):
        content = json.load(file)
    return _rolls(content, str(path), path.name)


def _rolls(content: Any, path: str, name: str) -> dict[str, list]:
    """The piano rolls of what a .json file holds."""
    if isinstance(content, list):
        content = {"train": [content] if _is_steps(content) and content else content}
    if not isinstance(content, dict) or not content.keys() <= set(PARTS) or not content.get("train"):
        found = sorted(content) if isinstance(content, dict) else type(content).__name__
        raise DataError(f"{path} holds {found}; expected pieces under train, valid and test, or a list of pieces")
    wrong = [part for part in content if not isinstance(content[part], list)]
    if wrong:
        raise DataError(f"{path}: `{wrong[0]}` is a {type(content[wrong[0]]).__name__}; expected a list of pieces")
    return {
        part: [as_roll(piece, f"{name}, {part} {number}") for number, piece in enumerate(pieces, 1)]
        for part, pieces in content.items()
    }


def _mat(path: Path) -> dict[str, list]:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ConfigError(f"{path} needs SciPy, which is missing. Install it: pip install 'recurra[music]'") from error
    names = {"train": "traindata", "valid": "validdata", "test": "testdata"}
    kind = f"file of MATLAB's with {', '.join(names.values())}"
    with files.source(path) as file, files.decoding(path, kind):
        content = loadmat(file, variable_names=list(names.values()))
        return {
            part: [np.atleast_2d(np.asarray(cell, np.float32)) for cell in content[name].reshape(-1)]
            for part, name in names.items()
        }


def _put_aside(pieces: list[Piece], validation: float) -> dict[str, list[Piece]]:
    """Without a split of its own: some pieces, spread evenly, or the end of a single one."""
    if not validation:
        return {"train": pieces, "valid": [], "test": []}
    if len(pieces) == 1:
        (piece,) = pieces
        at = max(2, len(piece) - int(validation) if validation >= 1 else round(len(piece) * (1 - validation)))
        rest = [piece.part(at)] if len(piece) - at >= 2 else []
        return {"train": [piece.cut(at)], "valid": rest, "test": []}
    count = min(len(pieces) - 1, max(1, round(validation if validation >= 1 else len(pieces) * validation)))
    chosen = {int((k + 0.5) * len(pieces) / count) for k in range(count)}
    return {
        "train": [piece for k, piece in enumerate(pieces) if k not in chosen],
        "valid": [piece for k, piece in enumerate(pieces) if k in chosen],
        "test": [],
    }


def _form(parts: dict[str, list[Piece]]) -> Form:
    return Counter(piece.form for pieces in parts.values() for piece in pieces).most_common(1)[0][0]
