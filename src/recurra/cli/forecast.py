"""`recurra forecast`: a table of series → a forecaster in a folder, and its forecasts."""

from pathlib import Path

import click

from recurra.cli.frame import Command
from recurra.cli.options import NewFile, config_option, given, settings_options, spare
from recurra.cli.shown import json_option, table, to_json
from recurra.tasks.forecasting.config import CONFIGS, DEFAULTS, PRESETS

_TITLES = {"series": "Series", "model": "Model", "training": "Training"}


@click.command(
    "forecast",
    cls=Command,
    examples={
        "learn from columns unique_id, ds, y": "recurra forecast sales.csv --horizon 28 --freq D",
        "one series, columns of other names": "recurra forecast air.csv --time-col Month --target-col Passengers --horizon 12",
        "the next steps, as a table": "recurra forecast --model runs/sales-1 --to next.csv --picture next.png",
        "from newer rows, without learning again": "recurra forecast newer.csv --model runs/sales-1",
        "how good it is on the last four windows, fitted before them": "recurra forecast sales.csv --horizon 28 --windows 4",
        "resume a run that was stopped": "recurra forecast --resume runs/sales-1",
        "resume it where the table has moved": "recurra forecast --resume runs/sales-1 --data moved/sales.csv",
    },
)
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The run's new folder.  [default: runs/NAME-NUMBER]")
@click.option("--preset", help=f"A recipe to start from: {', '.join(PRESETS)}.  [default: default]")
@click.option("--resume", metavar="RUN", help="Go on with this run, to the bits it would have had; takes no settings.")
@click.option(
    "--data",
    "moved",
    type=click.Path(path_type=Path),
    help="With --resume: where the run's table is now, if it has moved.",
)
@click.option("--model", metavar="RUN", help="Forecast with this run instead of learning.")
@click.option("--to", type=NewFile(), help="With --model: write the forecasts here, .csv or .parquet.")
@click.option("--steps", type=int, help="With --model: steps to forecast.  [default: the run's horizon]")
@click.option("--known", type=click.Path(path_type=Path), help="With --model: a table of the columns known ahead.")
@click.option(
    "--windows", type=int, help="With --model: score so many past windows of DATA beside the naive forecasts."
)
@click.option("--stride", type=int, help="With --windows: steps between them.  [default: the horizon]")
@click.option("--picture", type=NewFile(), help="With --model: draw the forecasts, .png or .svg.")
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors and the folder.")
@json_option
@config_option
@settings_options({_TITLES[part]: cls for part, cls in CONFIGS.items()}, DEFAULTS, commas=True)
def command(
    data, out, preset, resume, moved, model, to, steps, known, windows, stride, picture, quiet, as_json, file, **values
):
    """Forecast time series.

    DATA is a .csv or .parquet table with a row for each series and stamp: columns unique_id (left out for one series),
    ds, y, and covariates. Without --model it is learned from; with it, it is what the forecasts go on from, by default
    the end of what was learned.
    """
    for name, value in {"windows": windows, "stride": stride, "steps": steps}.items():
        if value is not None and value < 1:
            raise click.UsageError(f"--{name} is {value}; expected 1 or more")
    settings = given(values, list(CONFIGS.values()), file)
    use = {"to": to, "picture": picture, "json": as_json or None}
    learn = {"out": out, "preset": preset, **settings}
    if resume:
        _drop(
            "--resume goes on with the run as it is", DATA=data, model=model, steps=steps, known=known, **learn, **use
        )
    elif model:
        _drop("--model forecasts with the run as it is", **learn)
    elif windows:
        _drop("--windows keeps no run", out=out, known=known)
    else:
        _drop("without --model or --windows, DATA is learned from", steps=steps, known=known, **use)
    if not (data or resume or (model and not windows)):
        raise click.UsageError("DATA is missing: name a .csv or .parquet table, such as sales.csv")
    if windows and known:
        raise click.UsageError(
            "--windows scores what is past, where DATA itself has the columns known ahead; drop --known"
        )
    if moved and not resume:
        raise click.UsageError("--data is for --resume; name a table to learn from without it: recurra forecast TABLE")
    if stride and not windows:
        raise click.UsageError("--stride has no effect without --windows; add that, or drop it")
    from recurra.fitting import pictures
    from recurra.tasks.forecasting import Forecaster
    from recurra.tasks.forecasting.series import frames

    if to:
        frames.writable(to)
        spare(to, [table for table in (data, known) if table])
    if picture:
        pictures.check(picture)
    if model or windows:
        forecaster = Forecaster.load(model) if model else Forecaster(**{"preset": preset or "default", **settings})
        frame = None if data is None else frames.load(data)
        if windows:
            found = forecaster.cross_validate(frame, windows, stride, steps, fit=not model, quiet=quiet)
            shown = forecaster.score(found, frame)
        else:
            ahead = None if known is None else frames.load(known)
            found = shown = forecaster.predict(steps, ahead, frame=frame)
        _show(forecaster, found, shown, to, picture, as_json)
        if model and windows and not quiet:
            click.echo(
                "honest where the run was fitted on rows before these windows; --model took it as it is", err=True
            )
        return
    if resume:
        fitted = Forecaster.resume_files(resume, [moved] if moved else None, quiet=quiet)
    else:
        fitted = Forecaster.from_files(data, out, quiet=quiet, **{"preset": preset or "default", **settings})
    click.echo(fitted.folder)
    if not quiet:
        click.echo(f"Forecast with it:  recurra forecast --model {fitted.folder}", err=True)


def _drop(why: str, **options) -> None:
    beside = [name for name, value in options.items() if value not in (None, ())]
    if beside:
        flags = ", ".join(name if name == "DATA" else "--" + name.replace("_", "-") for name in beside)
        raise click.UsageError(f"{why}; drop {flags}")


def _show(forecaster, found, shown, to, picture, as_json) -> None:
    """Write what is to be written, and print the forecasts, or where windows were scored their scores."""
    from recurra.tasks.forecasting.series import columns, frames

    if to:
        frames.write(found, to)
    if picture:
        forecaster.plot(found, picture)
    content = {name: columns.values(shown, name).tolist() for name in columns.names(shown)}
    if as_json:
        rows = [dict(zip(content, row, strict=True)) for row in zip(*content.values(), strict=True)]
        rows = [{k: v if isinstance(v, int | float | str) else str(v) for k, v in row.items()} for row in rows]
        run = forecaster.folder and str(forecaster.folder)
        click.echo(to_json({"run": run, ("forecasts" if shown is found else "scores"): rows}))
    elif shown is not found or not to:
        text = [[_shown(value) for value in row] for row in zip(*content.values(), strict=True)]
        words = len(content) - sum(isinstance(column[0], float) for column in content.values())
        click.echo(table(list(content), text, left=words))
    for path in (to, picture):
        if path:
            click.echo(f"wrote {path}", err=True)


def _shown(value) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return str(value)
