"""`recurra corpora`: the texts that are known by name."""

import click

from recurra.cli.frame import Command
from recurra.cli.shown import json_option, table, to_json


@click.command(
    "corpora",
    cls=Command,
    examples={
        "what there is": "recurra corpora",
        "fetch one, checked against its sum": "recurra corpora --fetch tinyshakespeare",
        "train on one": "recurra train tinyshakespeare",
    },
)
@click.option("--fetch", metavar="NAME", multiple=True, help="Fetch this corpus now; may be given several times.")
@json_option
def command(fetch, as_json):
    """List or fetch the corpora known by name.

    A name works wherever a text is expected, and fetches what is not here. Two of them come with Python itself.
    """
    from recurra.data.corpora import corpora, corpus_path

    if fetch:
        paths = {name: str(corpus_path(name)) for name in fetch}
        click.echo(to_json(paths) if as_json else "\n".join(f"{name}: {path}" for name, path in paths.items()))
        return
    known = [(info, "with Python" if info.embedded else info.local()) for info in corpora()]
    if as_json:
        keys = ("name", "about", "bytes", "sha256", "url")
        rows = [{k: getattr(c, k) for k in keys} | {"here": place is not None} for c, place in known]
        click.echo(to_json(rows))
        return
    rows = [
        [c.name, f"{c.bytes / 1e6:.1f} MB" if c.bytes else "-", str(place or "to fetch"), c.about] for c, place in known
    ]
    click.echo(table(["name", "size", "here", "what it is"], rows, left=4))
