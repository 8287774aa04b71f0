"""What several commands need: JSON, tables, and the run that is meant when none is named."""

import contextlib
import math
from pathlib import Path
from typing import Any

import click

from recurra import files
from recurra.errors import RunError

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
    """Rows in columns; the first `left` columns are words and stand left, the others numbers and stand right."""
    lines = [header, *rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(header))]
    align = [str.ljust] * left + [str.rjust] * (len(header) - left)
    return "\n".join(
        "  ".join(f(cell, w) for f, cell, w in zip(align, line, widths, strict=True)).rstrip() for line in lines
    )


def deliver(text: str, to: Path | None) -> None:
    """Print a result, or write it to a file; where that fails it is printed all the same, as it may have taken hours."""
    if to is None:
        click.echo(text, nl=False)
        return
    try:
        files.write_output(to, text)
    except RunError:
        click.echo(text, nl=False)
        raise


def newest_run(root: Path = Path("runs")) -> Path:
    """The language model under `runs/` whose weights were written last. RunError where there is none.

    Runs of other tasks do not count, nor do damaged ones.
    """
    weights = list(root.glob("*/model.safetensors"))
    for path in sorted(weights, key=lambda path: path.stat().st_mtime, reverse=True):
        with contextlib.suppress(RunError, LookupError, TypeError, AttributeError):
            if files.read_json(path.parent / "config.json")["schema"].startswith("language/"):
                return path.parent
    others = f" (the {len(weights):,} there are of other tasks, or damaged)" if weights else ""
    raise RunError(f"there is no language model in {root.absolute()}{others}; train one first: recurra train book.txt")


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
