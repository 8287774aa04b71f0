"""What `classify` and `tag` share: options with the task's own defaults, fitting, and using a fitted run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from recurra.cli.options import NewFile, config_option, given, settings_options, spare

TITLES = {
    "model": "Model",
    "pooling": "Texts and pooling",
    "classifier": "Classifier",
    "tagger": "Tagger",
    "data": "Data",
    "training": "Training",
}


def labelling(
    configs: dict[str, type],
    defaults: dict[str, Any],
    model_help: str = "Label DATA by this run, instead of learning from it.",
) -> Callable:
    """The options of a command that fits on DATA, or labels it by a fitted run."""

    def add(function):
        function = settings_options({TITLES[part]: cls for part, cls in configs.items()}, defaults)(function)
        for option in reversed(_OPTIONS):
            function = option(function)
        function = click.option("--model", metavar="RUN", help=model_help)(function)
        return config_option(function)

    return add


_OPTIONS = (
    click.option("--to", type=NewFile(), help="With --model: write to this file."),
    click.option("--json", "as_json", is_flag=True, help="With --model: JSON, for programs."),
    click.option("--resume", metavar="RUN", help="Go on with this run, to the bits it would have had."),
    click.option(
        "-o", "--out", type=click.Path(path_type=Path), help="The run's new folder.  [default: runs/NAME-NUMBER]"
    ),
    click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors and the result."),
)


def run(
    load: Callable[[], type],
    configs: dict[str, type],
    data: tuple[str, ...],
    values: dict[str, Any],
    label: Callable[[Any, list[str], bool], str],
    reading: dict[str, Any] | None = None,
) -> None:
    """Do what the options ask: fit, go on with a fit, or label.

    load: gives the estimator's class, which is imported only now. configs: its settings. values: the command's options by
    name. label: (fitted estimator, data, whether as JSON) → what to print. reading: how files are read.
    """
    model, to, resume, out, quiet = (values[name] for name in ("model", "to", "resume", "out", "quiet"))
    settings = given(values, list(configs.values()), values["file"])
    fits = ["--" + name.replace("_", "-") for name in settings] + ["--out"] * (out is not None)
    if resume and (data or model or fits):
        raise click.UsageError("--resume goes on with the run as it is and takes nothing else")
    if model and fits:
        raise click.UsageError(f"--model labels by a run as it was fitted; drop {', '.join(fits)}")
    if (to or values["as_json"]) and not model:
        raise click.UsageError("--to and --json are for what a fitted run gives; name one with --model")
    if not (data or resume):
        raise click.UsageError("DATA is missing: name a file or a folder")
    spare(to, data)
    estimator = load()
    if model:
        text = label(estimator.load(model), list(data), values["as_json"])
        if to:
            from recurra import files

            files.write_output(to, text)
        else:
            click.echo(text, nl=False)
        return
    if resume:
        fitted = estimator.resume_files(resume, quiet=quiet)
    else:
        fitted = estimator.from_files(list(data), out, quiet=quiet, reading=reading, **settings)
    click.echo(fitted.folder)
    if not quiet:
        click.echo(f"Use it:  recurra {fitted.command} DATA --model {fitted.folder}", err=True)
