"""`recurra forecast`: a table of series → a forecaster in a folder, and its forecasts."""

import sys
from typing import Any

import click

from recurra.cli import fitting
from recurra.cli.options import NewFile, UserPath, spare
from recurra.cli.shown import numbers, table, to_json
from recurra.errors import RunError
from recurra.tasks.forecasting.config import CONFIGS, DEFAULTS, PRESETS, SEARCH
from recurra.terminal import wrapped

_WINDOWS = {"windows": "--windows fits on what is before them and keeps no run"}
_SCORED = (fitting.USE, *_WINDOWS)
_SHOWN = (fitting.FIT, fitting.RESUME, *_SCORED)
_HEAD = 200  # rows by which columns of stamps and of numbers are found
_MOST = 60  # rows of a forecast that are printed after learning; the file has all


@fitting.command(
    "forecast",
    CONFIGS,
    DEFAULTS,
    use="Forecast with this run instead of learning.",
    search=SEARCH,
    hint="name a .csv or .parquet table, such as sales.csv",
    data_free=(fitting.RESUME, fitting.USE),
    extra=_WINDOWS,
    commas=True,
    leave_out=("weights",),
    examples={
        "learn, and print the next steps": "recurra forecast sales.csv",
        "28 days, columns of other names": "recurra forecast air.csv --time-col Day --target-col Passengers --horizon 28",
        "the next steps of a run, as a table": "recurra forecast --model runs/sales-1 --to next.csv --picture next.png",
        "from newer rows, without learning again": "recurra forecast newer.csv --model runs/sales-1",
        "how good it is on the last four windows, fitted before them": "recurra forecast sales.csv --horizon 28 --windows 4",
        "search settings for ten minutes": "recurra forecast sales.csv --tune 10",
        "resume a run that was stopped": "recurra forecast --resume runs/sales-1",
        "resume it where the table has moved": "recurra forecast --resume runs/sales-1 --data moved/sales.csv",
    },
)
@fitting.option(
    "--preset",
    modes=(fitting.FIT, *_WINDOWS),
    help=f"A recipe to start from: {', '.join(PRESETS)}.  [default: default]",
)
@fitting.to_option(modes=_SHOWN, help="Write the forecasts here, .csv or .parquet.")
@fitting.option(
    "--weight-col",
    "weights",
    modes=(fitting.FIT, *_WINDOWS),
    help="The column with how much each series counts in the loss, 0 or more.  [default: all alike]",
)
@fitting.option("--steps", type=int, modes=_SCORED, help="Steps to forecast.  [default: the run's horizon]")
@fitting.option(
    "--known",
    type=UserPath(),
    modes=(fitting.FIT, fitting.RESUME, fitting.USE),
    help="A table of the columns known ahead.",
)
@fitting.option(
    "--windows", type=int, modes=_SCORED, help="Score so many past windows of DATA beside the naive forecasts."
)
@fitting.option("--stride", type=int, help="With --windows: steps between them.  [default: the horizon]")
@fitting.option("--picture", type=NewFile(), modes=_SHOWN, help="Draw the forecasts, .png or .svg.")
def command(data, preset, to, steps, known, windows, stride, picture, **values):
    """Forecast time series.

    DATA is a .csv or .parquet table with a row for each series and stamp: columns unique_id (left out for one series),
    ds, y, and covariates; a table with one column of stamps and one of numbers may call them as it likes. It is learned
    from, and the next steps are forecast: as a table on stdout (with -q the run's folder, with --json both), beside the
    naive forecasts, and in the run as forecast.csv and forecast.png. All else goes to stderr. With --model nothing is
    learned, and DATA is what the forecasts continue, by default the end of what was learned.
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
    if not (model or values["resume"]):
        settings |= _roles(data, settings, quiet)
    ahead = None if known is None else frames.load(known)
    if not (model or windows):
        _finish(fitting.fitted_on(Forecaster, data, values, settings), ahead, to, picture, quiet, as_json)
        return
    forecaster = Forecaster.load(model) if model else Forecaster(**settings)
    frame = frames.load(data[0]) if data else None
    if windows:
        found = forecaster.cross_validate(frame, windows, stride, steps, fit=not model, quiet=quiet)
        shown = forecaster.score(found, frame)
    else:
        found = shown = forecaster.predict(steps, ahead, frame=frame)
    about = {"run": model and str(forecaster.folder)}
    _show(forecaster, found, shown, to, picture, as_json, about)
    if model and windows and not quiet:
        click.echo("honest where the run was fitted on rows before these windows; --model took it as it is", err=True)


def _roles(data, settings, quiet) -> dict[str, Any]:
    """The columns of stamps, of numbers and of series, where they are called otherwise and nobody says which they are."""
    from recurra.tasks.forecasting.config import SeriesConfig
    from recurra.tasks.forecasting.series import frames, roles

    if len(data) != 1:
        return {}
    own = {name: value for name, value in settings.items() if name in SeriesConfig.__dataclass_fields__}
    head = frames.load(data[0], rows=_HEAD)
    found: dict[str, Any] = {}
    if not {"time_col", "target_col"} <= settings.keys():
        found |= roles.found(head, SeriesConfig(**own))
    if "id_col" not in settings:
        name = roles.name_of_series(head, SeriesConfig(**own | found), lambda: frames.load(data[0]))
        found |= {"id_col": (name,)} if name else {}
    names = {"time_col": "time", "target_col": "target", "id_col": "series"}
    shown = {role: column[0] if role == "id_col" else column for role, column in found.items()}
    fitting.say_columns({names[role]: column for role, column in shown.items()}, quiet)
    return found


def _finish(forecaster, ahead, to, picture, quiet, as_json) -> None:
    """After learning: the score on stderr, the forecast into the run and onto stdout, and what to do next."""
    from recurra.tasks.forecasting.series import columns, frames

    if not fitting.speaks():
        return
    report, folder, series = forecaster.report(), forecaster.folder, forecaster.parts["series"]
    score = {name: value for name, value in report.score.items() if name.endswith("smape")}
    if not quiet:
        click.echo(wrapped(_scored(score, report.use), sys.stderr), err=True)
    if series.future and ahead is None:
        if quiet or as_json:
            click.echo(to_json(fitting.about(forecaster, score) | {"forecasts": None}) if as_json else folder)
        if not quiet:
            click.echo(
                f"A forecast needs {', '.join(series.future)} of the steps ahead:  {report.next} --known PATH", err=True
            )
        return
    found = forecaster.predict(future=ahead)
    frames.write(found, folder / "forecast.csv")
    forecaster.plot(found, folder / "forecast.png")
    more = max(len(columns.values(found, "forecast")) - _MOST, 0)
    if quiet and not as_json:
        click.echo(folder)
        _written(forecaster, found, to, picture, True)
        return
    _show(forecaster, found, found, to, picture, as_json, fitting.about(forecaster, score), _MOST)
    if not quiet:
        rest = f", with {more:,} more rows" if more and not (to or as_json) else ""
        click.echo(
            f"The forecast is in {folder / 'forecast.csv'}{rest}, and drawn in {folder / 'forecast.png'}", err=True
        )
        click.echo(f"Use it:  {report.next}", err=True)


def _scored(score: dict[str, float], use: str) -> str:
    if not score:
        return "nothing was held out, so that there is no score: --windows 2 tests it on the past"
    parts = (("forecast", "smape"), ("naive", "naive_smape"), ("seasonal naive", "seasonal_naive_smape"))
    shown = ", ".join(f"{name} {score[key]:.2f}" for name, key in parts if key in score)
    return f"validation ({use}), sMAPE in percent, less is better: {shown}"


def _show(forecaster, found, shown, to, picture, as_json, about, most=None) -> None:
    """Write what is to be written, and print the forecasts, or the scores of windows.

    about: what JSON says beside them. most: rows of the table that are printed; default all.
    """
    from recurra.tasks.forecasting.series import columns

    to, unwritten = _written(forecaster, found, to, picture)
    content = {name: columns.texts(shown, name) for name in columns.names(shown)}
    if as_json:
        rows = [dict(zip(content, row, strict=True)) for row in zip(*content.values(), strict=True)]
        click.echo(to_json({**about, ("forecasts" if shown is found else "scores"): rows}))
    elif shown is not found or not to:
        words = [not isinstance(column[0], float) for column in content.values()]
        parts = [
            map(str, column) if word else numbers(column) for word, column in zip(words, content.values(), strict=True)
        ]
        click.echo(table(list(content), list(zip(*parts, strict=True))[:most], left=sum(words)))
    for path in (to, picture):
        if path:
            click.echo(f"wrote {path}", err=True)
    if unwritten:
        raise unwritten


def _written(forecaster, found, to, picture, raises=False):
    """Write and draw the forecasts: the file that was written, if any, and the error where it could not be."""
    from recurra.tasks.forecasting.series import frames

    unwritten = None
    if to:
        try:
            frames.write(found, to)
        except RunError as error:  # then it is printed, and so not lost
            if raises:
                raise
            to, unwritten = None, error
    if picture:
        forecaster.plot(found, picture)
    return to, unwritten
