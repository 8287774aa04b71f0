"""`recurra tag`: a label for each word, learned from labelled ones."""

import click

from recurra.cli import fitting
from recurra.cli.shown import to_json
from recurra.tasks.tagging.config import CONFIGS, DEFAULTS, SEARCH


@fitting.command(
    "tag",
    CONFIGS,
    DEFAULTS,
    use="Label DATA by this run, instead of learning from it.",
    search=SEARCH,
    examples={
        "learn from a file of words and labels": "recurra tag train.conll --crf --character-size 32",
        "label another, and see how much is right": "recurra tag test.conll --model train-1 --to labelled.conll",
        "from a pipe, a word a line": "recurra tag - --model train-1 < words.txt",
        "resume a run that was stopped": "recurra tag --resume runs/train-1",
    },
)
@fitting.to_option()
def command(data, **values):
    """Learn to label each word of sentences, or label them.

    DATA is CoNLL files: a word a line, its label in the last column, an empty line after each sentence, comments (#) before
    one; or .csv tables with a column of words, one of labels, and one that names the sentences; - is standard input. With
    --model words and labels come out line by line, as in a CoNLL file; where DATA has labels, what is right goes to stderr.
    """

    def label(fitted, data, as_json):
        from recurra.tasks.tagging.conll import read_lines

        X, y, layout = read_lines(data)
        found = [row.tolist() for row in fitted.predict(X)]
        if y is not None and not values["quiet"]:
            click.echo(_compared(y, found), err=True)
        if as_json:
            return to_json([{"words": w, "labels": t} for w, t in zip(X, found, strict=True)]) + "\n"
        labelled = (f"{w} {t}" for row in zip(X, found, strict=True) for w, t in zip(*row, strict=True))
        return "".join(f"{next(labelled) if line is None else line}\n" for line in layout)

    fitting.run(_estimator, CONFIGS, data, values, label)


def _compared(y: list[list[str]], found: list[list]) -> str:
    from recurra.tasks.tagging import span_f1, spans

    steps = [a == str(b) for row, labels in zip(y, found, strict=True) for a, b in zip(row, labels, strict=True)]
    score = f"{sum(steps) / len(steps):.2%} of {len(steps):,} labels are right"
    return score + (f"; F1 of spans {span_f1(y, found):.4f}" if any(map(spans, y)) else "")


def _estimator():
    from recurra.tasks.tagging import SequenceTagger

    return SequenceTagger
