"""`recurra translate`: from one text to another, learned from pairs."""

import os

import click

from recurra.cli import fitting
from recurra.cli.options import NewFile, Source
from recurra.cli.shown import to_json
from recurra.tasks.translation.config import CONFIGS, DEFAULTS


@fitting.command(
    "translate",
    CONFIGS,
    DEFAULTS,
    use="Translate DATA by this run, instead of learning from it.",
    hint="name files of pairs to learn from, or texts to translate and a --model",
    examples={
        "learn from pairs, a tab between": "recurra translate sentences.tsv --minutes 5",
        "what is respelled, such as dates": "recurra translate dates.tsv --unit character --minutes 1",
        "the other way round": "recurra translate dates.tsv --swap",
        "translate": 'recurra translate "3 May 1987" "the 5th of June, 2001" --model dates-1',
        "a file, a text on each line": "recurra translate --model dates-1 --to iso.txt letters.txt",
        "how near it comes to other pairs": "recurra translate test.tsv --model dates-1",
        "from a pipe, with what was looked at": "echo 5/3/87 | recurra translate - --model dates-1 --json",
        "draw what was looked at": 'recurra translate "3 May 1987" --model dates-1 --draw alignment.png',
        "resume a run that was stopped": "recurra translate --resume runs/dates-1",
    },
)
@click.option(
    "--swap/--no-swap",
    default=None,
    help="The translation stands first in the pairs.  [default: no; with --model as in what the run learned from]",
)
@fitting.option(
    "--validation-data",
    type=Source(),
    metavar="FILE",
    multiple=True,
    modes=(fitting.FIT,),
    help="Pairs to choose the best weights by, in place of a part of DATA.",
)
@fitting.using("--beam", type=int, default=4, show_default=True, help="Candidates searched with at a time.")
@fitting.using(
    "--length-penalty",
    type=float,
    default=1.0,
    show_default=True,
    help="They are compared by their log-probability divided by their length to this power; less prefers shorter ones.",
)
@fitting.using(
    "--draw",
    type=NewFile(),
    help="With one text: a picture of what each token of its translation looked at (.png, .svg, .pdf).",
)
@fitting.to_option()
def command(data, swap, beam, length_penalty, draw, **values):
    """Learn to turn texts into others, or do it.

    To learn, DATA is files with a text, a tab and its translation on each line, or .csv tables of two columns, which their
    first row names. With --model it is texts, files with a text on each line, or - (standard input); each gets a line of its
    translation, an empty one for a blank line. Where a file has pairs, scores go to stderr: chrF and BLEU, beside what the
    nearest pairs it learned from would have.
    """
    if draw:
        from recurra.fitting import pictures

        pictures.check(draw)

    how = {"beam": beam, "length_penalty": length_penalty}

    def reading(before):
        return {"swap": bool(before.get("swap") if swap is None else swap)}

    def translate(fitted, data, as_json, reading):
        texts, wanted = _read(data, **reading)
        given = [text for text in texts if text]
        if draw:
            if len(given) != 1:
                raise click.UsageError(f"--draw shows one text, and here are {len(given)}")
            fitted.alignment(given[0], **how).draw(draw)
        if as_json:
            return to_json([_looked(fitted, text, how) for text in texts]) + "\n"
        found = iter(fitted.translate(given, **how))
        lines = [next(found) if text else "" for text in texts]
        if wanted and not values["quiet"]:
            rows = [row for row in zip(texts, lines, wanted, strict=True) if row[0]]
            click.echo(_scores(fitted.compared(*zip(*rows, strict=True)), len(rows)), err=True)
        return "".join(f"{line}\n" for line in lines)

    fitting.run(_translator, CONFIGS, data, values, translate, reading)


def _read(data: list[str], swap: bool) -> tuple[list[str], list[str]]:
    """The texts, "" for a blank line; and their right translations where all of them come in files of pairs."""
    from recurra.errors import DataError
    from recurra.tasks.files import place
    from recurra.tasks.translation.pairs import rows

    texts, wanted = [], []
    for one in data:
        if not one.strip():
            raise click.UsageError("a text is empty; give a text, a file, or - for standard input")
        # Not Path.is_file, to which a long text is an error.
        is_file = one == "-" or os.path.isfile(one)
        if not is_file and _names_a_file(one):
            raise DataError(
                f"there is no file {one}; if it is a text, give it through a pipe: echo ... | recurra translate -"
            )
        for columns in [cells for _, cells in rows(one)] if is_file else [one.split("\t")]:
            columns = [column.strip() for column in columns]
            if swap:
                columns.reverse()
            texts.append(columns[0])
            # None if a line has no translation; a blank one needs none.
            wanted.append(columns[1] if len(columns) > 1 else None if columns[0] else "")
    if not any(texts):
        raise DataError(f"there is no text to translate in {', '.join(map(place, data))}")
    return texts, [] if None in wanted else wanted


def _names_a_file(text: str) -> bool:
    """Whether a text can only be meant as a file's name; 5/3/87 is a date unless there is a folder 5/3."""
    folder, name = os.path.split(text)
    return text.lower().endswith((".txt", ".tsv", ".csv")) or bool(folder and os.path.isdir(folder))


def _scores(found: dict[str, float], count: int) -> str:
    line = f"{found['accuracy']:.2%} of {count:,} are exactly right"
    if "chrf" not in found:
        return f"{line}; for chrF and BLEU: pip install 'recurra[translate]'"
    near = f"the nearest learned pairs: {found['nearest_chrf']:.1f}"
    return f"chrF {found['chrf']:.1f} ({near}), BLEU {found['bleu']:.1f}; {line}"


def _looked(fitted, text: str, how: dict) -> dict:
    """A translation and what it looked at, for programs."""
    if not text:
        return {"text": "", "output": "", "matrix": [], "target": [], "source": []}
    found = fitted.alignment(text, **how)
    return {"text": text} | found._asdict() | {"matrix": found.matrix.astype(float).round(4).tolist()}


def _translator():
    from recurra.tasks.translation import Translator

    return Translator
