"""Pictures that are written whole or not at all, where it was known before the work that they can be."""

from io import BytesIO
from pathlib import Path
from typing import Any

from recurra import files
from recurra.errors import ConfigError

ENDINGS = (".png", ".svg", ".pdf")


def check(path: str | Path) -> Path:
    """Where a picture is to be written, before there is one. ConfigError for another ending, or without the folder."""
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        ending = repr(path.suffix) if path.suffix else "nothing"
        raise ConfigError(f"{path} ends in {ending}; expected {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    return files.check_place(path)


def write(figure: Any, path: str | Path) -> Path:
    """Write a matplotlib figure. ConfigError as `check` raises it; RunError if the file is not writable."""
    path, content = check(path), BytesIO()
    figure.savefig(content, format=path.suffix[1:].lower())
    files.write_output(path, content.getvalue())
    return path
