"""From a text to a language model: set a run up, train it, go on with it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from recurra.config import nearest
from recurra.data import Corpus, Document, build_corpus, gather, text_document
from recurra.errors import ConfigError, RunError, setting
from recurra.fitting import folders, progress, running
from recurra.fitting import listeners as listening
from recurra.tasks.language import finetune
from recurra.tasks.language import folder as contents
from recurra.tasks.language.config import settings
from recurra.tasks.language.model import LanguageModel
from recurra.tasks.language.task import LanguageTask
from recurra.training import distributed, runs


def train(
    source: Any = None,
    out: str | Path | None = None,
    preset: str = "default",
    *,
    text: str | None = None,
    init_from: str | Path | None = None,
    new_symbols: str = "grow",
    quiet: bool = False,
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
    **overrides,
) -> LanguageModel:
    """Train a language model on a text: `model = train("book.txt", epochs=2)`; then `model.generate("Once ")`.

    source: a file, a folder, the name of a corpus, or several of them; or `text`, the text itself.
    out: a new folder for the run; default runs/<name>-<number>, which becomes `model.folder`.
    preset, overrides: a recipe (see PRESETS), and any field of TextConfig, DataConfig, LanguageConfig, TrainingConfig.
    init_from: a run to start from, on another text: its layers and vocabulary are taken over. new_symbols says what
        becomes of symbols it does not know: "grow" (they are added), "unk" (its <unk> token) or "error".
    quiet: show nothing. listeners, stop: as in `recurra.training.fit`.

    Returns the model with the best weights, ready to generate.
    Raises ConfigError for settings that cannot be, DataError and VocabularyError for a text that cannot be read or is
    too short, RunError where files cannot be written or the training cannot go on, Interrupted after Ctrl-C.
    """
    if (source is None) == (text is None):
        raise ConfigError("give train either `source` (paths, or the name of a corpus) or `text`, the text itself")
    parent = contents.load(init_from) if init_from is not None else None
    parts = finetune.settings(parent, preset, overrides) if parent else settings(preset, **overrides)
    if new_symbols not in finetune.POLICIES:
        raise ConfigError(f"{setting('new_symbols')} is {new_symbols!r}; {nearest(new_symbols, finetune.POLICIES)}")
    source = source if text is None else text_document(text)
    with distributed.group(running.device(parts["training"].device)):
        _check_early(parts)
        folder = None
        if distributed.rank() == 0:
            folder = _set_up(source, out, parts, parent, new_symbols, quiet)
        folder = Path(distributed.share(str(folder)))
        return _run(folder, parts, quiet, listeners, stop)


def resume(
    folder: str | Path,
    *,
    quiet: bool = False,
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
) -> LanguageModel:
    """Go on with a run that was stopped, to the bits it would have had: `resume("runs/book-1")`.

    A run that is finished is only opened. RunError, in one line, where the folder is damaged or not a run's.
    """
    folder = folders.find(folder)
    parts = contents.read_settings(folder)
    if "training" not in parts:
        raise RunError(
            f"{folder} holds a saved model, not a run; to train it on: train(..., {setting('init_from', str(folder))})"
        )
    with distributed.group(running.device(parts["training"].device)):
        return _run(folder, parts, quiet, listeners, stop)


def _check_early(parts: dict[str, Any]) -> None:
    """Raise now what would come up only after the text has been read."""
    with torch.device("meta"):  # computes nothing; any vocabulary will do
        LanguageModel(range(2), parts["model"])
    size, processes = parts["data"].batch_size, distributed.world()
    if size % processes:
        raise ConfigError(f"{setting('batch_size')} is {size}; expected a multiple of the {processes} processes")
    if parts["training"].tensorboard:
        listening.require_tensorboard()


def _set_up(source, out, parts: dict[str, Any], parent: LanguageModel | None, new_symbols: str, quiet: bool) -> Path:
    """Make a run's folder, with all that training needs, or leave no trace."""
    with folders.setting_up(out, _name(source)) as (folder, place):
        vocabulary = None
        if parent is not None:
            source = gather(source, parts["data"])  # read twice from here on: standard input is there only once
            vocabulary = finetune.grow(parent.vocabulary, source, new_symbols)
        with progress.share("reading the text", quiet) as report:
            corpus = build_corpus(source, place, parts["text"], parts["data"], vocabulary, report)
        if parent is not None:
            runs.write_weights(finetune.start(parent, corpus.vocabulary, parts), place, step=0, loss=None)
        contents.write_settings(place, parts, corpus.info["sources"])
    return folder


def _name(source: Any) -> str:
    """A run's name, from its text: "book" from "texts/book.txt"."""
    first = next(iter(source), "") if isinstance(source, list | tuple) else source
    return folders.name_of(first.name if isinstance(first, Document) else first)


def _run(folder: Path, parts: dict[str, Any], quiet: bool, listeners, stop) -> LanguageModel:
    """Train what a folder describes, from wherever it is."""
    training, device = parts["training"], running.device(parts["training"].device)
    corpus = Corpus.open(folder)
    model = contents.build(corpus.vocabulary, parts["model"], training.seed)
    if (folder / runs.WEIGHTS).exists() and not (folder / runs.STATE).exists():
        runs.load_weights(model, folder)  # the weights to start from, of a run that begins with another's
    model.to(device)
    task = LanguageTask(model, corpus, parts["data"], training.seed)
    processes = distributed.world()
    start = "recurra" if processes == 1 else f"torchrun --nproc-per-node {processes} -m recurra"
    again = f"{start} train --resume {folder}"
    running.train(task, training, folder, again=again, quiet=quiet, notes=corpus.notes, listeners=listeners, stop=stop)
    model.folder = folder
    return model.eval()
