"""Lists of recordings and their texts, from a table or a folder."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from recurra.errors import DataError
from recurra.paths import existing, expanded, files_in, walk, warn_left_out
from recurra.tasks.files import TABLES, lines_of, read_table, text_of

SOUNDS = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".m4b", ".mp4", ".aac", ".webm", ".weba", ".mka"),
    *(".wma", ".amr", ".3gp", ".aif", ".aiff", ".aifc", ".au", ".snd", ".w64", ".rf64", ".caf", ".voc", ".ac3", ".spx"),
)
"""Endings of what is taken for a recording in a folder; a file that is named may have any."""


PATHS = (
    "path",
    "file",
    "file_name",
    "filename",
    "audio",
    "audio_file",
    "audio_path",
    "audio_filepath",
    "wav",
    "wav_filename",
)
TEXTS = ("text", "sentence", "transcript", "transcription", "normalized_text")
"""What tables of recordings call their two columns, in small letters; the first that is there is taken."""
_FOLDERS = ("", "clips", "wavs", "wav", "audio")
"""Folders beside a table, in which its recordings may lie."""


def read_manifest(path: str | Path) -> list[tuple[Path, str]]:
    """Recordings and what is said in them: `read_manifest("train.csv")` → [(Path("a.wav"), "one two"), ...].

    path: a CSV or TSV file with a column of paths, from the file's own folder or from clips, wavs, wav or audio in it, and one
    of texts, called as in PATHS and TEXTS (so are those of Common Voice); or one whose first row is a recording already, as in
    LJ Speech: its name first, its text last. Endings of the sounds may be left out. Or a folder in which each sound has a text
    file of the same name beside it (a.wav, a.txt); a sound without one is left out, with a warning. Or a folder with files
    *.trans.txt, as in LibriSpeech: on each line a name and its text. Where the text is empty, nothing is said.
    DataError, with the line, for what is not so. Whether the recordings of a table are there is seen when they are read.
    """
    path = expanded(path)
    if path.is_dir():
        return _folder(path)
    if path.suffix.lower() not in TABLES:
        raise DataError(f"{path} is no list of recordings; expected .csv or .tsv with `path` and `text`, or a folder")
    examples = _table(path)
    if not examples:
        raise DataError(f"{path} names no recordings")
    return examples


def _table(path: Path) -> list[tuple[Path, str]]:
    columns, rows = read_table(path)
    small = [name.lower() for name in columns]
    found = [next((small.index(name) for name in names if name in small), None) for names in (PATHS, TEXTS)]
    if found == [None, None] and len(columns) > 1 and _sounds(path.parent, columns[:1])[0].is_file():
        found, rows = [0, -1], [(1, columns), *rows]
    if None in found:
        wanted = ("path", "text")[found.index(None)]
        raise DataError(
            f"{path} has no column `{wanted}`; its first line has: {', '.join(columns)}. Expected path,text"
        )
    path_at, text_at = found
    for line, row in rows:
        if not row[path_at]:
            raise DataError(f"{path}, line {line}: expected a path and a text, got {row[path_at]!r}, {row[text_at]!r}")
    sounds = _sounds(path.parent, (row[path_at] for _, row in rows))
    return [(sound, row[text_at]) for sound, (_, row) in zip(sounds, rows, strict=True)]


def _sounds(base: Path, names: Iterable[str]) -> list[Path]:
    """The recordings that a table in a folder names; where there is none, the path as it is written.

    Each is looked for first where the one before it was found: of a hundred thousand in one folder this asks once each.
    """
    found, last = [], ("", "")
    for name in names:
        endings = ("",) if Path(name).suffix.lower() in SOUNDS else ("", *SOUNDS)
        places = (last, *itertools.product(_FOLDERS, endings))
        place = next((one for one in places if (base / one[0] / f"{name}{one[1]}").is_file()), None)
        if place:
            last = place
            found.append(base / last[0] / f"{name}{last[1]}")
            continue
        # A name in another form of Unicode: only then are folders listed.
        forms = () if name.isascii() else (existing(base / folder / name) for folder in _FOLDERS)
        found.append(next((path for path in forms if path.is_file()), base / name))
    return found


def sounds_in(folder: Path) -> list[Path]:
    """The sounds in a folder and below it, by name. DataError if there are none."""
    sounds = files_in(folder, SOUNDS, beside=(".txt",))
    if not sounds:
        raise DataError(f"the folder {folder} has no sound files ({', '.join(SOUNDS)})")
    return sounds


def _folder(folder: Path) -> list[tuple[Path, str]]:
    lists = [file for file in walk(folder) if file.name.endswith(".trans.txt")]
    if lists:
        return [pair for file in lists for pair in _listed(file)]
    sounds = sounds_in(folder)
    written = [sound for sound in sounds if sound.with_suffix(".txt").is_file()]
    if not written:
        raise DataError(
            f"the text of {sounds[0]} is expected beside it: there is no file {sounds[0].with_suffix('.txt')}"
        )
    warn_left_out(folder, +Counter({"recordings without a text beside them": len(sounds) - len(written)}))
    return [(sound, text_of(sound.with_suffix(".txt"))) for sound in written]


def _listed(file: Path) -> Iterator[tuple[Path, str]]:
    """The recordings beside a list, and their texts: on each line a name and its text."""
    lines = [line.split(maxsplit=1) for line in lines_of(text_of(file)) if line.strip()]
    sounds = _sounds(file.parent, (name for name, *_ in lines))
    return zip(sounds, (" ".join(text) for _, *text in lines), strict=True)
