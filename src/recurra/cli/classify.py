"""`recurra classify`: a label for each sequence, learned from labelled ones."""

import csv
import io
from typing import Any

import click

from recurra.cli import fitting
from recurra.cli.shown import to_json
from recurra.tasks.classification.config import CONFIGS, DEFAULTS


@fitting.command(
    "classify",
    CONFIGS,
    DEFAULTS,
    use="Label DATA by this run, instead of learning from it.",
    examples={
        "learn from a table of texts and labels": "recurra classify reviews.csv --unit word --pooling attention",
        "from series": "recurra classify GunPoint_TRAIN.ts --epochs 200",
        "from a folder, a file or a subfolder a class": "recurra classify names/",
        "label others, and see how many are right": "recurra classify GunPoint_TEST.ts --model GunPoint_TRAIN-1",
        "from a pipe": "echo Papadopoulos | recurra classify - --model names-1 --json",
        "resume a run that was stopped": "recurra classify --resume runs/names-1",
    },
)
@click.option("--text-column", default="text", show_default=True, help="A table's column of texts.")
@click.option("--label-column", default="label", show_default=True, help="A table's column of labels.")
@fitting.to_option()
def command(data, text_column, label_column, **values):
    """Learn to label sequences, or label them.

    DATA is tables (.csv, .tsv) with a text and a label column, series (.ts), folders with a text file or a subfolder for
    each class; and, to be labelled, files or - (standard input) with a text a line. With --model each sequence gets a
    row of its label and that label's probability, both empty for a blank line; where DATA has labels, the part that is
    right goes to stderr.
    """
    reading = {"text_column": text_column, "label_column": label_column}

    def label(fitted, data, as_json):
        from recurra.tasks.classification.files import read_files

        X, y = read_files(data, **reading)
        # A blank line has no label, but keeps its row: line by line the output is that of the input.
        there = [number for number, one in enumerate(X) if len(one)]
        found = fitted.predict_proba([X[number] for number in there])
        labels, sure = fitted.classes_[found.argmax(1)].tolist(), found.max(1).tolist()
        if y is not None and not values["quiet"]:
            right = sum(map(str.__eq__, map(str, labels), y)) / len(y)
            click.echo(f"{right:.2%} of {len(y):,} are right", err=True)
        if as_json:
            classes = [str(name) for name in fitted.classes_.tolist()]
            rows = zip(labels, found.tolist(), strict=True)
            filled = [{"label": a, "probabilities": dict(zip(classes, p, strict=True))} for a, p in rows]
            return to_json(_placed(filled, there, len(X), {"label": None, "probabilities": {}})) + "\n"
        table = io.StringIO()
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["label", "probability"])
        filled = [[name, f"{p:.4f}"] for name, p in zip(labels, sure, strict=True)]
        rows.writerows(_placed(filled, there, len(X), ["", ""]))
        return table.getvalue()

    fitting.run(_estimator, CONFIGS, data, values, label, reading)


def _placed(rows: list, places: list[int], count: int, blank: Any) -> list:
    """So many rows: some at their places, blank ones elsewhere."""
    found = dict(zip(places, rows, strict=True))
    return [found.get(number, blank) for number in range(count)]


def _estimator():
    from recurra.tasks.classification import SequenceClassifier

    return SequenceClassifier
