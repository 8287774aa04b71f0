"""Paths that a user names, and what is in a folder: one rule for every command and task.

    expanded      ~ is the home folder, also where the shell did not expand it: `--out=~/runs/a`, out="~/runs/a"
    listed        what is in a folder, without hidden ones, which are counted
    walk          the files in a folder and below it: linked folders too, hidden ones left out, and what is left out counted
    files_in      those of some kinds, with a warning that counts what was left out
    printable     a name for people and pictures, where its bytes are no text
    for_libraries a path for libraries that read names as UTF-8 only

A name may be any bytes. Python writes those that are not UTF-8 as lone surrogates; `files.to_json` and `terminal` keep them.
"""

import contextlib
import os
import re
import stat
import unicodedata
import warnings
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from recurra.errors import ConfigError

LONE = re.compile("[\ud800-\udfff]")
"""Half a surrogate pair: what Python has for a byte of a file's name that is not UTF-8."""


def expanded(path: str | os.PathLike) -> Path:
    """A path with ~ as the home folder. ConfigError if there is none: no folder named ~ is ever made.

    A name that begins with ~ and is no user's, such as ~lock.txt, stays. A folder that is called ~ has its absolute path.
    """
    path = Path(path)
    if not path.parts or not path.parts[0].startswith("~"):
        return path
    found = Path(os.path.expanduser(path))
    if found == path and path.parts[0] == "~":
        raise ConfigError(f"{path}: ~ is the home folder, and there is none: HOME is not set; name the folder itself")
    return found


def named(source: str | os.PathLike) -> str:
    """What a user names as a source, as text: with ~ as the home folder, else as it stands."""
    source = os.fspath(source)
    return str(expanded(source)) if source.startswith("~") else source


def home() -> Path | None:
    """The home folder; None if the user has none, as in some containers."""
    try:
        return expanded("~")
    except ConfigError:
        return None


def listed(folder: Path, skipped: Counter[str] | None = None) -> list[Path]:
    """What is in a folder, by name; hidden ones (their names begin with a dot) are left out, and counted in `skipped`.

    OSError if the folder is unreadable.
    """
    inside = [folder / name for name in sorted(os.listdir(folder))]
    hidden = [path for path in inside if path.name.startswith(".")]
    if skipped is not None:
        skipped.update("hidden folders" if _kind(path) == "folder" else "hidden" for path in hidden)
    return [path for path in inside if not path.name.startswith(".")]


def walk(folder: str | os.PathLike, skipped: Counter[str] | None = None) -> list[Path]:
    """The files in a folder and below it, sorted by folder and name; and in `skipped`, by reason, what was left out.

    A linked folder is read like any other, but each real folder once: not where it lies in `folder` anyway, and no loops.
    Hidden files and folders (their names begin with a dot), pipes, devices and links to nowhere are left out.
    OSError if a folder is unreadable.
    """
    skipped = Counter() if skipped is None else skipped
    root, files = os.path.realpath(folder), []
    seen = {root}

    def read(place: Path) -> None:
        folders = []
        for path in listed(place, skipped):
            kind = _kind(path)
            if kind == "folder":
                folders.append(path)
            elif kind == "file":
                files.append(path)
            else:
                skipped["not files"] += 1
        for path in folders:
            real = os.path.realpath(path)
            if real in seen or (path.is_symlink() and Path(real).is_relative_to(root)):
                skipped["folders that are read anyway"] += 1
            else:
                seen.add(real)
                read(path)

    read(Path(folder))
    return files


def _kind(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError:  # a link to nowhere, or to itself
        return ""
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else ""


def files_in(folder: Path, kinds: Collection[str], beside: Collection[str] = ()) -> list[Path]:
    """The files of some kinds in a folder and below it, as `walk` finds them; a warning counts what is left out.

    kinds: endings, in small letters: (".mid", ".midi"). beside: endings of files that belong to those, and are not counted.
    """
    skipped: Counter[str] = Counter()
    files = walk(folder, skipped)
    found = [path for path in files if path.suffix.lower() in kinds]
    skipped.update(map(kind_of, (path for path in files if path.suffix.lower() not in (*kinds, *beside))))
    if found:
        warn_left_out(folder, skipped)
    return found


def kind_of(path: Path) -> str:
    """The reason for which a file of another kind is left out."""
    return f"of kind {path.suffix.lower()}" if path.suffix else "without an ending"


def warn_left_out(folder: str | os.PathLike, skipped: Counter[str]) -> None:
    """Warn of what was left out of a folder, if anything was."""
    if skipped:
        warnings.warn(f"{printable(folder)}: left out {counted(skipped)}", stacklevel=2)


_ONE = {
    "hidden folders": "hidden folder",
    "folders that are read anyway": "folder that is read anyway",
    "not files": "not a file",
}


def counted(skipped: Counter[str]) -> str:
    """What `walk` left out, for a message: "2 hidden, 1 of kind .jpg"; "" where that is nothing."""
    return ", ".join(f"{count:,} {_ONE.get(why, why) if count == 1 else why}" for why, count in skipped.most_common(5))


def existing(path: Path) -> Path:
    """The file that a table names, also where its name is in another form of Unicode, as on disks of Macs; else the path."""
    if path.exists() or str(path).isascii() or not path.parent.is_dir():
        return path
    form = {one: unicodedata.normalize("NFC", one) for one in (path.name, *sorted(os.listdir(path.parent)))}
    return next((path.parent / one for one, same in form.items() if same == form[path.name] and one != path.name), path)


def printable(name: str | os.PathLike) -> str:
    """A name as text: what is not UTF-8 in it as U+FFFD."""
    return LONE.sub("\ufffd", os.fspath(name))


@contextlib.contextmanager
def for_libraries(path: str | os.PathLike) -> Iterator[str]:
    """A path of the same file, for a library that takes none whose bytes are not UTF-8. OSError if opening it fails."""
    name = os.fspath(path)
    if os.name != "posix" or not LONE.search(name):
        yield name
        return
    handle = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield f"/dev/fd/{handle}"
    finally:
        os.close(handle)
