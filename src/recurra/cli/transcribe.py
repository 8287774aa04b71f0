"""`recurra transcribe`: recordings and their texts → a recogniser; a recogniser and recordings → text."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from recurra.cli import fitting
from recurra.cli.options import as_option, spare
from recurra.cli.shown import deliver, to_json
from recurra.errors import ConfigError, DataError
from recurra.tasks.speech.config import CONFIGS, DEFAULTS
from recurra.tasks.speech.manifest import SOUNDS, TABLES, read_manifest, sounds_in

_ENDINGS = (".txt", ".tsv", ".json")
_PIECE = 0.1  # seconds that are fed at once with --stream


@fitting.command(
    "transcribe",
    CONFIGS,
    DEFAULTS,
    use="Transcribe with this run. Without it, learn from SOUND.",
    data="sound",
    hint="name a table to learn from, or recordings and a --model",
    data_free=(fitting.RESUME, fitting.USE),
    examples={
        "learn from a table with the columns path and text": "recurra transcribe train.csv",
        "single words, so that strings of them are understood": "recurra transcribe words.csv --unit word --join 6",
        "write down recordings": "recurra transcribe a.wav b.flac --model runs/train-1",
        "with the times of words and symbols": "recurra transcribe a.wav --model runs/train-1 --json",
        "error rates on a table": "recurra transcribe test.csv --model runs/train-1 --beam 8",
        "words as they are spoken": "recurra transcribe --microphone --model runs/train-1",
        "resume a run that was stopped": "recurra transcribe --resume runs/train-1",
    },
)
@fitting.to_option(help="Write the texts to a file: .txt or .tsv, or .json as with --json.")
@fitting.using("--beam", type=click.IntRange(min=0), help="Width of the prefix beam search.  [default: 0, greedy]")
@fitting.using("--stream", is_flag=True, help="Print words as they are heard.")
@fitting.using("--microphone", is_flag=True, help="Listen to the microphone until Ctrl-C, in place of SOUND.")
def command(sound, to, beam, stream, microphone, **values):
    """Recognise speech: learn from recordings, or write them down.

    To learn, SOUND is a table (.csv or .tsv) with the columns path and text, or a folder in which each recording has a
    text file of its name beside it; where the text is empty, nothing is said. With --model, SOUND is recordings (WAV, FLAC,
    MP3, Opus, M4A and others), folders of them, or a table, for which the error rates are printed.
    """
    if fitting.mode_of(values) == fitting.USE:
        if not (sound or microphone):
            raise click.UsageError("SOUND is missing: name recordings, or take --microphone")
        _use(sound, values["model"], to, beam or 0, stream, microphone, values["quiet"], values["as_json"])
        return
    if len(sound) == 1 and Path(sound[0]).suffix.lower() in SOUNDS:
        raise click.UsageError(f"to transcribe {sound[0]}, name a fitted run: --model RUN")
    from recurra.tasks.speech import Transcriber

    fitting.fit(Transcriber, sound, values, fitting.settings_of(values, CONFIGS))


def _use(sound, run: str, to, beam: int, stream: bool, microphone: bool, quiet: bool, as_json: bool) -> None:
    if stream and (as_json or to):
        raise click.UsageError("--stream prints words as they come; drop --json and --to, or drop --stream")
    if microphone and (sound or as_json or to):
        raise click.UsageError(
            "--microphone is the sound, and its words are printed as they come; drop SOUND, --json, --to"
        )
    from recurra.tasks.speech import Transcriber, character_error_rate, word_error_rate
    from recurra.tasks.speech.microphone import microphone as listen

    sources = [source for name in sound for source in _sources(Path(name))]
    spare(to, [*sound, *(path for path, _ in sources)])
    if to and to.suffix.lower() not in _ENDINGS:
        raise ConfigError(f"{to} ends in {to.suffix or 'nothing'!r}; texts are written as {', '.join(_ENDINGS)}")
    as_json = as_json or (to is not None and to.suffix.lower() == ".json")
    transcriber = Transcriber.load(run)
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
    if any(said for said, _ in known):
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
    return [(file, None) for file in sounds_in(path)]


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
    if to or as_json:
        deliver(text + "\n", to)
    if to:
        click.echo(f"wrote {to}", err=True)


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
