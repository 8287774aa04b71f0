"""`recurra compare`: several cells on one text, at equal parameters and equal time."""

from pathlib import Path

import click

from recurra.cli.frame import Command
from recurra.cli.options import Source, UserPath, config_option, given
from recurra.cli.shown import json_option, table, to_json
from recurra.errors import DataError, DivergenceError
from recurra.tasks.language.config import CONFIGS, PRESETS, settings

_MOST = 10**11  # of the smallest cell as many units as a layer can have; a machine's memory ends before


class _Count(click.ParamType):
    """A number of parameters: 200k, 1.5M or 200000."""

    name = "number"

    def convert(self, value, param, ctx):
        text = str(value)
        factor = {"k": 1e3, "m": 1e6}.get(text[-1:].lower(), 1)
        try:
            count = round(float(text[:-1] if factor > 1 else text) * factor)
        except (ValueError, OverflowError):
            count = 0
        if count < 1:
            self.fail(f"{text!r} is not a number of parameters, such as 200k, 1.5M or 200000", param, ctx)
        if count > _MOST:
            self.fail(f"{text!r} is more than the {_MOST:,} parameters that a model may have here", param, ctx)
        return count


@click.command(
    "compare",
    cls=Command,
    examples={
        "the classics on a book, two minutes each": "recurra compare book.txt",
        "five cells, larger, longer": (
            "recurra compare manual --cells rnn,lstm,gru,mingru,peephole-lstm --parameters 1M --minutes 10"
        ),
        "one layer, two epochs each": "recurra compare book.txt --num-layers 1 --epochs 2",
    },
)
@click.argument("text", nargs=-1, required=True, type=Source())
@click.option("--cells", default="rnn,lstm,gru", show_default=True, help="The cells, by name, with commas between.")
@click.option(
    "--parameters",
    type=_Count(),
    default="200k",
    show_default=True,
    help="The budget of each model, embedding and softmax included: the hidden size is chosen to meet it.",
)
@click.option("--minutes", type=float, help="Time to train each one, in minutes.  [default: 2]")
@click.option("--epochs", type=int, help="Passes over the text, in place of minutes.")
@click.option("--num-layers", type=int, help="Recurrent layers of each model.  [default: 2]")
@click.option("--embedding-size", type=int, help="Length of each token's vector.  [default: 64]")
@click.option("--seed", type=int, help="Start of every random choice.  [default: 1]")
@click.option("--preset", help=f"A recipe to start from: {', '.join(PRESETS)}.  [default: compare]")
@click.option("-o", "--out", type=UserPath(), help="The new folder.  [default: runs/compare-NUMBER]")
@click.option("-q", "--quiet", is_flag=True, help="Show the table alone, not the training.")
@json_option
@config_option
def command(text, cells, parameters, preset, out, quiet, as_json, file, **values):
    """Train several cells at equal size and equal time.

    It ends with one table and one picture: the loss of each on held-out text against time and against steps. One whose loss
    becomes infinite for good is left out, and Ctrl-C shows those that are done.

    TEXT is files, folders, - for standard input, or the name of a corpus. Each model is a run of its own in the
    folder, ready for `recurra generate`.
    """
    values = given(values, list(CONFIGS.values()), file)
    for name, flag in {"cell": "--cells", "hidden_size": "--parameters"}.items():
        if name in values:
            raise click.UsageError(f"--config has {name}, which is chosen here by {flag}; drop it from the file")
    if values.get("minutes") and values.get("epochs"):
        raise click.UsageError("--minutes and --epochs both say how long to train; drop one")
    if not (values.get("minutes") or values.get("epochs")):
        values["minutes"] = 2.0
    preset = preset or "compare"
    parts = settings(preset, **values)
    from recurra.data import read_documents
    from recurra.tasks.language.compare import draw, sizes, train_one
    from recurra.training import Interrupted

    names = list(dict.fromkeys(name.strip() for name in cells.split(",") if name.strip()))
    if not names:
        raise click.UsageError("--cells is empty; name some, such as --cells rnn,lstm,gru")
    documents = read_documents(list(text), parts["data"].encoding, parts["data"].invalid)
    found = sizes(names, documents, parameters, parts)
    folder = _new_folder(out)
    rows, failed = [], None
    for name, size in found.items():
        if not quiet:
            click.secho(f"{name}, {size} units", err=True, bold=True)
        chosen = values | {"cell": name, "hidden_size": size}
        try:
            rows.append(train_one(documents, folder / name, preset, chosen, quiet))
        except (DivergenceError, Interrupted) as error:  # no reason to lose the others
            failed = error
            if isinstance(error, Interrupted):
                break
    if rows:
        _show(folder, draw(folder, rows), rows, as_json)
    if failed:
        raise failed


def _show(folder: Path, picture: Path, rows, as_json: bool) -> None:
    if as_json:
        results = [{key: value for key, value in row.items() if key != "curve"} for row in rows]
        click.echo(to_json({"folder": str(folder), "picture": str(picture), "cells": results}))
        return
    click.echo(_table(rows))
    if not rows[0]["held_out"]:
        click.echo(
            "No text was held out: these are losses on the training text. Set validation above 0 to hold some out."
        )
    click.echo(f"\n{picture}")


def _new_folder(out: Path | None) -> Path:
    from recurra.fitting import folders

    if out is None:
        return folders.new("compare")
    if out.is_dir() and any(out.iterdir()):
        raise DataError(f"the folder {out} has files in it; choose a new one with --out")
    folders.make(out)
    return out


def _table(rows) -> str:
    header = ["cell", "units", "parameters", "nats/char", "bits/char", "chars/s", "steps", "seconds"]
    lines = [
        [
            row["cell"],
            str(row["hidden_size"]),
            f"{row['parameters']:,}",
            f"{row['nats']:.4f}",
            f"{row['bits_per_character']:.4f}",
            f"{row['characters_per_second']:,.0f}",
            f"{row['steps']:,}",
            f"{row['seconds']:.0f}",
        ]
        for row in sorted(rows, key=lambda row: row["nats"])
    ]
    return table(header, lines)
