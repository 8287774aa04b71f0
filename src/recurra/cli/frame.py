"""The frame of the commands: the list of them, their help, and one line for every error."""

import importlib
import os
import re
import sys
import warnings
from typing import Any

import click

from recurra.cli import cellfile
from recurra.cli.options import UserPath, as_option
from recurra.errors import CellError, ConfigError, RecurraError, nearest
from recurra.tasks import TASKS
from recurra.terminal import lossless, steady

COMMANDS = (
    *("train", "generate", "evaluate", "look", "compare", "runs", "studio"),
    *(task.command for task in TASKS if task.command != "train"),
    *("quantize", "page", "card", "show", "bench", "corpora", "doctor", "demo"),
)
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Command(click.Command):
    """A command with examples under its help, and options in sections.

    examples: {"what it does": "recurra train book.txt"}. An option's section is its attribute `section`.
    """

    def __init__(self, *args, examples: dict[str, str] | None = None, **kwargs):
        super().__init__(*args, context_settings=_HELP, **kwargs)
        self.examples = examples or {}

    def format_options(self, ctx, formatter):
        sections = {}
        for parameter in self.get_params(ctx):
            record = isinstance(parameter, click.Option) and parameter.get_help_record(ctx)
            if record:
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records, col_max=32)

    def format_epilog(self, ctx, formatter):
        if self.examples:
            with formatter.section("Examples"):
                for what, line in self.examples.items():
                    formatter.write(f"  # {what}\n  {line}\n")

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except (ConfigError, CellError) as error:
            # An invalid setting, or a cell that there is not, is wrong use.
            raise click.UsageError(error.written(as_option), ctx) from error


class Commands(click.Group):
    """The commands by name, each imported when first asked for."""

    def list_commands(self, ctx):
        return list(COMMANDS)

    def get_command(self, ctx, name):
        return importlib.import_module(f"recurra.cli.{name}").command if name in COMMANDS else None

    def resolve_command(self, ctx, args):
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"no command `{args[0]}`; {nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


def _version(ctx, parameter, asked):
    if asked and not ctx.resilient_parsing:
        from recurra import __version__

        click.echo(f"recurra {__version__}")
        ctx.exit()


@click.group(cls=Commands, context_settings=_HELP, no_args_is_help=False, invoke_without_command=True)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="The version.")
@click.option(
    "--cell-file",
    type=UserPath(exists=True, dir_okay=False),
    multiple=True,
    expose_value=False,
    callback=cellfile.load,
    help="Python file with cells of your own, run first; it registers them by name. May be given several times.",
)
@click.pass_context
def group(ctx):
    """Recurrent neural networks on PyTorch: train a language model on your text, and let it write.

    \b
      recurra train book.txt       learn from a text
      recurra generate             write like it
      recurra demo                 see both in a minute
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


CLOSED = 141
"""The exit code where nobody reads the output any more: 128 + SIGPIPE, as of other programs in a pipeline."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 done, 2 wrong use, 1 a failed run, 130 stopped by Ctrl-C, 128 + n by signal n, 141 where
    its output was closed while it was written (`recurra train book.txt | head -1`), as SIGPIPE gives it.

    Errors and warnings are one line on stderr; with RECURRA_DEBUG=1 in the environment, a traceback.
    """
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        lossless(stream)
    sys.exit(run(arguments))


def _show_warning(message: Warning | str, *_: Any) -> None:
    """A warning as a person reads it: without the file and the line of code that Python puts before it."""
    with steady(sys.stderr):
        click.echo("recurra: " + " ".join(str(message).split()), err=True)


def run(arguments: list[str] | None = None) -> int:
    """Run a command; its exit code."""
    stdout = sys.stdout
    try:
        code = group.main(arguments, prog_name="recurra", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BaseException as error:
        # click wraps Ctrl-C, and with it what training has to say about it.
        error = error.__cause__ if isinstance(error, click.Abort) and error.__cause__ else error
        # And it makes an exit of a closed pipe, with another stream in the place of that.
        error = BrokenPipeError() if isinstance(error, SystemExit) and sys.stdout is not stdout else error
        if os.environ.get("RECURRA_DEBUG", "0") not in ("", "0") and not isinstance(error, SystemExit):
            raise error from None
        code, message = explain(error)
        # Under torchrun each process ends with an error, and the first one reports it.
        if message and not getattr(error, "reported", False):
            with steady(sys.stderr):  # after SIGHUP there is no terminal any more
                click.echo("recurra: " + " ".join(message.split()), err=True)
        return code


def explain(error: BaseException) -> tuple[int, str]:
    """An error's exit code and its one line, "" where there is nothing to say."""
    match error:
        case SystemExit():
            return int(error.code or 0), ""
        case BrokenPipeError():
            # What is still in the buffer would fail again when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return CLOSED, ""
        case RecurraError():
            # Training that was stopped is not a failure, and knows its code.
            code = getattr(error, "exit_code", 1)
            message = error.written(as_option)
            return code, f"error: {message}" if code == 1 else message
        case KeyboardInterrupt() | click.Abort():
            return 130, "stopped"
        case click.ClickException():
            path = error.ctx.command_path if getattr(error, "ctx", None) else "recurra"
            message = _usage(error)
            return 2, f"error: {message}{' Help' if message.endswith('?') else '; help'}: {path} --help"
        case OSError():
            place = f"{error.filename}: " if error.filename else ""
            return 1, f"error: {place}{error.strerror or error}"
        case _ if type(error).__name__ in ("MemoryError", "OutOfMemoryError") or any(
            words in str(error) for words in ("can't allocate memory", "Storage size calculation overflowed")
        ):
            # The second is PyTorch's on a GPU, and the last are its words on the CPU; it may not be imported.
            return 1, "error: out of memory; try a smaller --batch-size, --window or --hidden-size"
        case _:
            detail = f"{type(error).__name__}: {error}"
            return 1, f"error: a fault in Recurra ({detail}); RECURRA_DEBUG=1 shows where it happened"


def _usage(error: click.ClickException) -> str:
    """click's message in our words, with the nearest valid one."""
    message = error.format_message().strip().rstrip(".")
    if isinstance(error, click.BadParameter) and error.param is not None:
        kind = error.param.type
        if isinstance(kind, click.Choice):
            value = re.search(r": '(.*)' is not one of", message)
            if value:
                return f"{error.param.opts[0]} is {value[1]}; {nearest(value[1], kind.choices)}".replace("`", "")
    # "No such option" → "no such option"; TEXT stays.
    return message[:1].lower() + message[1:] if message[1:2].islower() else message
