"""`recurra evaluate`: how well a trained model predicts a text."""

from collections.abc import Iterable
from pathlib import Path

import click

from recurra.cli.frame import Command
from recurra.cli.options import Source
from recurra.cli.shown import json_option, language_model, table, to_json
from recurra.errors import RunError
from recurra.files import read_json


@click.command(
    "evaluate",
    cls=Command,
    examples={
        "another book by the same author": "recurra evaluate runs/book-1 other.txt",
        "a whole folder, for a program": "recurra evaluate book-1 texts/ --json",
        "from a pipe": "zcat big.gz | recurra evaluate book-1 -",
    },
)
@click.argument("run")
@click.argument("text", nargs=-1, required=True, type=Source())
@click.option("--encoding", default="utf-8", show_default=True, help="How the files' bytes become characters.")
@click.option(
    "--invalid",
    type=click.Choice(["error", "replace"]),
    default="error",
    show_default=True,
    help="Bytes that the encoding does not allow: an error with the place, or U+FFFD.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "int8"]),
    help="What is multiplied in.  [default: what the run is stored in]",
)
@json_option
def command(run, text, encoding, invalid, precision, as_json):
    """Measure how well a model predicts a text.

    Nats and bits per character, perplexity per token: lower is better, and a model that knows nothing has the
    logarithm of its vocabulary's size in nats per token. A recurrent model with a bounded context is measured at 8,192 to
    16,384 evenly spaced tokens of a long text.

    RUN is a run's folder, or its name under runs/. TEXT is files, folders, - for standard input, or the name of a
    corpus.
    """
    from recurra.tasks.language.evaluation import evaluate

    model = language_model(run)
    measured = evaluate(model, list(text), encoding=encoding, invalid=invalid, precision=precision)
    if _learned_from(Path(model.folder), text, measured["characters"]):
        click.echo(
            "the model learned from this text, so that the figures flatter; what it did not learn from is measured while it"
            " trains: recurra runs",
            err=True,
        )
    if as_json:
        click.echo(to_json({"run": str(model.folder), **measured}))
        return
    rows = [
        ["nats per character", f"{measured['nats']:.4f}"],
        ["bits per character", f"{measured['bits_per_character']:.4f}"],
        ["perplexity per token", f"{measured['perplexity']:.3f}"],
        ["characters", f"{measured['characters']:,}"],
        ["tokens", f"{measured['tokens']:,}"],
    ]
    click.echo(table(["measure", str(model.folder)], rows))


def _learned_from(folder: Path, text: Iterable[str], characters: int) -> bool:
    """Whether a run's own text has these names and as many characters."""
    try:
        corpus = read_json(folder / "corpus.json")
    except RunError:  # a saved model, without its text
        return False
    names = {Path(name).name for name in corpus.get("sources", [])}
    return corpus.get("characters") == characters and names == {Path(name).name for name in text}
