"""`recurra bench`: measurements of what cells can do; so far `memory`."""

import click

from recurra.cli.frame import Command
from recurra.cli.options import NewFile, config_option, given, settings_options
from recurra.cli.shown import json_option, table, to_json
from recurra.tasks.memory.config import CONFIGS, DEFAULTS, WITHOUT_EFFECT


@click.group(
    "bench",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
)
@click.pass_context
def command(ctx):
    """Measure what cells can do."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _numbers(ctx, parameter, text):
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise click.BadParameter(f"{text!r} is not whole numbers with commas between, such as 20,60") from None


def _names(ctx, parameter, text):
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


@command.command(
    "memory",
    cls=Command,
    examples={
        "six problems, five cells, two lags; minutes": "recurra bench memory",
        "one problem at growing lags": "recurra bench memory --tasks adding --cells rnn,lstm --lags 30,100,300",
        "a smaller model, half a minute a run": "recurra bench memory --hidden-size 32 --minutes 0.5 --json",
    },
)
@click.option(
    "--tasks",
    callback=_names,
    default="adding,copy,selective-copy,parity,brackets,induction",
    show_default=True,
    help="The problems, with commas between.",
)
@click.option(
    "--cells",
    callback=_names,
    default="rnn,lstm,gru,mingru,transformer",
    show_default=True,
    help="The cells, by name, with commas between.",
)
@click.option(
    "--lags", callback=_numbers, default="20,60", show_default=True, help="Steps to remember over, with commas between."
)
@click.option("--steps", type=int, help="The most steps of one run.  [default: 1500]")
@click.option("--minutes", type=float, help="The most time of one run, in minutes, in place of steps.")
@click.option(
    "--to",
    type=NewFile(),
    default="memory.png",
    show_default=True,
    help="The picture (.png, .svg, .pdf).",
)
@click.option("-q", "--quiet", is_flag=True, help="Show the result alone, not each run as it ends.")
@json_option
@config_option
# The bench's own options set how long a run lasts.
@settings_options(
    {"Model": CONFIGS["model"], "Training": CONFIGS["training"]},
    DEFAULTS,
    leave_out=("epochs", "minutes", *WITHOUT_EFFECT),
)
def memory(tasks, cells, lags, steps, to, quiet, as_json, file, **values):
    """Which cell solves which problem by when.

    Six problems, made in code, in which what was seen a number of steps ago (the lag) decides what is right now. Each cell
    trains on each until the error on held-out sequences is at most 0.01, or its time is over. It ends with a table and a
    picture.
    """
    values = given(values, list(CONFIGS.values()), file)
    from recurra.fitting import pictures
    from recurra.tasks.memory import bench, draw

    for name, found in {"tasks": tasks, "cells": cells, "lags": lags}.items():
        if not found:
            raise click.UsageError(f"--{name} is empty; leave it out for the default")
    pictures.check(to)  # not after minutes of training
    report = (lambda row: None) if quiet else _report
    rows = bench(tasks, cells, lags, steps=steps, report=report, **values)
    # The result first: where the picture fails, it is not lost.
    if as_json:
        click.echo(to_json({"picture": str(to), "rows": [vars(row) for row in rows]}))
        draw(rows, to)
        return
    click.echo(table(*shown(rows)))
    click.echo("Steps (seconds) until the error was at most 0.01; or no, and the lowest error.\n")
    click.echo(draw(rows, to))


def _report(row) -> None:
    became = "solved at" if row.solved else "not solved in"
    click.echo(
        f"{row.task}, lag {row.lag}, {row.cell}: {became} step {row.step:,}, {row.seconds:.1f} s, error {row.error:.3f}",
        err=True,
    )


def shown(rows) -> tuple[list[str], list[list[str]]]:
    """The rows of the bench as a table, a column a cell: its header and its lines."""
    cells = list(dict.fromkeys(row.cell for row in rows))
    found = {(row.task, row.lag, row.cell): row for row in rows}
    lines = []
    for task, lag in dict.fromkeys((row.task, row.lag) for row in rows):
        own = [found[task, lag, cell] for cell in cells]
        became = [f"{row.step:,} ({row.seconds:.1f} s)" if row.solved else f"no, {row.error:.3f}" for row in own]
        lines.append([task, str(lag), f"{own[0].chance:.3f}", *became])
    return ["problem", "lag", "chance", *cells], lines
