"""From recordings to a fitted model: set a run up, train it, go on with it."""

import dataclasses
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recurra.errors import ConfigError, DataError, RunError, setting
from recurra.fitting import folders, progress, running
from recurra.fitting import listeners as listening
from recurra.tasks.speech import corpus as recordings
from recurra.tasks.speech import folder as contents
from recurra.tasks.speech import words
from recurra.tasks.speech.config import SpeechDataConfig
from recurra.tasks.speech.corpus import Corpus, Example
from recurra.tasks.speech.model import SpeechModel
from recurra.tasks.speech.sound import need
from recurra.tasks.speech.task import SpeechTask, fits
from recurra.text import Vocabulary
from recurra.training import distributed


def train(
    examples: Sequence[Example],
    valid: Sequence[Example] | None,
    parts: dict[str, Any],
    out: Path | None,
    *,
    name: str = "speech",
    rate: int | None = None,
    quiet: bool = False,
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
) -> tuple[SpeechModel, Vocabulary, Path]:
    """Set up a run in `out`, or in the next free folder runs/<name>-<number>, and train it.

    examples, valid: (file or array, text); where valid is None, a share of the examples is kept for it.
    Returns the model with the best weights, its vocabulary and the run's folder.
    """
    with distributed.group(running.device(parts["training"].device)):
        _check_early(parts)
        folder = None
        if distributed.rank() == 0:
            folder = _set_up(list(examples), valid, parts, out, name, rate, quiet)
        return _run(Path(distributed.share(str(folder))), quiet, listeners, stop)


def resume(
    folder: Path,
    *,
    quiet: bool = False,
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
) -> tuple[SpeechModel, Vocabulary, Path]:
    """Go on with a run that was stopped, to the bits it would have had; a finished one is only opened."""
    parts = contents.read_settings(folder)
    if "training" not in parts:
        raise RunError(f"{folder} holds a saved model, not a run; to learn from more recordings, train a new one")
    with distributed.group(running.device(parts["training"].device)):
        return _run(folder, quiet, listeners, stop)


def _check_early(parts: dict[str, Any]) -> None:
    """Raise now what would come up only after the recordings have been read."""
    for package in ("soundfile", "kaldi_native_fbank"):
        need(package)
    with torch.device("meta"):  # computes nothing; any number of symbols will do
        SpeechModel(2, parts["model"])
    size, processes = parts["data"].batch_size, distributed.world()
    if size % processes:
        raise ConfigError(f"{setting('batch_size')} is {size}; expected a multiple of the {processes} processes")
    if parts["training"].tensorboard:
        listening.require_tensorboard()


def _set_up(examples, valid, parts: dict[str, Any], out: Path | None, name: str, rate: int | None, quiet: bool) -> Path:
    """Make a run's folder, with all that training needs, or leave no trace."""
    new = out is None or not out.exists()
    folder = folders.new(name) if out is None else folders.claim(out)
    try:
        if valid is None:
            examples, valid = _split(examples, parts["data"], parts["training"].seed)
        with progress.share("reading the recordings", quiet) as report:
            corpus = recordings.build(folder, examples, valid, parts["model"].rate, rate, report)
        vocabulary = words.learn(corpus.texts, parts["model"].unit, parts["data"].join > 1)
        folders.write_vocabulary(folder, vocabulary)
        parts = parts | {"model": dataclasses.replace(parts["model"], rate=corpus.rate)}
        if not any(
            fits(words.encode(vocabulary, corpus.texts[n]), corpus.lengths[n], parts["model"]) for n in corpus.train
        ):
            raise DataError(
                "every recording is too short for its text: a step of"
                f" {parts['model'].stack * 10} ms can hold one symbol. Try a smaller "
                f"{setting('stack')}, or {setting('unit', 'word')}"
            )
        sources = [str(sound) for sound, _ in [*examples, *valid] if isinstance(sound, str | Path)]
        contents.write_settings(folder, parts, sources)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if not new:
            folders.make(folder)
        raise
    return folder


def _split(examples: list[Example], data: SpeechDataConfig, seed: int) -> tuple[list[Example], list[Example]]:
    """Which examples are to learn from, and which for validation."""
    count = min(round(data.validation * len(examples)), len(examples) - 1)
    if count <= 0:
        return examples, []
    chosen = set(np.random.default_rng(seed).permutation(len(examples))[:count].tolist())
    return (
        [example for number, example in enumerate(examples) if number not in chosen],
        [example for number, example in enumerate(examples) if number in chosen],
    )


def _run(folder: Path, quiet: bool, listeners, stop) -> tuple[SpeechModel, Vocabulary, Path]:
    """Train what a folder describes, from wherever it is."""
    parts = contents.read_settings(folder)
    training = parts["training"]
    corpus, vocabulary = Corpus.open(folder), folders.read_vocabulary(folder)
    model = contents.build(vocabulary, parts["model"], training.seed)
    model.to(running.device(training.device))
    task = SpeechTask(model, vocabulary, corpus, parts["data"], training.seed)
    if parts["model"].normalise == "global":
        task.measure_bands()
    processes = distributed.world()
    start = "recurra" if processes == 1 else f"torchrun --nproc-per-node {processes} -m recurra"
    again = f"{start} transcribe --resume {folder}"
    running.train(task, training, folder, again=again, quiet=quiet, notes=_notes(task), listeners=listeners, stop=stop)
    return model.eval(), vocabulary, folder


def _notes(task: SpeechTask) -> list[str]:
    corpus, left = task.corpus, task.left_out
    minutes = corpus.lengths.sum() / corpus.rate / 60
    notes = [
        f"{len(task.train):,} recordings and {len(task.valid):,} for validation, {minutes:.1f} minutes in all,"
        f" {corpus.rate:,} samples a second, {len(task.vocabulary)} symbols"
    ]
    if left:
        text = corpus.texts[left[0]]
        notes.append(
            f"left out: {len(left):,} recordings that are too short for their texts, such as recording {left[0]},"
            f" {corpus.lengths[left[0]] / corpus.rate:.2f} s for {text!r}"
        )
    return notes
