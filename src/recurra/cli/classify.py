"""`recurra classify`: a label for each sequence, learned from labelled ones."""

import csv
import io
from typing import Any

import click

from recurra.cli import fitting
from recurra.cli.shown import to_json
from recurra.tasks.classification.config import CONFIGS, DEFAULTS, SEARCH


@fitting.command(
    "classify",
    CONFIGS,
    DEFAULTS,
    use="Label DATA by this run, instead of learning from it.",
    search=SEARCH,
    examples={
        "learn from a table of texts and labels": "recurra classify reviews.csv --unit word --pooling attention",
        "from series": "recurra classify GunPoint_TRAIN.ts --epochs 200",
        "from a folder, a file or a subfolder a class": "recurra classify names/",
        "search settings for ten minutes": "recurra classify GunPoint_TRAIN.ts --tune 10",
        "label others, and see how many are right": "recurra classify GunPoint_TEST.ts --model GunPoint_TRAIN-1",
        "from a pipe": "echo Papadopoulos | recurra classify - --model names-1 --json",
        "and the labels that hold the right one nine times in ten": "recurra classify - --model names-1 --coverage 0.9",
        "resume a run that was stopped": "recurra classify --resume runs/names-1",
    },
)
@click.option("--text-column", show_default="text", help="A table's column of texts.")
@click.option("--label-column", show_default="label", help="A table's column of labels.")
@fitting.using(
    "--coverage",
    type=float,
    help="Also print the labels that together hold the right one with this chance, such as 0.9.",
)
@fitting.to_option()
def command(data, text_column, label_column, coverage, **values):
    """Learn to label sequences, or label them.

    DATA is tables (.csv, .tsv) with a text and a label column (where there are only two columns, they may be called as you
    like), series (.ts), folders with a text file or a subfolder for each class; and, to be labelled, files or - (standard
    input) with a text a line. With --model each sequence gets a row of its label and that label's probability, both empty
    for a blank line, and with --coverage of a set of labels, the likeliest first, with | between them; where DATA has
    labels, the part that is right goes to stderr.
    """
    from recurra.tasks.sequences import roles

    def reading(before):
        names, given = ("text_column", "label_column"), (text_column, label_column)
        if given == (None, None) and roles.has(data, before.get("text_column")):
            given = tuple(before[name] if roles.has(data, before.get(name)) else None for name in names)
        columns, found = roles.names(data, given, ("text", "label"), roles.labels)
        fitting.say_columns(found, values["quiet"])
        return dict(zip(names, columns, strict=True))

    def label(fitted, data, as_json, reading):
        from recurra.tasks.classification.files import read_files

        X, y = read_files(data, **reading)
        # A blank line has no label, but keeps its row: line by line the output is that of the input.
        there = [number for number, one in enumerate(X) if len(one)]
        sequences, classes = [X[number] for number in there], [str(name) for name in fitted.classes_.tolist()]
        chances = fitted.predict_proba(sequences)
        records = [
            {"label": name, "probabilities": dict(zip(classes, p, strict=True))}
            for name, p in zip(fitted.classes_[chances.argmax(1)].tolist(), chances.tolist(), strict=True)
        ]
        blank = {"label": None, "probabilities": {}}
        if coverage is not None:
            blank["set"] = []
            sets = fitted.predict_set(sequences, coverage)
            records = [record | {"set": one.tolist()} for record, one in zip(records, sets, strict=True)]
        if y is not None and not values["quiet"]:
            click.echo(_compared(records, y), err=True)
        found = dict(zip(there, records, strict=True))
        records = [found.get(number, blank) for number in range(len(X))]
        return to_json(records) + "\n" if as_json else _table(records)

    fitting.run(_estimator, CONFIGS, data, values, label, reading)


def _compared(records: list[dict], y: Any) -> str:
    """How many labels are right, and how many sets hold the right one."""
    right = sum(str(record["label"]) == name for record, name in zip(records, y, strict=True))
    line = f"{right / len(y):.2%} of {len(y):,} are right"
    if "set" not in records[0]:
        return line
    inside = sum(name in map(str, record["set"]) for record, name in zip(records, y, strict=True))
    labels = sum(len(record["set"]) for record in records)
    return f"{line}; {inside / len(y):.2%} of the sets hold the right label, with {labels / len(y):.3g} labels each"


def _table(records: list[dict]) -> str:
    """Records as rows of comma-separated values; what is not there is empty."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["label", "probability", *(["set"] if "set" in records[0] else [])])
    for record in records:
        p = record["probabilities"].values()
        sets = ["|".join(map(str, record["set"]))] if "set" in record else []
        rows.writerow([record["label"], f"{max(p):.4f}" if p else "", *sets])
    return table.getvalue()


def _estimator():
    from recurra.tasks.classification import SequenceClassifier

    return SequenceClassifier
