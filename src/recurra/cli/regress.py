"""`recurra regress`: numbers for each sequence, learned from sequences with their numbers."""

import csv
import io

import click

from recurra.cli import fitting
from recurra.cli.shown import to_json
from recurra.tasks.regression.config import CONFIGS, DEFAULTS, SEARCH


@fitting.command(
    "regress",
    CONFIGS,
    DEFAULTS,
    use="Predict the numbers of DATA by this run, instead of learning from it.",
    search=SEARCH,
    examples={
        "learn a price from a text": "recurra regress flats.csv --target-column price --unit word",
        "two numbers from a series": "recurra regress wells.csv --series-column flow --target-column oil --target-column gas",
        "from a file of series with targets": "recurra regress HeartRate_TRAIN.ts --epochs 50",
        "search settings for ten minutes": "recurra regress flats.csv --target-column price --tune 10",
        "predict others, and see how well": "recurra regress HeartRate_TEST.ts --model HeartRate_TRAIN-1",
        "continue a run that was stopped": "recurra regress --resume runs/flats-1",
    },
)
@click.option("--text-column", show_default="text", help="A table's column of texts.")
@click.option(
    "--series-column",
    help="A table's column of series: steps parted by spaces or commas, features by colons; ? is a missing value.",
)
@click.option(
    "--target-column",
    "target_columns",
    multiple=True,
    show_default="target",
    help="A table's column of numbers to predict; may be given several times.",
)
@fitting.to_option()
def command(data, text_column, series_column, target_columns, **values):
    """Learn to predict numbers from sequences, or predict them.

    DATA is tables (.csv, .tsv) with a column of texts or series and one or several of numbers, series (.ts) with a target; and,
    to be predicted, also files or - (standard input) with a text a line. With --model each sequence gets a row of its
    numbers, empty for a blank line; where DATA has targets, R² goes to stderr: 1 is exact, 0 is no better than their mean.
    """
    from recurra.tasks.sequences import roles

    def reading(before):
        column = before.get("series_column") or before.get("text_column")
        if not (text_column or series_column or target_columns) and roles.has(data, column):
            targets = before.get("target_columns")
            known = {"target_columns": [str(name) for name in targets]} if isinstance(targets, list) else {}
            return known | {name: before[name] for name in ("text_column", "series_column") if name in before}
        text, targets = text_column or "text", list(target_columns) or ["target"]
        if not series_column and len(targets) == 1:
            given = (text_column, *target_columns) if target_columns else (text_column, None)
            (text, *targets), found = roles.names(data, given, ("text", "target"), roles.amounts)
            fitting.say_columns(found, values["quiet"])
        return {"text_column": text, "series_column": series_column, "target_columns": targets}

    def predict(fitted, data, as_json, reading):
        from recurra.tasks.regression.files import read_files

        X, y = read_files(data, **reading)
        there = [number for number, one in enumerate(X) if len(one)]
        predictions = fitted.predict([X[number] for number in there]).reshape(len(there), -1)
        if y is not None and len(y) > 1 and not values["quiet"]:  # of one alone there is no R²
            click.echo(f"R² {fitted.score(X, y):.4f} over {len(y):,}", err=True)
        found = dict(zip(there, predictions.tolist(), strict=True))
        if as_json:
            return to_json([found.get(number) for number in range(len(X))]) + "\n"
        table, width = io.StringIO(), predictions.shape[1]
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["prediction"] if width == 1 else [f"prediction_{number}" for number in range(1, width + 1)])
        rows.writerows(
            [f"{number:.7g}" for number in found[at]] if at in found else [""] * width for at in range(len(X))
        )
        return table.getvalue()

    fitting.run(_estimator, CONFIGS, data, values, predict, reading)


def _estimator():
    from recurra.tasks.regression import SequenceRegressor

    return SequenceRegressor
