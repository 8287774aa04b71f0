"""`recurra transcribe`: recordings and their texts → a recogniser; a recogniser and recordings → text."""

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from recurra.cli.frame import Command
from recurra.cli.options import NewFile, as_option, config_option, given, settings_options, spare
from recurra.cli.shown import json_option, to_json
from recurra.errors import DataError
from recurra.tasks.speech.config import CONFIGS, DEFAULTS
from recurra.tasks.speech.manifest import SOUNDS, TABLES, read_manifest

_TITLES = {"model": "Model", "data": "Data", "training": "Training"}
_PIECE = 0.1  # seconds that are fed at once with --stream


@click.command(
    "transcribe",
    cls=Command,
    examples={
        "learn from a table with the columns path and text": "recurra transcribe train.csv",
        "single words, so that strings of them are understood": "recurra transcribe words.csv --unit word --join 6",
        "write down recordings": "recurra transcribe a.wav b.flac --model runs/train-1",
        "with the times of words and symbols": "recurra transcribe a.wav --model runs/train-1 --json",
        "error rates on a table": "recurra transcribe test.csv --model runs/train-1 --beam 8",
        "words as they are spoken": "recurra transcribe --microphone --model runs/train-1",
        "go on with a run that was stopped": "recurra transcribe --resume runs/train-1",
    },
)
@click.argument("sound", nargs=-1)
@click.option("--model", "run", metavar="RUN", help="Transcribe with this run. Without it, learn from SOUND.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The run's new folder.  [default: runs/NAME-NUMBER]")
@click.option("--resume", metavar="RUN", help="Go on with this run, to the bits it would have had; takes no settings.")
@click.option("--to", type=NewFile(), help="Write the texts to a file.")
@click.option("--beam", type=click.IntRange(min=0), help="Width of the prefix beam search.  [default: 0, greedy]")
@click.option("--stream", is_flag=True, help="Print words as they are heard.")
@click.option("--microphone", is_flag=True, help="Listen to the microphone until Ctrl-C, in place of SOUND.")
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors and the result.")
@json_option
@config_option
@settings_options({_TITLES[part]: cls for part, cls in CONFIGS.items()}, DEFAULTS)
def command(sound, run, out, resume, to, beam, stream, microphone, quiet, as_json, file, **values):
    """Recognise speech: learn from recordings, or write them down.

    To learn, SOUND is a table (.csv or .tsv) with the columns path and text, or a folder in which each recording has a
    text file of its name beside it. With --model, SOUND is recordings (WAV, FLAC), folders of them, or a table, for
    which the error rates are told.
    """
    settings = given(values, list(CONFIGS.values()), file)
    learning = {"--out": out, "--resume": resume, **{f"--{n.replace('_', '-')}": v for n, v in settings.items()}}
    using = {"--to": to, "--beam": beam, "--stream": stream, "--microphone": microphone, "--json": as_json}
    if run:
        _refuse("--model uses a run as it is", learning)
    else:
        _refuse("learning has no use for what needs a fitted --model", using)
    if resume:
        _refuse("--resume goes on with the run as it is", {"SOUND": sound, **learning, "--resume": None})
    elif not sound and not microphone:
        raise click.UsageError("SOUND is missing: name a table to learn from, or recordings and a --model")
    if run:
        _use(sound, run, to, beam or 0, stream, microphone, quiet, as_json)
    else:
        _learn(sound, out, resume, quiet, settings)


def _refuse(why: str, options: dict) -> None:
    beside = [name for name, value in options.items() if value not in (None, (), False)]
    if beside:
        raise click.UsageError(f"{why}; drop {', '.join(beside)}")


def _learn(sound: tuple[str, ...], out: Path | None, resume: str | None, quiet: bool, settings: dict) -> None:
    from recurra.tasks import speech

    if resume:
        folder = speech.resume(resume, quiet=quiet).folder
    else:
        if len(sound) == 1 and Path(sound[0]).suffix.lower() in SOUNDS:
            raise click.UsageError(f"to transcribe {sound[0]}, name a fitted run: --model RUN")
        from recurra.tasks.speech.runner import train

        examples = [example for source in sound for example in read_manifest(source)]
        name = Path(sound[0]).resolve().stem
        folder = train(examples, None, speech.settings(**settings), out, name=name, quiet=quiet)[2]
    # Under torchrun one process speaks for all.
    if os.environ.get("RANK", "0") == "0":
        click.echo(folder)
        if not quiet:
            click.echo(f"Let it listen:  recurra transcribe a.wav --model {folder}", err=True)


def _use(sound, run: str, to, beam: int, stream: bool, microphone: bool, quiet: bool, as_json: bool) -> None:
    if stream and (as_json or to):
        raise click.UsageError("--stream prints words as they come; drop --json and --to, or drop --stream")
    if microphone and (sound or as_json or to):
        raise click.UsageError(
            "--microphone is the sound, and its words are printed as they come; drop SOUND, --json, --to"
        )
    from recurra.tasks.speech import character_error_rate, load, word_error_rate
    from recurra.tasks.speech.microphone import microphone as listen

    sources = [source for name in sound for source in _sources(Path(name))]
    spare(to, [*sound, *(path for path, _ in sources)])
    transcriber = load(run)
    if microphone:
        rate = transcriber.model.config.rate
        _live(transcriber.stream(rate, beam=beam), listen(rate), KeyboardInterrupt)
        return
    found, failed, alone = [], [], len(sources) == 1
    for path, said in sources:
        try:
            if stream:
                heard = _opened(transcriber, path, beam)
                click.echo("" if alone else f"{path}\t", nl=False)
                transcript = _live(*heard)
            else:
                transcript = transcriber.transcript(path, beam=beam)
        except DataError as error:
            failed.append(error.written(as_option))  # the others' hours of computing are not lost for it
            continue
        found.append({"path": str(path), "said": said, "transcript": transcript})
        if not (as_json or to or stream):
            click.echo(_line(found[-1], alone))
    known = [(row["said"], row["transcript"].text) for row in found if row["said"] is not None]
    rates = {}
    if known:
        said, heard = zip(*known, strict=True)
        rates = {"wer": word_error_rate(said, heard), "cer": character_error_rate(said, heard)}
    if found:
        _give(found, rates, run, to, as_json, alone)
    if rates and not (as_json or quiet):
        click.echo(f"word error rate {rates['wer']:.2%}, character error rate {rates['cer']:.2%}", err=True)
    if failed:
        raise DataError(failed[0] if alone else f"{len(failed)} of {len(sources)}: {'; '.join(failed)}")


def _sources(path: Path) -> list[tuple[Path, str | None]]:
    """What one SOUND names: recordings, with what is said in them where that is known."""
    if path.suffix.lower() in TABLES:
        return list(read_manifest(path))
    if not path.is_dir():
        return [(path, None)]
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SOUNDS)
    if not found:
        raise DataError(f"the folder {path} has no sound files ({', '.join(SOUNDS)})")
    return [(file, None) for file in found]


def _line(row: dict, alone: bool) -> str:
    return row["transcript"].text if alone else f"{row['path']}\t{row['transcript'].text}"


def _give(found: list[dict], rates: dict[str, float], run: str, to: Path | None, as_json: bool, alone: bool) -> None:
    """Print or write what has not been printed on the way."""
    if as_json:
        rows = [
            {"path": row["path"], "text": row["transcript"].text}
            | ({} if row["said"] is None else {"said": row["said"]})
            | {"seconds": row["transcript"].seconds}
            | {"words": [dataclasses.asdict(word) for word in row["transcript"].words]}
            | {"spikes": [dataclasses.asdict(spike) for spike in row["transcript"].spikes]}
            for row in found
        ]
        text = to_json({"run": str(run), "recordings": rows, **rates})
    else:
        text = "\n".join(_line(row, alone) for row in found)
    if to:
        from recurra import files

        files.write_output(to, text + "\n")
        click.echo(f"wrote {to}", err=True)
    elif as_json:
        click.echo(text)


def _opened(transcriber, path: Path, beam: int) -> tuple:
    """A stream, and a file's sound in the pieces that a microphone would give."""
    from recurra.tasks.speech.sound import read

    rate, blocks = read(path)
    size = int(_PIECE * rate)
    pieces: Iterator = (block[at : at + size] for block in blocks for at in range(0, len(block), size))
    return transcriber.stream(rate, beam=beam), pieces


def _live(stream, pieces: Iterable, *ends: type[BaseException]):
    """Print a stream's text as it grows; returns its transcript. ends: what a sound without an end of its own ends by."""
    shown = ""
    try:
        with contextlib.suppress(*ends):
            for piece in pieces:
                shown = _grow(shown, stream.feed(piece))
        _grow(shown, stream.finish())
    finally:
        click.echo()  # where the sound breaks off too
    return stream.transcript


def _grow(shown: str, text: str) -> str:
    if text.startswith(shown):
        click.echo(text[len(shown) :], nl=False)
    elif text != shown:  # a beam search has thought again: a new line
        click.echo("\n" + text, nl=False)
    return text
