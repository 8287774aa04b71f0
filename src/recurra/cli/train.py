"""`recurra train`: a text → a language model in a folder."""

import click

from recurra.cli import fitting
from recurra.tasks.language.config import CONFIGS, PRESETS, SEARCH

_FIT = (fitting.FIT,)


@fitting.command(
    "train",
    CONFIGS,
    {},
    search=SEARCH,
    data="text",
    hint="name a file, a folder or a corpus, such as book.txt or manual",
    examples={
        "a book, the usual settings": "recurra train book.txt",
        "several texts, ten minutes": "recurra train poems/ letters.txt --minutes 10",
        "search settings for an hour": "recurra train book.txt --tune 60",
        "a corpus by name, another cell": "recurra train tinyshakespeare --cell gru --hidden-size 384",
        "resume a run that was stopped": "recurra train --resume runs/book-1",
        "learn another text from there": "recurra train letters.txt --init-from runs/book-1 --lr 1e-3",
        "on several processors": "torchrun --nproc-per-node 2 -m recurra train book.txt",
    },
)
@fitting.option("--preset", modes=_FIT, help=f"A recipe to start from: {', '.join(PRESETS)}.  [default: default]")
@fitting.option("--init-from", metavar="RUN", modes=_FIT, help="Start from this run's model instead of a new one.")
@fitting.option(
    "--new-symbols",
    type=click.Choice(["grow", "unk", "error"]),
    modes=_FIT,
    help="With --init-from: symbols that model does not know are added, <unk>, or an error.  [default: grow]",
)
def command(text, preset, init_from, new_symbols, **values):
    """Train a language model on text.

    TEXT is files, folders, - for standard input, or the name of a corpus (see `recurra corpora`). The config.json
    of another run will do as --config.
    """
    settings = fitting.settings_of(values, CONFIGS)
    if new_symbols and not init_from:
        raise click.UsageError("--new-symbols has no effect without --init-from; add that, or drop it")
    from recurra.tasks.language import LanguageEstimator

    start = {"preset": preset or "default", "init_from": init_from, "new_symbols": new_symbols or "grow"}
    fitting.fit(LanguageEstimator, text, values, start | settings)
