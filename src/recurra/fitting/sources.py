"""Where a run's data came from, as config.json stores it: nothing that shows its receiver the user's folders.

A path is relative to the run's folder where the data lies below the folder that holds the run, or below the working
directory from which it was trained. Of other data the run stores the last part of the name alone.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from recurra.errors import RunError

STDIN = "-"
PLACES = ("paths", "validation")
"""What of a run's sources are paths: of its data, and of data of its own to choose the best weights by."""


def stored(paths: Iterable[str | Path], folder: Path) -> list[str]:
    """Paths as config.json stores them; - (standard input) and names of corpora stay as they are."""
    return [_stored(str(path), folder) for path in paths]


def reading(origin: Any) -> dict[str, Any]:
    """How a run's files are read, apart from where they are: the columns of tables, and the like. origin: as it stores it."""
    return {name: value for name, value in origin.items() if name not in PLACES} if isinstance(origin, dict) else {}


def kept(origin: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What a run was made from, with its paths as config.json stores them."""
    return origin | {name: stored(origin[name], folder) for name in PLACES if name in origin}


def _stored(path: str, folder: Path) -> str:
    if path == STDIN or not os.path.lexists(path):
        return path
    whole, place, here = Path(path).absolute(), folder.absolute(), Path.cwd()
    roots = [place.parent, here] if place.is_relative_to(here) else [place.parent]
    inside = any(whole.is_relative_to(root) for root in roots)
    return Path(os.path.relpath(whole, place)).as_posix() if inside else whole.name


def found(paths: Iterable[str], folder: Path, command: str) -> list[str]:
    """Stored paths as they can be opened from here. RunError, which names `--data`, where one of them is not there."""
    return [_found(path, folder, command) for path in paths]


def _found(path: str, folder: Path, command: str) -> str:
    if path == STDIN and not sys.stdin.isatty():
        return path  # whoever resumes sends the same data through the pipe again
    if path == STDIN:
        raise RunError(
            f"{folder} was trained on standard input, which cannot be read again; put the same data in a file and name it:"
            f" recurra {command} --resume {folder} --data FILE"
        )
    for place in (folder / path, Path(path)):
        if place.exists():
            return os.path.normpath(place)
    raise RunError(
        f"{folder} was trained on {Path(path).name}, which is not where it was; name it:"
        f" recurra {command} --resume {folder} --data PATH"
    )


def present(paths: Iterable[str], folder: Path | None) -> list[str]:
    """Of paths, stored or as the user named them, those that are there, as they can be opened from here."""
    places = [[*([folder / path] if folder else []), Path(path)] for path in paths if path != STDIN]
    return [os.path.normpath(next(filter(os.path.exists, pair))) for pair in places if any(map(os.path.exists, pair))]
