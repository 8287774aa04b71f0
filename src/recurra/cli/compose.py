"""`recurra compose`: pieces of music → a model in a folder; and a model → a new piece."""

from dataclasses import asdict
from pathlib import Path

import click

from recurra.cli import fitting
from recurra.cli.options import UserPath, given, spare
from recurra.cli.shown import table, to_json
from recurra.tasks.music.config import CONFIGS, DEFAULTS, CompositionConfig

_PLAYS = "Composition, with --model"
_SECTIONS = {
    "Data": CONFIGS["data"],
    "Model": CONFIGS["model"],
    _PLAYS: CompositionConfig,
    "Training": CONFIGS["training"],
}


@fitting.command(
    "compose",
    CONFIGS,
    DEFAULTS,
    use="Compose with this run's model, instead of training one.",
    hint="name a MIDI file, a folder of them, or a .json of piano rolls",
    data_free=(fitting.RESUME, fitting.USE),
    sections=_SECTIONS,
    modes={_PLAYS: (fitting.USE,)},
    both=("seed",),
    examples={
        "learn from a folder of MIDI files": "recurra compose songs/",
        "chorales, another cell, ten minutes": "recurra compose chorales.json --cell gru --minutes 10",
        "a new piece of 16 bars": "recurra compose --model songs-1 --to new.mid --length 16 --unit bars",
        "continue 8 beats of another piece": "recurra compose start.mid --model songs-1 --prompt-length 8 --to new.mid",
        "as sound, four voices, a church organ": "recurra compose --model songs-1 --to new.wav --voices 4 --programme 19",
        "how well it predicts other pieces": "recurra compose more/ --model songs-1 --measure",
        "resume a run that was stopped": "recurra compose --resume runs/songs-1",
    },
)
@fitting.to_option(multiple=True, help="Write the new piece: .mid, .wav, .png; may be repeated.")
@fitting.using(
    "--soundfont",
    type=UserPath(),
    help="The instruments of a .wav, an .sf2 file.  [default: the system's]",
)
@fitting.using(
    "--measure", is_flag=True, help="Compose nothing: measure how well --model predicts DATA, in nats a step."
)
def command(data, to, soundfont, measure, **values):
    """Train a model on music, and compose with it.

    DATA is MIDI files, folders of them, or a .json or .mat file of piano rolls. With --model it is one piece to continue
    from, or none. Without --to the new piece is printed, the names of its keys step by step.
    """
    if fitting.mode_of(values) != fitting.USE:
        from recurra.tasks.music import MusicEstimator

        fitting.fit(MusicEstimator, data, values, fitting.settings_of(values, CONFIGS))
        return
    plays, data = given(values, [CompositionConfig], values["file"]), tuple(map(Path, data))
    model, as_json, seed = values["model"], values["as_json"], values["seed"]
    if not measure:
        _compose(model, data, to, soundfont, as_json, seed, plays)
        return
    aside = plays | {"to": to, "soundfont": soundfont, "seed": seed}
    names = ["--" + name.replace("_", "-") for name, value in aside.items() if value not in (None, ())]
    if names:
        raise click.UsageError(f"--measure composes nothing; drop {', '.join(names)}")
    _measure(model, data, as_json)


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
    # Before the model is opened, so that a mistake is reported at once.
    CompositionConfig(**plays)
    if len(data) > 1:
        raise click.UsageError(f"{len(data)} pieces to continue; expected one, or none")
    if soundfont and not any(path.suffix.lower() == ".wav" for path in to):
        raise click.UsageError("--soundfont has no effect without --to new.wav; add that, or drop it")
    from recurra.tasks.music.piece import check_file
    from recurra.tasks.music.sources import read_piece

    for path in to:
        spare(check_file(path, soundfont), data)
    from recurra.tasks import music

    model, prompt = music.load(run), None
    if data:
        prompt, notes = read_piece(data[0], model.form.steps_per_beat)
        for line in notes:
            click.echo(f"{data[0]}: {line}", err=True)
    piece = model.compose(prompt, seed=seed, **plays)
    for path in to:
        piece.save(path, soundfont)
    if as_json:
        about = {"run": str(model.folder), "name": piece.name, "files": [str(path) for path in to]}
        click.echo(to_json(about | asdict(piece.form) | {"keys": piece.steps(), "notes": piece.notes()}))
        return
    for path in to:
        click.echo(path)
    if not to:
        click.echo(piece.chords())
