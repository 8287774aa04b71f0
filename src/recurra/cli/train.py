"""`recurra train`: a text → a language model in a folder."""

import os
from pathlib import Path

import click

from recurra.cli.frame import Command
from recurra.cli.options import config_option, given, settings_options
from recurra.tasks.language.config import CONFIGS, PRESETS

_TITLES = {"text": "Text", "data": "Data", "model": "Model", "training": "Training"}


@click.command(
    "train",
    cls=Command,
    examples={
        "a book, the usual settings": "recurra train book.txt",
        "several texts, ten minutes": "recurra train poems/ letters.txt --minutes 10",
        "a corpus by name, another cell": "recurra train tinyshakespeare --cell gru --hidden-size 384",
        "go on with a run that was stopped": "recurra train --resume runs/book-1",
        "learn another text from there": "recurra train letters.txt --init-from runs/book-1 --lr 1e-3",
        "on several processors": "torchrun --nproc-per-node 2 -m recurra train book.txt",
    },
)
@click.argument("text", nargs=-1)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The run's new folder.  [default: runs/NAME-NUMBER]")
@click.option("--preset", help=f"A recipe to start from: {', '.join(PRESETS)}.  [default: default]")
@click.option("--resume", metavar="RUN", help="Go on with this run, to the bits it would have had; takes no settings.")
@click.option("--init-from", metavar="RUN", help="Start from this run's model instead of a new one.")
@click.option(
    "--new-symbols",
    type=click.Choice(["grow", "unk", "error"]),
    help="With --init-from: symbols that model does not know are added, <unk>, or an error.  [default: grow]",
)
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors and the folder.")
@config_option
@settings_options({_TITLES[part]: cls for part, cls in CONFIGS.items()})
def command(text, out, preset, resume, init_from, new_symbols, quiet, file, **values):
    """Train a language model on text.

    TEXT is files, folders, - for standard input, or the name of a corpus (see `recurra corpora`). The config.json
    of another run will do as --config.
    """
    settings = given(values, list(CONFIGS.values()), file)
    if values["minutes"] and values["epochs"]:
        raise click.UsageError("--minutes and --epochs both say how long to train; drop one")
    if values["epochs"]:
        settings["minutes"] = None  # a file's would take their place
    if new_symbols and not init_from:
        raise click.UsageError("--new-symbols has no effect without --init-from; add that, or drop it")
    if resume:
        _refuse_beside_resume(text=text, out=out, preset=preset, init_from=init_from, settings=settings)
    elif not text:
        raise click.UsageError("TEXT is missing: name a file, a folder or a corpus, such as book.txt or manual")
    from recurra.tasks import language

    if resume:
        model = language.resume(resume, quiet=quiet)
    else:
        options = {"init_from": init_from, "new_symbols": new_symbols or "grow", "quiet": quiet}
        source = list(text) if len(text) > 1 else text[0]
        model = language.train(source, out, preset or "default", **options, **settings)
    _goodbye(model.folder, quiet)


def _refuse_beside_resume(settings, **others):
    beside = [name for name, value in (others | settings).items() if value not in (None, ())]
    if beside:
        flags = ", ".join("TEXT" if name == "text" else "--" + name.replace("_", "-") for name in beside)
        raise click.UsageError(f"--resume goes on with the run as it is and takes nothing else; drop {flags}")


def _goodbye(folder: Path, quiet: bool) -> None:
    # Under torchrun one process speaks for all; the group they formed is closed by now.
    if os.environ.get("RANK", "0") != "0":
        return
    click.echo(folder)
    if not quiet:
        click.echo(f"Let it write:  recurra generate {folder}", err=True)
