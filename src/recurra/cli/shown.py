"""What several commands need: JSON, tables, and the run that is meant when none is named."""

import math
import shlex
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import click

from recurra import files
from recurra.errors import RunError
from recurra.files import read_json
from recurra.terminal import visible, width

_NARROWEST = 24  # characters of words in a table's last column
RUNS, CONFIG, WEIGHTS = Path("runs"), "config.json", "model.safetensors"

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def to_json(value: Any) -> str:
    """A value as JSON text. Infinity and NaN, which JSON has not, become null."""
    return files.to_json(_finite(value), indent=2)


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def numbers(column: list[float]) -> list[str]:
    """Numbers of a column as people write them, with as many decimals as give the largest four digits: "1,234"; "" for NaN.

    Where the largest is below a thousandth, or has more than 15 digits, with an exponent: "1.235e-12".
    """
    largest = max((abs(one) for one in column if math.isfinite(one)), default=0.0)
    if largest and not 1e-3 <= largest < 1e15:
        return ["" if one != one else "0" if one == 0 else f"{one:.4g}" for one in column]
    digits = max(3 - math.floor(math.log10(largest)), 0) if largest else 0
    return ["" if one != one else f"{round(one, digits) + 0.0:,.{digits}f}" for one in column]


def table(header: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Rows in columns; the first `left` columns are words and stand left, the others numbers and stand right.

    Where the terminal is narrower than that, words in the last column take several lines; and where that leaves them too
    little room, or they are numbers, each row is a paragraph: its first cell, and a line for each other one with its name.
    """
    lines, last = [header, *rows], left == len(header)
    widths = [max(len(line[k]) for line in lines) for k in range(len(header))]
    room = width(sys.stdout) or math.inf
    rest = room - sum(widths[:-1]) - 2 * len(widths[:-1])
    if rest < (min(widths[-1], _NARROWEST) if last else widths[-1]):
        return "\n".join(map("\n".join, (_paragraph(header, row) for row in rows)))
    align = [str.ljust] * left + [str.rjust] * (len(header) - left)
    if last and rest < widths[-1]:
        widths[-1] = int(rest)
        lines = [part for line in lines for part in _wrapped(line, widths[-1])]
    return "\n".join(
        "  ".join(f(cell, w) for f, cell, w in zip(align, line, widths, strict=True)).rstrip() for line in lines
    )


def _wrapped(line: list[str], room: int) -> list[list[str]]:
    """A row whose last cell is longer than the room for it, as several rows."""
    parts = textwrap.wrap(line[-1], room) or [""]
    return [[*(line[:-1] if part is parts[0] else [""] * (len(line) - 1)), part] for part in parts]


def _paragraph(header: list[str], row: list[str]) -> list[str]:
    names = max(map(len, header[1:]), default=0)
    return [row[0], *(f"  {name:<{names}}  {cell}" for name, cell in zip(header[1:], row[1:], strict=True) if cell)]


def deliver(text: str, to: Path | None) -> None:
    """Print a result, or write it to a file; where that fails it is printed all the same, as it may have taken hours."""
    if to is None:
        click.echo(visible(text) if sys.stdout.isatty() else text, nl=False)
        return
    try:
        files.write_output(to, text)
    except RunError:
        click.echo(text, nl=False)
        raise


def chosen_run(run: str | None, root: Path = RUNS) -> Path | str:
    """The language model that a command is to open: `run`, or the newest one of a run in `root`, or a shipped one.

    Where none is named, a line on stderr says which, and whether a newer run has no weights yet.
    """
    if run:
        return run
    runs = [folder for folder in root.glob("*") if _task(folder) == "language"]
    ready = [folder for folder in runs if (folder / WEIGHTS).is_file()]
    if not ready:
        from recurra import models

        folder = models.folders()[0]
        words = f"no language model in {root}/ yet: this is {folder.name}, a small one that ships with Recurra"
        click.echo(f"{words}. Train your own: recurra train book.txt", err=True)
        return folder
    newest = max(ready, key=_written)
    words = f"{shlex.quote(str(newest))}, trained {_when(_written(newest))}"
    later = [folder for folder in runs if folder not in ready and _written(folder, CONFIG) > _written(newest)]
    if later:
        words += (
            f"; {shlex.quote(str(max(later, key=lambda one: _written(one, CONFIG))))} is newer, and has no weights yet"
        )
    click.echo(words, err=True)
    return newest


def _task(folder: Path) -> str | None:
    try:
        about = read_json(folder / CONFIG)
    except RunError:
        return None
    return str(about.get("schema", "")).split("/")[0] if isinstance(about, dict) else None


def _written(folder: Path, name: str = WEIGHTS) -> float:
    try:
        return (folder / name).stat().st_mtime
    except OSError:
        return 0.0


def _when(seconds: float) -> str:
    """A time of today as the clock has it, another with its date."""
    at, today = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M" if at[:3] == today[:3] else "%Y-%m-%d %H:%M", at)


def language_model(run: str | Path) -> Any:
    """A run's language model without PyTorch, where the engine can run it; else with it, and a line on stderr says why."""
    from recurra.backends.cpu.library import Unavailable
    from recurra.tasks.language import native

    try:
        return native.open(run)
    except Unavailable:
        from recurra.tasks.language import load

        model = load(run)
        click.echo(f"note: {model.explain()}", err=True)
        return model
