"""`recurra demo`: a model in a minute, and what it writes."""

from shlex import quote

import click

from recurra.cli.frame import Command

_CORPUS = "manual"
_PROMPT = "The "


@click.command("demo", cls=Command, examples={"a shorter one": "recurra demo --minutes 0.2"})
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Time to train, in minutes.  [default: 1]")
def command(minutes):
    """Train for a minute, and show what it writes.

    The text is the language reference that comes with Python, so nothing is fetched.
    """
    from recurra.generation import generate
    from recurra.tasks import language

    click.echo("An LSTM reads Python's language reference, one character at a time, for about a minute.\n", err=True)
    model = language.train(_CORPUS, preset="demo", **({"minutes": minutes} if minutes else {}))
    sample = generate(model, model.vocabulary, _PROMPT, length=400, temperature=0.7, seed=1)[0]
    click.secho(f"\nWhat it writes after {_PROMPT!r}:\n", bold=True)
    click.echo(f"{sample.text}\n")
    click.secho("What to try next:", bold=True)
    for line, what in {
        f"recurra generate {quote(str(model.folder))} --prompt 'The ' --temperature 0.8": "let it write more boldly",
        f"recurra page {quote(str(model.folder))} --to page.html": "one file that writes and learns in a browser",
        "recurra studio": "this model in the browser: write, watch, look inside",
        "recurra train book.txt": "a text of yours, better settings",
        "recurra train tinyshakespeare --minutes 10": "plays",
        "recurra compare manual --cells rnn,lstm,gru --minutes 1": "which cell is best",
    }.items():
        click.echo(f"  {line:<66}  # {what}")
