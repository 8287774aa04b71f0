"""`recurra generate`: let a trained model write."""

import dataclasses
import json
import sys

import click

from recurra.cli.frame import Command
from recurra.cli.options import NewFile, Source, config_option, given, settings_options
from recurra.cli.shown import chosen_run, deliver, json_option, language_model, to_json
from recurra.generation.config import GenerationConfig
from recurra.terminal import Shown


@click.command(
    "generate",
    cls=Command,
    examples={
        "500 characters from the newest run": "recurra generate",
        "continue a beginning, a little bolder": "recurra generate runs/book-1 --prompt 'Once upon' --temperature 1.1",
        "three short ones, the same each time": "recurra generate --samples 3 --length 200 --seed 1",
        "up to an empty line": "recurra generate --stop $'\\n\\n'",
        "what is copied from the training text": "recurra generate --memorisation --output sample.txt",
    },
)
@click.argument("run", required=False)
@click.option(
    "-p",
    "--prompt",
    "prompts",
    multiple=True,
    help="The text to continue; several times for several texts.  [default: the start of a line or of a document]",
)
@click.option(
    "--prompt-file", metavar="FILE", type=Source(), help="The same from a UTF-8 file; - reads standard input."
)
@click.option("-o", "--output", type=NewFile(), help="Write the text to a file.")
@click.option(
    "--probabilities", is_flag=True, help="Show how likely each character was: colours, or a table in a pipe."
)
@click.option("--memorisation", is_flag=True, help="Report on stderr what is copied from the training text.")
@json_option
@config_option
@settings_options({"Generation": GenerationConfig})
def command(run, prompts, prompt_file, output, probabilities, memorisation, as_json, file, **values):
    """Generate text with a trained model.

    RUN is a run's folder, or its name under runs/; without it, the newest language model there, or a small one that ships
    with Recurra. Without --context a model reads as it was trained: with the preset classic the last 100 characters, else
    with a carried state. A model of a list (see `recurra train --items`) writes whole items, and marks those that are new.
    """
    settings = given(values, [GenerationConfig], file)
    if prompts and prompt_file is not None:
        raise click.UsageError("--prompt and --prompt-file are two ways to give one prompt; drop one")
    if output and probabilities and not as_json:
        raise click.UsageError("--probabilities is no text for a file; add --json, or drop --output")
    # Before the model is opened, so that a mistake is reported at once.
    GenerationConfig(**settings)
    from recurra.generation.sampling import generate, seeded

    model = language_model(chosen_run(run))
    own = {"context": model.config.context, "stop_at_document_end": bool(model.items)}
    config = seeded(GenerationConfig(**{**own, **settings}))
    prompts = [_read(prompt_file)] if prompt_file else list(prompts) or [""]
    several = len(prompts) > 1 or config.samples > 1
    streaming = not (as_json or output or probabilities or config.beam or several or model.items)
    samples = []
    for prompt in prompts:
        if streaming:
            samples += _stream(model, prompt, config, keep=memorisation)
        else:
            samples += generate(model, model.vocabulary, prompt, config)
    reports = _copies(samples, model) if memorisation else []
    new = _new(samples, model) if model.items else None
    if as_json:
        deliver(_json(samples, reports, model, probabilities, prompts, new) + "\n", output)
    elif probabilities:
        _show_probabilities(samples, model)
    elif model.items:
        deliver(_items(samples, model, new if sys.stdout.isatty() and not output else None), output)
    elif not streaming:
        deliver(_texts(samples, output, prompts), output)
    if not as_json:
        _remarks(config.seed if "seed" not in settings else None, reports, output, new)


def _read(path: str) -> str:
    from recurra.data import read_documents

    return "".join(document.text() for document in read_documents(path))


def _stream(model, prompt, config, keep):
    """Print one sample as it is drawn; return it only where it is needed again: a stream may be long."""
    from recurra.generation.sampling import stream
    from recurra.generation.writer import collect

    pieces, shown = [], Shown() if sys.stdout.isatty() else None
    for piece in stream(model, model.vocabulary, prompt, config):
        click.echo(shown.push(piece.text) if shown else piece.text, nl=False)
        if keep:
            pieces.append(piece)
    click.echo(shown.flush() if shown else "")
    return [collect(pieces, prompt, config.seed)] if keep else []


def _texts(samples, output, prompts) -> str:
    """One text as it is, several under a line each."""
    if len(samples) == 1:
        return samples[0].text + ("" if output else "\n")
    each = len(samples) // len(prompts)
    titles = [f"sample {s.sample + 1} of {each}" if each > 1 else "" for s in samples]
    if len(prompts) > 1:
        titles = [f"{_short(repr(s.prompt), 40)} {title}".strip() for s, title in zip(samples, titles, strict=True)]
    rules = [f"── {title} ".ljust(60, "─") for title in titles]
    return "".join(f"{rule}\n{s.text}\n" for rule, s in zip(rules, samples, strict=True))


def _items(samples, model, new: list[bool] | None) -> str:
    """Items as they stand in such a list; those that are new are marked, where `new` is true."""
    marks = ["  (new)" if fresh else "" for fresh in new or [False] * len(samples)]
    between = "\n" if model.items == "\n" else f"\n{model.items}\n"
    return between.join(sample.text + mark for sample, mark in zip(samples, marks, strict=True)) + "\n"


def _new(samples, model) -> list[bool] | None:
    """Whether each item is none of the training text's; None if that is not there."""
    import numpy as np

    from recurra.data import Corpus
    from recurra.errors import RunError

    try:
        ids = np.asarray(Corpus.open(model.folder).ids)
    except RunError:
        return None
    eod = model.vocabulary.eod
    parts = np.split(ids, np.flatnonzero(ids == eod) + 1)
    known = {part[part != eod].tobytes() for part in parts}
    return [model.vocabulary.encode(sample.text).astype(ids.dtype).tobytes() not in known for sample in samples]


def _show_probabilities(samples, model) -> None:
    """Colours on a terminal; elsewhere a row for each span: probability, tab, the text in JSON's quotes."""
    from recurra.generation import report

    if not sys.stdout.isatty():
        for sample in samples:
            for span in report.spans(sample, model.vocabulary):
                click.echo(f"{span.probability:.6f}\t{json.dumps(span.text, ensure_ascii=False)}")
        return
    from rich.console import Console

    console = Console(highlight=False)
    for sample in samples:
        console.print(report.coloured(sample, model.vocabulary), soft_wrap=True)
    console.print(report.legend())


def _copies(samples, model) -> list[dict]:
    """For each sample, what is copied: lengths and places in tokens, and the copied text."""
    from recurra.data import Corpus
    from recurra.generation import memorisation

    ids = Corpus.open(model.folder).train
    reports = [(sample, memorisation(sample.tokens, ids)) for sample in samples]
    return [
        {
            **dataclasses.asdict(found),
            "text": model.vocabulary.decode(sample.tokens[found.start : found.start + found.longest]),
        }
        for sample, found in reports
    ]


def _json(samples, reports, model, probabilities, prompts, new) -> str:
    from recurra.generation import spans

    rows = []
    for i, sample in enumerate(samples):
        row = {name: getattr(sample, name) for name in ("sample", "text", "continuation", "finish", "seed")}
        row |= {"prompt": sample.prompt} if len(prompts) > 1 else {}
        row |= {"new": new[i]} if new else {}
        row |= {"tokens": len(sample.tokens), "log_probability": sample.log_probability}
        if probabilities:
            found = spans(sample, model.vocabulary)
            row["probabilities"] = [{"text": s.text, "probability": s.probability} for s in found]
        if reports:
            row["memorisation"] = reports[i]
        rows.append(row)
    prompt = {"prompts": prompts} if len(prompts) > 1 else {"prompt": prompts[0]}
    return to_json({"run": str(model.folder), **prompt, "samples": rows})


def _remarks(seed, reports, output, new) -> None:
    """On stderr, so that the text alone is on stdout."""
    if output:
        click.echo(f"wrote {output}", err=True)
    if new:
        click.echo(f"{sum(new)} of {len(new)} are new: no item of the training text", err=True)
    for report in reports:
        longest = (
            f"the longest copied span has {report['longest']} tokens, {_short(report['text'])!r}, "
            f"token {report['place']:,} of the training text on"
            if report["longest"]
            else "not one token of it is in the training text"
        )
        share = f"{report['share']:.0%} lies in copied spans of {report['minimum']} tokens or more"
        click.echo(f"copied: {longest}; {share}", err=True)
    if seed is not None and sys.stderr.isatty():
        click.secho(f"--seed {seed} gives the same again", err=True, dim=True)


def _short(text: str, length: int = 60) -> str:
    return text if len(text) <= length else f"{text[: length // 2]} … {text[-length // 2 :]}"
