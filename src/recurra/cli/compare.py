"""`recurra compare`: several cells on one text, at equal parameters and equal time."""

from itertools import chain
from pathlib import Path

import click

from recurra.cli.frame import Command
from recurra.cli.options import config_option, given
from recurra.cli.shown import json_option, table, to_json
from recurra.errors import ConfigError, DataError
from recurra.tasks.language.config import CONFIGS, PRESETS, settings

PICTURE = "compare.png"


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
        return count


@click.command(
    "compare",
    cls=Command,
    examples={
        "the classics on a book, two minutes each": "recurra compare book.txt",
        "five cells, larger, longer": (
            "recurra compare manual --cells rnn,lstm,gru,minlstm,layernorm-lstm --parameters 1M --minutes 10"
        ),
        "one layer, two epochs each": "recurra compare book.txt --num-layers 1 --epochs 2",
    },
)
@click.argument("text", nargs=-1, required=True)
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
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The new folder.  [default: runs/compare-NUMBER]")
@click.option("-q", "--quiet", is_flag=True, help="Show the table alone, not the training.")
@json_option
@config_option
def command(text, cells, parameters, preset, out, quiet, as_json, file, **values):
    """Train several cells at equal size and equal time.

    It ends with one table and one picture: the loss of each on held-out text against time and against steps.

    TEXT is files, folders, - for standard input, or the name of a corpus. Each model is a run of its own in the
    folder, ready for `recurra generate`.
    """
    values = given(values, list(CONFIGS.values()), file)
    if "minutes" in values and "epochs" in values:
        raise click.UsageError("--minutes and --epochs both say how long to train; drop one")
    if not {"minutes", "epochs"} & set(values):
        values["minutes"] = 2.0
    preset = preset or "compare"
    parts = settings(preset, **values)
    from recurra import cells as known
    from recurra.data import read_documents
    from recurra.tasks import folders
    from recurra.text import build_vocabulary

    names = list(dict.fromkeys(name.strip() for name in cells.split(",") if name.strip()))
    for name in names:
        known.get(name)
    if not names:
        raise click.UsageError("--cells is empty; name some, such as --cells rnn,lstm,gru")
    documents = read_documents(list(text), parts["data"].encoding, parts["data"].invalid)
    chunks = chain.from_iterable(document.chunks() for document in documents)
    vocabulary = build_vocabulary(chunks, parts["text"], len(documents) > 1)
    sizes = {name: hidden_size(parts["model"], name, vocabulary, parameters) for name in names}
    folder = _new_folder(out, folders)
    rows = []
    for name, size in sizes.items():
        if not quiet:
            click.secho(f"{name}, {size} units", err=True, bold=True)
        rows.append(_train(documents, folder / name, preset, quiet, values | {"cell": name, "hidden_size": size}))
    picture = draw(folder, rows)
    if as_json:
        results = [{key: value for key, value in row.items() if key != "curve"} for row in rows]
        click.echo(to_json({"folder": str(folder), "picture": str(picture), "cells": results}))
        return
    click.echo(_table(rows))
    click.echo(f"\n{picture}")


def hidden_size(model, cell: str, vocabulary, budget: int) -> int:
    """The hidden size whose model comes nearest to a number of parameters. ConfigError where even one unit is too many."""
    if _parameters(model, cell, vocabulary, 1) > budget:
        raise ConfigError(
            f"`parameters` is {budget:,}, but the embedding and softmax of {len(vocabulary)} tokens leave nothing for "
            f"{cell}; give more, or a smaller `embedding_size`"
        )
    low, high = 1, 2
    while _parameters(model, cell, vocabulary, high) <= budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _parameters(model, cell, vocabulary, middle) <= budget else (low, middle)
    return min(low, high, key=lambda size: abs(_parameters(model, cell, vocabulary, size) - budget))


def _parameters(model, cell, vocabulary, size) -> int:
    import dataclasses

    import torch

    from recurra.tasks.language import LanguageModel

    # Nothing is computed on the meta device, so that even a huge model can be counted.
    with torch.device("meta"):
        made = LanguageModel(vocabulary, dataclasses.replace(model, cell=cell, hidden_size=size))
    return sum(parameter.numel() for parameter in made.parameters())


def _new_folder(out: Path | None, folders) -> Path:
    if out is None:
        return folders.new("compare")
    if out.is_dir() and any(out.iterdir()):
        raise DataError(f"the folder {out} has files in it; choose a new one with --out")
    folders.make(out)
    return out


def _train(documents, folder: Path, preset, quiet, values) -> dict:
    """Train one model; what it has learned, and how."""
    from recurra.tasks import language
    from recurra.training.listeners import read_metrics

    model = language.train(documents, folder, preset, quiet=quiet, **values)
    curve = [row for row in read_metrics(folder) if row["event"] == "evaluate"]
    best = min(curve, key=lambda row: row["loss"])
    per_token = best["nats"] / best["loss"] if best["loss"] else 1.0
    return {
        "cell": values["cell"],
        "hidden_size": values["hidden_size"],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "nats": best["nats"],
        "bits_per_character": best["bits_per_character"],
        "characters_per_second": curve[-1]["tokens_per_second"] / per_token,
        "seconds": curve[-1]["seconds"],
        "steps": curve[-1]["step"],
        "folder": str(folder),
        "curve": curve,
    }


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


def draw(folder: Path, rows: list[dict]) -> Path:
    """Two panels: bits per character against time, and against steps."""
    from io import BytesIO

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from recurra.training.files import write

    figure = Figure(figsize=(10, 4.5), dpi=120, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, key, label in zip(panels, ("seconds", "step"), ("time (seconds)", "step"), strict=True):
        for row in rows:
            points = [(point[key], point["bits_per_character"]) for point in row["curve"]]
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=row["cell"])
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("bits per character, held-out text")
    panels[0].legend(title=f"about {rows[0]['parameters']:,} parameters")
    content = BytesIO()
    FigureCanvasAgg(figure).print_png(content)
    write(folder / PICTURE, content.getvalue())
    return folder / PICTURE
