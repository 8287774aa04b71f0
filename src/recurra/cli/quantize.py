"""`recurra quantize`: a model in int8, a quarter of the size."""

from pathlib import Path

import click

from recurra.cli.frame import Command
from recurra.cli.shown import chosen_run, json_option, to_json


@click.command(
    "quantize",
    cls=Command,
    examples={
        "the newest run": "recurra quantize",
        "into a folder of your own": "recurra quantize runs/book-1 --out small",
        "measured on another text": "recurra quantize book-1 --text other.txt",
    },
)
@click.argument("run", required=False)
@click.option("--out", type=click.Path(path_type=Path), help="The new folder.  [default: the run's name and -int8]")
@click.option(
    "--text",
    multiple=True,
    help="Files, folders or a corpus to measure the loss on.  [default: the run's own validation text]",
)
@click.option(
    "--most",
    type=float,
    default=0.5,
    show_default=True,
    help="Percent by which the loss may rise; beyond it nothing is written.",
)
@json_option
def command(run, out, text, most, as_json):
    """Write a language model in int8, a quarter of the size.

    It writes faster, and the same text on every machine.

    Every matrix becomes whole numbers with a scale for each row. The new folder is a saved model: generate, evaluate, the
    studio and `recurra.load` open it; it cannot be trained further.

    RUN is a run's folder, or its name under runs/; without it, the newest one there.
    """
    from recurra.tasks.language.quantise import quantise

    made = quantise(chosen_run(run), out, list(text) or None, most)
    if as_json:
        click.echo(to_json({**made._asdict(), "folder": str(made.folder), "rise_percent": made.rise}))
        return
    size = f"{made.bytes_after / 1e6:.1f} MB in place of {made.bytes_before / 1e6:.1f}"
    if made.rise is None:
        loss = "its loss was not measured: there is no held-out text (give one with --text)"
    else:
        losses = f"{made.loss_after:.4f} in place of {made.loss_before:.4f} nats a token"
        loss = f"loss on held-out text {losses} ({made.rise:+.2f} %)"
    click.echo(f"{made.folder}: {size}; {loss}")
