"""`recurra --cell-file mine.py COMMAND ...`: a user's own cells, known by name to the command that follows."""

import runpy
import traceback
from pathlib import Path

import click

from recurra.errors import CellError


def load(ctx: click.Context, parameter: click.Parameter, files: tuple[Path, ...]) -> None:
    """Run each file, which must call recurra.cells.register. It is the user's own code, named by the user."""
    if not files or ctx.resilient_parsing:
        return
    from recurra import cells

    for file in files:
        known = {name: cells.get(name) for name in cells.names()}
        try:
            runpy.run_path(str(file), run_name=file.stem)
        except CellError as error:
            raise click.BadParameter(f"{file}: {error}", ctx, parameter) from error
        except Exception as error:
            place = [step.lineno for step in traceback.extract_tb(error.__traceback__) if step.filename == str(file)]
            line = getattr(error, "lineno", None) or (place[-1] if place else "?")
            text = f"{file}, line {line}: {type(error).__name__}: {error}"
            raise click.BadParameter(text, ctx, parameter) from error
        if {name: cells.get(name) for name in cells.names()} == known:
            hint = 'end it with recurra.cells.register("a-name", YourCell)'
            raise click.BadParameter(f"{file} registered no new cell; {hint}", ctx, parameter)
