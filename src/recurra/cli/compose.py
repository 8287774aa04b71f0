"""`recurra compose`: pieces of music → a model in a folder; and a model → a new piece."""

from dataclasses import asdict
from pathlib import Path

import click

from recurra.cli.frame import Command
from recurra.cli.options import NewFile, config_option, given, settings_options, spare
from recurra.cli.shown import json_option, table, to_json
from recurra.tasks.music.config import CONFIGS, DEFAULTS, CompositionConfig

_SECTIONS = {
    "Data": CONFIGS["data"],
    "Model": CONFIGS["model"],
    "Composition, with --model": CompositionConfig,
    "Training": CONFIGS["training"],
}
_file = click.Path(path_type=Path)


@click.command(
    "compose",
    cls=Command,
    examples={
        "learn from a folder of MIDI files": "recurra compose songs/",
        "chorales, another cell, ten minutes": "recurra compose chorales.json --cell gru --minutes 10",
        "a new piece of 16 bars": "recurra compose --model songs-1 --to new.mid --length 16 --unit bars",
        "go on from 8 beats of another": "recurra compose start.mid --model songs-1 --prompt-length 8 --to new.mid",
        "as sound, four voices, a church organ": "recurra compose --model songs-1 --to new.wav --voices 4 --programme 19",
        "how well it predicts other pieces": "recurra compose more/ --model songs-1 --measure",
        "go on with a run that was stopped": "recurra compose --resume runs/songs-1",
    },
)
@click.argument("data", nargs=-1, type=_file)
@click.option("-m", "--model", metavar="RUN", help="Compose with this run's model, instead of training one.")
@click.option(
    "-t", "--to", type=NewFile(), multiple=True, help="Write the new piece: .mid, .wav, .png; may be repeated."
)
@click.option("--soundfont", type=_file, help="The instruments of a .wav, an .sf2 file.  [default: the system's]")
@click.option(
    "--measure", is_flag=True, help="Compose nothing: measure how well --model predicts DATA, in nats a step."
)
@click.option("-o", "--out", type=_file, help="The run's new folder.  [default: runs/NAME-NUMBER]")
@click.option("--resume", metavar="RUN", help="Go on with this run, to the bits it would have had; takes no settings.")
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors and the result.")
@json_option
@config_option
@settings_options(_SECTIONS, DEFAULTS)
def command(data, model, to, soundfont, measure, out, resume, quiet, as_json, file, **values):
    """Train a model on music, and compose with it.

    DATA is MIDI files, folders of them, or a .json or .mat file of piano rolls. With --model it is one piece to go on
    from, or none. Without --to the new piece is printed, the names of its keys step by step.
    """
    fits = given(values, list(CONFIGS.values()), None if model else file)
    plays = given(values, [CompositionConfig], file if model else None)
    if model:
        seed = fits.pop("seed", None)  # the one setting that training and composing share
        _refuse(fits | {"out": out, "resume": resume}, "beside --model, which is trained already")
        if measure:
            _refuse(
                plays | {"to": to, "soundfont": soundfont, "seed": seed}, "beside --measure, which composes nothing"
            )
            _measure(model, data, as_json)
        else:
            _compose(model, data, to, soundfont, as_json, seed, plays)
        return
    _refuse(plays | {"to": to, "soundfont": soundfont, "measure": measure or None}, "without --model, which composes")
    if resume:
        _refuse(fits | {"DATA": data, "out": out}, "beside --resume, which goes on with the run as it is")
    elif not data:
        raise click.UsageError("DATA is missing: name a MIDI file, a folder of them, or a .json of piano rolls")
    from recurra.tasks import music

    if resume:
        trained = music.resume(resume, quiet=quiet)
    else:
        trained = music.train(list(data) if len(data) > 1 else data[0], out, quiet=quiet, **fits)
    click.echo(to_json({"run": str(trained.folder)}) if as_json else trained.folder)
    if not quiet:
        click.echo(f"Let it play:  recurra compose --model {trained.folder} --to new.mid", err=True)


def _refuse(settings: dict, where: str) -> None:
    """What was given, but has no effect."""
    # Not for being false: 0 is a number, and False what `--no-keep-prompt` says.
    names = [name for name, value in settings.items() if value not in (None, ())]
    if names:
        flags = ", ".join(name if name.isupper() else "--" + name.replace("_", "-") for name in names)
        raise click.UsageError(f"{flags} has no effect {where}; drop it")


def _measure(run: str, data: tuple[Path, ...], as_json: bool) -> None:
    if not data:
        raise click.UsageError("DATA is missing: --measure needs pieces to measure on")
    from recurra.tasks import music

    model = music.load(run)
    found = music.evaluate(model, list(data))
    if as_json:
        click.echo(to_json({"run": str(model.folder), **found}))
        return
    rows = [
        ["nats a step", f"{found['nats']:.4f}"],
        ["the same with first steps", f"{found['nats_with_first']:.4f}"],
        ["pieces", f"{found['pieces']:,}"],
        ["steps", f"{found['steps']:,}"],
    ]
    click.echo(table(["measure", str(model.folder)], rows))


def _compose(run: str, data: tuple[Path, ...], to, soundfont, as_json: bool, seed: int | None, plays: dict) -> None:
    # Before the model is opened, so that a slip is told at once.
    CompositionConfig(**plays)
    if len(data) > 1:
        raise click.UsageError(f"{len(data)} pieces to go on from; expected one, or none")
    if soundfont and not any(path.suffix.lower() == ".wav" for path in to):
        raise click.UsageError("--soundfont has no effect without --to new.wav; add that, or drop it")
    from recurra.tasks.music.piece import check_file

    for path in to:
        spare(check_file(path, soundfont), data)
    from recurra.tasks import music

    model = music.load(run)
    piece = model.compose(data[0] if data else None, seed=seed, **plays)
    for path in to:
        piece.save(path, soundfont)
    if as_json:
        about = {"run": str(model.folder), "name": piece.name, "files": [str(path) for path in to]}
        click.echo(to_json(about | asdict(piece.form) | {"keys": piece.steps()}))
        return
    for path in to:
        click.echo(path)
    if not to:
        click.echo(piece.chords())
