"""One builder for the commands that fit a run, use it or resume it: their options, and which of them go together.

    @fitting.command("tag", CONFIGS, DEFAULTS, examples={...}, use="Label DATA by this run, instead of learning from it.")
    @fitting.using("--beam", type=int, default=1, help="Candidates searched with at a time.")
    def command(data, **values):
        fitting.run(_estimator, CONFIGS, data, values, label)

A command has three modes: it fits, with --model it uses a run, with --resume it resumes one. Every option belongs to some of
them, and is refused in the others by the one sentence of that mode.
"""

import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import click
from click.core import ParameterSource

from recurra.cli.frame import Command
from recurra.cli.options import NewFile, Source, UserPath, config_option, given, settings_options, spare
from recurra.cli.shown import deliver, table, to_json
from recurra.terminal import number, steady, visible, wrapped

FIT, USE, RESUME = "fit", "use", "resume"
_WHY = {
    FIT: "without --model, {data} is learned from",
    USE: "--model uses a run as it was fitted",
    RESUME: "--resume continues the run as it is",
}
TITLES = {
    "text": "Text",
    "series": "Series",
    "network": "Network",
    "model": "Model",
    "pooling": "Texts and pooling",
    "classifier": "Classifier",
    "regressor": "Regressor",
    "tagger": "Tagger",
    "data": "Data",
    "training": "Training",
}
"""The section of a command's help for each part of the settings."""


class FittingCommand(Command):
    """A command whose options belong to modes: attribute `modes` of an option; one without belongs to all."""

    data_hint = ""
    data_free: tuple[str, ...] = (RESUME,)
    """The modes that need no data."""
    extra: Mapping[str, str] = MappingProxyType({})
    """Modes of its own, each by the option that it is named after, and why other options do not go with it."""

    def invoke(self, ctx: click.Context) -> Any:
        mode, argument = mode_of(ctx.params), self.params[0]
        if mode == FIT:
            mode = next((one for one in self.extra if ctx.params[one] is not None), FIT)
        beside = [
            parameter.human_readable_name.upper() if parameter is argument else max(parameter.opts, key=len)
            for parameter in self.params
            if ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
            and mode not in (getattr(parameter, "modes", None) or (mode,))
        ]
        if beside:
            why = (_WHY | self.extra)[mode].format(data=argument.name.upper())
            raise click.UsageError(f"{why}; drop {', '.join(beside)}", ctx)
        if mode not in self.data_free and not ctx.params[argument.name]:
            raise click.UsageError(f"{argument.name.upper()} is missing: {self.data_hint}", ctx)
        if ctx.params.get("trials") and not ctx.params["tune"]:
            raise click.UsageError("--trials has no effect without --tune; add that, or drop it", ctx)
        if mode in (FIT, RESUME) and not ctx.params["quiet"] and os.environ.get("RANK", "0") == "0":
            # Before PyTorch is imported, which takes seconds.
            sources = (
                [f"the run {ctx.params['resume']}"] if mode == RESUME else map(described, ctx.params[argument.name])
            )
            if all(sources := list(sources)):
                with steady(sys.stderr):
                    click.echo(f"reading {', '.join(sources)}", err=True)
        return super().invoke(ctx)


def described(path: str) -> str:
    """A source as the first line of a command names it: "book.txt, 5.1 MB"; "" for one that is not there."""
    from recurra.data.corpora import CORPORA

    if path == "-":
        return "standard input"
    if os.path.isfile(path):
        return f"{path}, {size(os.path.getsize(path))}"
    return path if os.path.exists(path) or path in CORPORA else ""


def size(count: int) -> str:
    """Bytes in words: "5.1 MB", "230 kB", "17 bytes"."""
    for unit, of in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= of:
            return f"{count / of:.2g} {unit}" if count < 10 * of else f"{count / of:,.0f} {unit}"
    return f"{count} byte" + "s" * (count != 1)


def mode_of(values: Mapping[str, Any]) -> str:
    """What a command does, from its options by name."""
    return RESUME if values["resume"] else USE if values.get("model") else FIT


class _Option(click.Option):
    def __init__(self, *args, modes: tuple[str, ...] | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.modes = modes


def option(*names: str, modes: Iterable[str] | None = None, **attributes: Any) -> Callable:
    """An option of these modes; None: of all."""
    return click.option(*names, cls=_Option, modes=None if modes is None else tuple(modes), **attributes)


def using(*names: str, **attributes: Any) -> Callable:
    """An option that needs --model."""
    return option(*names, modes=(USE,), **attributes)


def command(
    name: str,
    configs: dict[str, type],
    defaults: Mapping[str, Any],
    *,
    examples: dict[str, str],
    use: str = "",
    search: Iterable[str] = (),
    data: str = "data",
    hint: str = "name a file or a folder",
    data_free: tuple[str, ...] = (RESUME,),
    sections: dict[str, type] | None = None,
    modes: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    both: Iterable[str] = (),
    extra: Mapping[str, str] = MappingProxyType({}),
    **settings: Any,
) -> Callable:
    """A command that fits, uses or resumes: `name` as it is called, `configs` and `defaults` the settings of its task.

    use: the help of --model; "" = the command has none. search: the settings that --tune tries; () = it has no --tune. data,
    hint: its argument, and what to name where it is missing; it is not needed in the modes `data_free`. sections: of the help,
    default by part. modes: of the settings in a section, default those of fitting. both: settings that using a run takes too.
    extra: as in FittingCommand. settings: as in `settings_options`.
    """

    def add(function: Callable) -> click.Command:
        made = settings_options(sections or {TITLES[part]: cls for part, cls in configs.items()}, defaults, **settings)
        function = config_option(made(function))
        for one in reversed([*_options(use), *(_tuning(search) if search else [])]):
            function = one(function)
        function = click.argument(data, nargs=-1, type=Source())(function)
        whole = click.command(name, cls=FittingCommand, examples=examples)(function)
        # The argument comes first: it is what `invoke` looks for.
        whole.params.sort(key=lambda parameter: not isinstance(parameter, click.Argument))
        whole.params[0].modes, whole.data_hint, whole.data_free = (FIT, USE, *extra), hint, data_free
        whole.extra = extra
        for parameter in whole.params:
            if hasattr(parameter, "section") and not hasattr(parameter, "modes"):
                parameter.modes = modes.get(parameter.section, (FIT, *extra)) + (USE,) * (parameter.name in both)
                parameter.modes += (RESUME,) * (parameter.name == "epochs")
        return whole

    return add


def _options(use: str) -> list[Callable]:
    model = [using("-m", "--model", metavar="RUN", help=use)] if use else []
    return [
        *model,
        option(
            "--resume",
            metavar="RUN",
            modes=(RESUME,),
            help="Continue this run, to the bits it would have had; a finished one longer, with --epochs or --more-minutes.",
        ),
        option(
            "--more-minutes",
            type=click.FloatRange(min=0, min_open=True),
            modes=(RESUME,),
            help="With --resume: train a finished run for so many minutes more, from half its learning rate on.",
        ),
        option(
            "--data",
            "moved",
            metavar="PATH",
            type=Source(),
            multiple=True,
            modes=(RESUME,),
            help="With --resume: where its data is now, if it has moved; it must be the same.",
        ),
        option(
            "-o",
            "--out",
            type=UserPath(),
            modes=(FIT,),
            help="The run's new folder.  [default: runs/NAME-NUMBER]",
        ),
        option("-q", "--quiet", is_flag=True, help="Show nothing but errors and the result."),
        option("--json", "as_json", is_flag=True, help="Print JSON, for programs."),
    ]


def _tuning(search: Iterable[str]) -> list[Callable]:
    names = ", ".join(name.replace("_", "-") for name in search)
    return [
        option(
            "--tune",
            type=click.FloatRange(min=0, min_open=True),
            metavar="MINUTES",
            modes=(FIT,),
            help=f"Search settings for so long ({names}; those that are set here stay), and keep the best run. What is held out"
            " chooses. The same command with --out continues a search that was stopped.",
        ),
        option(
            "--trials", type=click.IntRange(min=1), modes=(FIT,), help="With --tune: the most settings that are tried."
        ),
    ]


def to_option(help: str = "Write to this file.", modes: Iterable[str] = (USE,), **attributes: Any) -> Callable:
    """--to, the file that a result is written to; by default it needs --model."""
    return option("-t", "--to", type=NewFile(), help=help, modes=modes, **attributes)


def settings_of(values: dict[str, Any], configs: dict[str, type]) -> dict[str, Any]:
    """The settings that the user gave; those of --config among them."""
    return given(values, list(configs.values()), values["file"])


def fit(
    estimator: type, data: Iterable[str], values: dict[str, Any], settings: dict[str, Any], reading: dict | None = None
) -> Any:
    """Fit on the data, or resume a run, as the options in `values` say; the folder, and what to do next, are printed."""
    fitted = fitted_on(estimator, data, values, settings, reading)
    goodbye(fitted, values)
    return fitted


def fitted_on(
    estimator: type, data: Iterable[str], values: dict[str, Any], settings: dict[str, Any], reading: dict | None = None
) -> Any:
    """Fit on the data, or resume a run, as the options in `values` say; prints nothing at the end."""
    if values["resume"]:
        longer = {"epochs": values.get("epochs") or 0, "more_minutes": values["more_minutes"]}
        return estimator.resume_files(values["resume"], values["moved"], quiet=values["quiet"], **longer)
    held = {"validation_data": values["validation_data"]} if values.get("validation_data") else {}
    how = {"quiet": values["quiet"], "reading": reading} | held
    if not values.get("tune"):
        return estimator.from_files(list(data), values["out"], **how, **settings)
    goal = {"minutes": values["tune"], "trials": values["trials"]}
    fitted = estimator.tune_files(list(data), values["out"], **goal, **how, settings=settings)
    if not values["quiet"] and speaks():
        click.echo(_table(fitted.tried), err=True)
    return fitted


def _table(tried: list[dict[str, Any]]) -> str:
    """What a search tried, the lowest loss first."""
    rows = sorted(tried, key=lambda row: (math.isnan(row["validation_loss"]), row["validation_loss"]))
    names = [name for name in rows[0] if name not in ("done", "best")]
    shown = [[_cell(row.get(name, "")) for name in names] for row in rows]
    return table([name.replace("_", " ") for name in names], shown, left=0)


def _cell(value: Any) -> str:
    return number(value) if isinstance(value, float) else "" if value is None else str(value)


def about(fitted: Any, score: dict[str, float]) -> dict[str, Any]:
    """What --json prints of a run; of the result of a search also what was tried."""
    tried = {"tried": fitted.tried} if getattr(fitted, "tried", None) else {}
    return {"run": str(fitted.folder), "validation": score} | tried


def speaks() -> bool:
    """Whether this process prints. Under torchrun one does for all; the group they formed is closed by then."""
    return os.environ.get("RANK", "0") == "0"


def say_columns(found: Mapping[str, str], quiet: bool) -> None:
    """Which columns of a table were taken for what, where nobody named them: {"time": "Month", "target": "Passengers"}."""
    if found and not quiet and speaks():
        click.echo(", ".join(f"{what}: {visible(column)}" for what, column in found.items()), err=True)


def goodbye(fitted: Any, values: dict[str, Any]) -> None:
    """The run's folder on stdout; how good it is, some examples, and the command that uses it on stderr."""
    if not speaks():
        return
    if values["quiet"] and not values["as_json"]:
        click.echo(fitted.folder)
        return
    report = fitted.report()
    click.echo(to_json(about(fitted, report.score)) if values["as_json"] else fitted.folder)
    if not values["quiet"]:
        # The last line is to be copied, and stays one.
        for line in [*(wrapped(line, sys.stderr) for line in report.lines()), f"Use it:  {report.next}"]:
            click.echo(visible(line), err=True)


def run(
    load: Callable[[], type],
    configs: dict[str, type],
    data: tuple[str, ...],
    values: dict[str, Any],
    label: Callable[..., str],
    reading: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> None:
    """Fit, resume, or use a run where that gives a text.

    load: returns the estimator's class, which is imported only now. label: (fitted estimator, data, whether as JSON) → what
    is printed, or written to the file of --to. reading: (how the files of the run in use were read, {} for a new one) → how
    these are read; `label` gets it as `reading`.
    """
    settings = settings_of(values, configs)
    spare(values["to"], data)
    if mode_of(values) != USE:
        fit(load(), data, values, settings, reading and reading({}))
        return
    fitted = load().load(values["model"])
    how = {"reading": reading(fitted.reading_of_files)} if reading else {}
    deliver(label(fitted, list(data), values["as_json"], **how), values["to"])
