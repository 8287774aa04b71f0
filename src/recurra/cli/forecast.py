"""`recurra forecast`: a table of series → a forecaster in a folder, and its forecasts."""

import click

from recurra.cli import fitting
from recurra.cli.options import NewFile, UserPath, spare
from recurra.cli.shown import numbers, table, to_json
from recurra.errors import RunError
from recurra.tasks.forecasting.config import CONFIGS, DEFAULTS, PRESETS

_WINDOWS = {"windows": "--windows fits on what is before them and keeps no run"}
_SCORED = (fitting.USE, *_WINDOWS)


@fitting.command(
    "forecast",
    CONFIGS,
    DEFAULTS,
    use="Forecast with this run instead of learning.",
    hint="name a .csv or .parquet table, such as sales.csv",
    data_free=(fitting.RESUME, fitting.USE),
    extra=_WINDOWS,
    commas=True,
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
@fitting.option(
    "--preset",
    modes=(fitting.FIT, *_WINDOWS),
    help=f"A recipe to start from: {', '.join(PRESETS)}.  [default: default]",
)
@fitting.to_option(modes=_SCORED, help="Write the forecasts here, .csv or .parquet.")
@fitting.option("--steps", type=int, modes=_SCORED, help="Steps to forecast.  [default: the run's horizon]")
@fitting.using("--known", type=UserPath(), help="A table of the columns known ahead.")
@fitting.option(
    "--windows", type=int, modes=_SCORED, help="Score so many past windows of DATA beside the naive forecasts."
)
@fitting.option("--stride", type=int, help="With --windows: steps between them.  [default: the horizon]")
@fitting.option("--picture", type=NewFile(), modes=_SCORED, help="Draw the forecasts, .png or .svg.")
def command(data, preset, to, steps, known, windows, stride, picture, **values):
    """Forecast time series.

    DATA is a .csv or .parquet table with a row for each series and stamp: columns unique_id (left out for one series),
    ds, y, and covariates. Without --model it is learned from; with it, it is what the forecasts go on from, by default
    the end of what was learned.
    """
    settings = {"preset": preset or "default"} | fitting.settings_of(values, CONFIGS)
    for name, value in {"windows": windows, "stride": stride, "steps": steps}.items():
        if value is not None and value < 1:
            raise click.UsageError(f"--{name} is {value}; expected 1 or more")
    model, quiet, as_json = values["model"], values["quiet"], values["as_json"]
    if stride and not windows:
        raise click.UsageError("--stride has no effect without --windows; add that, or drop it")
    if windows and not data:
        raise click.UsageError("DATA is missing: --windows scores forecasts of its past")
    if windows and known:
        raise click.UsageError(
            "--windows scores what is past, where DATA itself has the columns known ahead; drop --known"
        )
    if model and len(data) > 1:
        raise click.UsageError(f"DATA is {len(data)} tables; expected one")
    from recurra.fitting import pictures
    from recurra.tasks.forecasting import Forecaster
    from recurra.tasks.forecasting.series import frames

    if to:
        frames.writable(to)
        spare(to, [*data, *filter(None, [known])])
    if picture:
        pictures.check(picture)
    if not (model or windows):
        fitting.fit(Forecaster, data, values, settings)
        return
    forecaster = Forecaster.load(model) if model else Forecaster(**settings)
    frame = frames.load(data[0]) if data else None
    if windows:
        found = forecaster.cross_validate(frame, windows, stride, steps, fit=not model, quiet=quiet)
        shown = forecaster.score(found, frame)
    else:
        ahead = None if known is None else frames.load(known)
        found = shown = forecaster.predict(steps, ahead, frame=frame)
    _show(forecaster, found, shown, to, picture, as_json, model and forecaster.folder)
    if model and windows and not quiet:
        click.echo("honest where the run was fitted on rows before these windows; --model took it as it is", err=True)


def _show(forecaster, found, shown, to, picture, as_json, run) -> None:
    """Write what is to be written, and print the forecasts, or the scores of windows. run: the folder, if any."""
    from recurra.tasks.forecasting.series import columns, frames

    unwritten = None
    if to:
        try:
            frames.write(found, to)
        except RunError as error:  # then it is printed, and so not lost
            to, unwritten = None, error
    if picture:
        forecaster.plot(found, picture)
    content = {name: columns.texts(shown, name) for name in columns.names(shown)}
    if as_json:
        rows = [dict(zip(content, row, strict=True)) for row in zip(*content.values(), strict=True)]
        click.echo(to_json({"run": run and str(run), ("forecasts" if shown is found else "scores"): rows}))
    elif shown is not found or not to:
        words = [not isinstance(column[0], float) for column in content.values()]
        parts = [
            map(str, column) if word else numbers(column) for word, column in zip(words, content.values(), strict=True)
        ]
        click.echo(table(list(content), list(zip(*parts, strict=True)), left=sum(words)))
    for path in (to, picture):
        if path:
            click.echo(f"wrote {path}", err=True)
    if unwritten:
        raise unwritten
