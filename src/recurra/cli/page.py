"""`recurra page`: one HTML file that learns and writes in a browser, with no server."""

from pathlib import Path

import click

from recurra.cli.frame import Command
from recurra.cli.options import NewFile
from recurra.cli.shown import json_option, to_json


@click.command(
    "page",
    cls=Command,
    examples={
        "an empty page: paste a text, press Generate": "recurra page --to page.html",
        "with a model inside, which writes at once": "recurra page runs/book-1 --to book.html",
        "a quarter of its size": "recurra page runs/book-1 --to book.html --precision int8",
    },
)
@click.argument("run", required=False)
@click.option("--to", type=NewFile(), required=True, help="The file to write, such as page.html.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "int8"]),
    default="float32",
    show_default=True,
    help="What the model's matrices are stored in.",
)
@json_option
def command(run, to, precision, as_json):
    """Write a page that learns a text and writes on, in a browser.

    It is one file: open it from the disk, send it, put it on any server. Nothing that is pasted into it leaves it.

    RUN is a language model's folder, or its name under runs/: the page then holds that model, writes with it at once, and
    trains it further on what is pasted. Without it the page is empty, and learns with an LSTM, a GRU or an RNN.
    """
    from recurra import files
    from recurra.page import document, module
    from recurra.page.contents import contents

    model, cells, title = None, document.standard(), "Recurra: write like this"
    if run:
        model, name, cell = contents(run, precision)
        cells = cells if name in cells else {name: cell} | cells
        title = f"Recurra: {Path(run).name}"
    elif precision != "float32":
        raise click.UsageError("--precision is of a RUN's model; name one, or drop it")
    if not module.is_made(cells):
        module.compiler()  # or the line that says how to install it
        click.echo(
            "Compiling for browsers, once: ten seconds; a minute if it is the compiler's first time ...", err=True
        )
    files.write_output(to, document.document(cells, model, title))
    size = to.stat().st_size
    if as_json:
        click.echo(to_json({"file": str(to), "bytes": size, "cells": list(cells), "run": run}))
        return
    click.echo(
        f"{to}: {size / 1e3:,.0f} kB, with {'the model ' + str(run) if run else 'no model'}. Open it in a browser."
    )
