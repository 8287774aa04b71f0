"""`recurra translate`: from one text to another, learned from pairs."""

from pathlib import Path

import click

from recurra.cli import labelling
from recurra.cli.frame import Command
from recurra.cli.shown import to_json
from recurra.tasks.translation.config import CONFIGS, DEFAULTS


@click.command(
    "translate",
    cls=Command,
    examples={
        "learn from pairs, a tab between": "recurra translate dates.tsv --minutes 1",
        "the other way round": "recurra translate dates.tsv --swap",
        "translate": 'recurra translate "3 May 1987" "the 5th of June, 2001" --model dates-1',
        "a file, a text on each line": "recurra translate --model dates-1 --to iso.txt letters.txt",
        "see how many of other pairs are right": "recurra translate test.tsv --model dates-1 --beam 4",
        "from a pipe, with what was looked at": "echo 5/3/87 | recurra translate - --model dates-1 --json",
        "draw what was looked at": 'recurra translate "3 May 1987" --model dates-1 --draw alignment.png',
        "go on with a run that was stopped": "recurra translate --resume runs/dates-1",
    },
)
@click.argument("data", nargs=-1)
@labelling.labelling(CONFIGS, DEFAULTS)
@click.option("--swap", is_flag=True, help="The translation stands first in the pairs.")
@click.option(
    "--beam", type=int, default=1, show_default=True, help="With --model: candidates searched with at a time."
)
@click.option(
    "--draw",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --model and one text: a picture of what each token of its translation looked at (.png, .svg, .pdf).",
)
def command(data, swap, beam, draw, **values):
    """Learn to turn texts into others, or do it.

    To learn, DATA is files with a text, a tab and its translation on each line. With --model it is texts, files with a text
    on each line, or - (standard input); each gets a line of its translation. Where a file has pairs, the part that is right
    goes to stderr.
    """
    if draw and not values["model"]:
        raise click.UsageError("--draw needs a fitted run; name it with --model")

    def translate(fitted, data, as_json):
        texts, wanted = _read(data, swap)
        if draw:
            if len(texts) != 1:
                raise click.UsageError(f"--draw shows one text, and here are {len(texts)}")
            fitted.alignment(texts[0], beam=beam).draw(draw)
        if as_json:
            found = [fitted.alignment(text, beam=beam) for text in texts]
            rows = [
                {"text": text} | one._asdict() | {"matrix": one.matrix.round(4).tolist()}
                for text, one in zip(texts, found, strict=True)
            ]
            return to_json(rows) + "\n"
        found = fitted.translate(texts, beam=beam)
        if wanted and not values["quiet"]:
            click.echo(
                f"{sum(map(str.__eq__, found, wanted)) / len(wanted):.2%} of {len(wanted):,} are right", err=True
            )
        return "".join(f"{text}\n" for text in found)

    labelling.run(_translator, CONFIGS, data, values, translate, {"swap": swap})


for _option in command.params:
    if _option.name == "model":
        _option.help = "Translate DATA by this run, instead of learning from it."


def _read(data: list[str], swap: bool) -> tuple[list[str], list[str]]:
    """The texts, and their right translations where all of them come in files of pairs."""
    from recurra.tasks.translation.pairs import read_lines

    texts, wanted = [], []
    for one in data:
        lines = read_lines(one) if one == "-" or Path(one).is_file() else [one]
        for line in filter(str.strip, lines):
            columns = [column.strip() for column in line.split("\t")]
            if swap:
                columns.reverse()
            texts.append(columns[0])
            wanted += columns[1:2]
    return texts, wanted if len(wanted) == len(texts) else []


def _translator():
    from recurra.tasks.translation import Translator

    return Translator
