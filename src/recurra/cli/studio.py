"""`recurra studio`: the page on which models are trained, watched, read from and looked into."""

import asyncio
import contextlib
import errno
import logging
import secrets
import socket
import sys
import threading
import webbrowser
from dataclasses import replace
from pathlib import Path

import click

from recurra.cli import cellfile
from recurra.cli.frame import Command
from recurra.cli.options import UserPath, settings_options
from recurra.errors import ConfigError, RunError
from recurra.studio.settings import Limits, StudioConfig, is_loopback


def _load_cells(ctx, parameter, folder: Path | None) -> None:
    if folder is not None:
        cellfile.load(ctx, parameter, tuple(sorted(folder.glob("*.py"))))


@click.command(
    "studio",
    cls=Command,
    examples={
        "open it": "recurra studio",
        "with cells of your own": "recurra studio --cells my-cells/",
        "for phones in the same network: it prints a link for you and one for guests": "recurra studio --host 0.0.0.0",
        "behind a proxy that has a name of its own": "recurra studio --allow studio.example.org",
    },
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="The port; 0 = any free one."
)
@click.option("--runs", type=UserPath(), default=Path("runs"), show_default=True, help="The folder of the runs.")
@click.option(
    "--cells",
    type=UserPath(exists=True, file_okay=False),
    expose_value=False,
    callback=_load_cells,
    help="Folder of Python files with cells of your own: each is run, and registers some.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address; any but this machine's needs a token, and what is sent is not encrypted: there is no TLS.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="NAME",
    help="A further host name that the page may be opened by; can be repeated.",
)
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.  [default: on]")
@settings_options({"Limits": Limits})
def command(port, runs, host, allow, browser, **limits):
    """Train, generate and look inside, in the browser.

    The studio is for this machine alone, and nothing leaves it. Training runs in a process of its own. Ctrl-C saves what is
    being trained, and ends the studio; closing the page ends nothing.
    """
    given = {name: value for name, value in limits.items() if value is not None}
    tokens = (None, None) if is_loopback(host) else (secrets.token_urlsafe(24), guest_token())
    config = StudioConfig(host, port, runs, Limits(**given), allow, *tokens)
    # Before the slow part, so that a mistake is reported at once.
    with listen(host, port) as socket_:
        serve(config, socket_, browser)


def guest_token() -> str:
    """A token that is typed into a phone: eight letters and digits, none like another; a wrong one costs half a second."""
    return "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(8))


def listen(host: str, port: int) -> socket.socket:
    """A socket at the address. RunError, in one line, if it is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(128)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            words = f"port {port} is taken, perhaps by another studio; take another with --port, or --port 0"
        elif error.errno == errno.EACCES:
            words = f"port {port} is not yours to take: those below 1024 are the system's; take another with --port"
        else:
            words = f"the address {host!r} cannot be listened at: {error.strerror or error}"
        raise RunError(words) from None
    return found


def _is_no_cut(record: logging.LogRecord) -> bool:
    """Whether a record is of something else than an answer that the end of the studio cut off, which is no fault."""
    cut = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not (cut or str(record.msg).startswith("Cancel "))


def serve(config: StudioConfig, socket_: socket.socket, browser: bool) -> None:
    """Serve until Ctrl-C; then everything that is being trained is saved."""
    try:
        import fastapi  # noqa: F401 (the heart of the extra)
        import plotly  # noqa: F401 (the page's charts; like it, imported here so that its absence is reported in one line)
        import uvicorn
    except ImportError as error:
        raise ConfigError(f"the studio needs the package {error.name}: pip install 'recurra[studio]'") from None
    import torch

    from recurra.studio.server.addresses import address
    from recurra.studio.server.app import create_app
    from recurra.studio.server.protocol import Protocol

    port = socket_.getsockname()[1]
    app = create_app(replace(config, port=port))
    # Many texts at once share the cores best with a thread each.
    torch.set_num_threads(1)
    studio, page = app.state.studio, address(config, port, config.token)

    class Server(uvicorn.Server):
        async def shutdown(self, sockets=None):
            # Streams that never end by themselves would be waited for.
            studio.hub.close()
            logging.getLogger("uvicorn.error").addFilter(_is_no_cut)
            if studio.trainer.jobs:
                click.echo("saving what is being trained ...", err=True)
            await super().shutdown(sockets)

    settings = uvicorn.Config(
        app, http=Protocol, log_level="warning", access_log=False, timeout_graceful_shutdown=2, server_header=False
    )
    click.echo(f"Recurra studio: {page}")
    if config.guest_token:
        guests = address(config, port, config.guest_token)
        click.echo(f"for guests, who look and let models write: {guests}")
    click.echo(f"runs: {studio.runs.root}\nCtrl-C ends it")
    if config.token:
        click.echo(
            "There is no TLS: whoever can listen on the network can read the token and all that is sent. From elsewhere, better"
            f" use a tunnel: recurra studio here, and there ssh -L {port}:127.0.0.1:{port} THIS-MACHINE",
            err=True,
        )
    studio.speeds.get("lstm")
    if browser:
        threading.Timer(0.5, webbrowser.open, [page]).start()
    # When all is saved, uvicorn raises the Ctrl-C that ended it once more.
    with contextlib.suppress(KeyboardInterrupt):
        Server(settings).run(sockets=[socket_])
    for run in studio.interrupted:
        words = "continue it with Continue in the studio, or: recurra train --resume"
        click.echo(f"{run} is saved; {words} {studio.runs.root / run}", err=True)
