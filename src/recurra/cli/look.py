"""`recurra look`: which units of a model follow what, on a text."""

import sys

import click

from recurra.cli.frame import Command
from recurra.cli.options import Source
from recurra.cli.shown import chosen_run, json_option, table, to_json


@click.command(
    "look",
    cls=Command,
    examples={
        "the liveliest units of the newest run": "recurra look --text chapter.txt",
        "those that follow quotes, the text coloured by the best": "recurra look book-1 --text b.txt --by 'double quotes'",
        "coloured by a unit of your choice": "recurra look book-1 --text b.txt --layer 0 --state c --unit 17",
        "all units, for a program": "recurra look book-1 --text b.txt --limit 100000 --json",
    },
)
@click.argument("run", required=False)
@click.option(
    "--text",
    "source",
    metavar="FILE",
    type=Source(),
    required=True,
    help="The text to read, UTF-8; - is standard input.",
)
@click.option("--characters", type=click.IntRange(1), default=5000, show_default=True, help="Read only so many of it.")
@click.option("--by", default="variance", show_default=True, help="Rank by variance, follows, or a feature by name.")
@click.option("--layer", type=int, help="Only units of this layer, from 0.  [default: all]")
@click.option("--state", help="Only this state, such as h or c.  [default: all]")
@click.option("--unit", type=int, help="Colour the text by this unit.  [default: the first in the table]")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="Show so many units.")
@json_option
def command(run, source, characters, by, layer, state, unit, limit, as_json):
    """Look at what the units of a model do while it reads a text.

    A table ranks the units by how much they vary, or by what they follow: r is the correlation with a feature of the
    text, chance what the best of all units reaches with that feature at the wrong places. On a terminal the text follows,
    coloured by one unit: blue is negative, red positive.

    RUN is a run's folder, or its name under runs/; without it, the newest language model there.
    """
    text = _read(source)[:characters]
    from recurra import inside
    from recurra.tasks.language import load

    model = load(chosen_run(run))
    reading = inside.read(model, text)
    ranking = inside.rank(reading, by, layer=layer, state=state, limit=limit)
    best = ranking.units[0]
    # The unit that is shown: the best one, or what was named of it.
    shown = (best.layer, best.unit, best.state) if unit is None else (layer or 0, unit, state or best.state)
    values = reading.unit(*shown)
    if as_json:
        chosen = dict(zip(("layer", "unit", "state"), shown, strict=True)) | {"values": values.tolist()}
        about = {
            "run": str(model.folder),
            "mean_loss": reading.mean_loss,
            "tried": ranking.tried,
            "chance": ranking.chance,
        }
        units = [vars(one) | {"follows": dict(one.follows)} for one in ranking.units]
        click.echo(to_json(about | {"units": units, "characters": reading.characters, "shown": chosen}))
        return
    click.echo(table(["layer", "unit", "state", "variance", "follows", "r", "chance"], _rows(ranking, by), left=3))
    click.echo(f"{ranking.tried} units were tried; mean loss {reading.mean_loss:.4f} nats a token", err=True)
    if sys.stdout.isatty():
        from rich.console import Console

        click.echo(f"\nunit {shown[1]} of layer {shown[0]}, {shown[2]}, from {values.min():.2f} to {values.max():.2f}:")
        Console(highlight=False).print(coloured(reading.characters, values), soft_wrap=True)


def _read(source: str) -> str:
    from recurra.tasks.files import bytes_of

    data = bytes_of(source)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{source} is no UTF-8: byte {error.start}; convert it first") from error


def _rows(ranking, by: str) -> list[list[str]]:
    rows = []
    for one in ranking.units:
        follows = dict(one.follows)
        name = by if by in follows else next(iter(follows), None)
        columns = [name, f"{follows[name]:+.2f}", f"{ranking.chance[name]:.2f}"] if name else ["", "", ""]
        rows.append([str(one.layer), str(one.unit), one.state, f"{one.variance:.4f}", *columns])
    return rows


def coloured(characters, values):
    """The text as rich text, the background blue where the unit is negative and red where it is positive."""
    from rich.text import Text

    text, scale = Text(end="\n"), max(abs(values.min()), abs(values.max()), 1e-9)
    for character, value in zip(characters, values / scale, strict=True):
        dim = round(255 * (1 - abs(value)))
        text.append(
            character, style=f"black on rgb({dim},{dim},255)" if value < 0 else f"black on rgb(255,{dim},{dim})"
        )
    return text
