"""Lists of recordings and their texts, from a table or a folder."""

from collections import Counter
from pathlib import Path

from recurra.errors import DataError
from recurra.paths import existing, expanded, files_in, warn_left_out
from recurra.tasks.files import TABLES, read_table, text_of

SOUNDS = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".m4b", ".mp4", ".aac", ".webm", ".weba", ".mka"),
    *(".wma", ".amr", ".3gp", ".aif", ".aiff", ".aifc", ".au", ".snd", ".w64", ".rf64", ".caf", ".voc", ".ac3", ".spx"),
)
"""Endings of what is taken for a recording in a folder; a file that is named may have any."""


def read_manifest(path: str | Path) -> list[tuple[Path, str]]:
    """Recordings and what is said in them: `read_manifest("train.csv")` → [(Path("a.wav"), "one two"), ...].

    path: a CSV or TSV file with the columns `path`, from the file's own folder, and `text`; or a folder in which each
    sound has a text file of the same name beside it (a.wav, a.txt); a sound without one is left out, with a warning. Where
    the text is empty, nothing is said.
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
    missing = [name for name in ("path", "text") if name not in columns]
    if missing:
        raise DataError(
            f"{path} has no column `{missing[0]}`; its first line has: {', '.join(columns)}. Expected path,text"
        )
    path_at, text_at = columns.index("path"), columns.index("text")
    examples = []
    for line, row in rows:
        name, text = row[path_at], row[text_at]
        if not name:
            raise DataError(f"{path}, line {line}: expected a path and a text, got {name!r}, {text!r}")
        examples.append((existing(path.parent / name), text))
    return examples


def sounds_in(folder: Path) -> list[Path]:
    """The sounds in a folder and below it, by name. DataError if there are none."""
    sounds = files_in(folder, SOUNDS, beside=(".txt",))
    if not sounds:
        raise DataError(f"the folder {folder} has no sound files ({', '.join(SOUNDS)})")
    return sounds


def _folder(folder: Path) -> list[tuple[Path, str]]:
    sounds = sounds_in(folder)
    written = [sound for sound in sounds if sound.with_suffix(".txt").is_file()]
    if not written:
        raise DataError(
            f"the text of {sounds[0]} is expected beside it: there is no file {sounds[0].with_suffix('.txt')}"
        )
    warn_left_out(folder, +Counter({"recordings without a text beside them": len(sounds) - len(written)}))
    return [(sound, text_of(sound.with_suffix(".txt"))) for sound in written]
