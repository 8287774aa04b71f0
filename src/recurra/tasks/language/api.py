"""Language models in one call: train, resume, load."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from recurra.data import Document, text_document
from recurra.errors import ConfigError
from recurra.fitting import folders
from recurra.fitting.running import How
from recurra.tasks.language.estimator import LanguageEstimator, name_of
from recurra.tasks.language.model import LanguageModel


def train(
    source: Any = None,
    out: str | Path | None = None,
    preset: str = "default",
    *,
    text: str | Sequence[str] | None = None,
    validation_data: Any = None,
    init_from: str | Path | LanguageModel | None = None,
    new_symbols: str = "grow",
    quiet: bool | None = None,
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
    **overrides,
) -> LanguageModel:
    """Train a language model on a text: `model = train("book.txt", epochs=2)`; then `model.generate("Once ")`.

    source: a file, a folder, the name of a corpus, or several of them; or `text`, the text itself, or a list of documents.
    out: a new folder for the run; default runs/<name>-<number>, which becomes `model.folder`.
    preset, overrides: a recipe (see PRESETS), and any field of TextConfig, DataConfig, LanguageConfig, TrainingConfig.
    validation_data: another source, to choose the best weights by, in place of the end of this one.
    init_from, new_symbols: as in LanguageEstimator. quiet: show nothing; default: progress is shown on a terminal and in a
    notebook. listeners, stop: as in `recurra.training.fit`.

    Returns the model with the best weights, ready to generate.
    Raises ConfigError for invalid settings, DataError and VocabularyError for a text that is unreadable or too short,
    RunError if files are not writable or the training cannot continue, Interrupted after Ctrl-C.
    """
    if (source is None) == (text is None):
        raise ConfigError("give train either `source` (paths, or the name of a corpus) or `text`, the text itself")
    estimator = LanguageEstimator(preset, init_from=init_from, new_symbols=new_symbols, **overrides)
    source, origin = (_documents(text), None) if source is None else (source, _paths(source))
    how = How(out, quiet, listeners, stop, name=folders.name_of(name_of(source)))
    return estimator._fit(source, validation_data, how, origin).model


def _documents(text: Any) -> Document | list[Document]:
    if not isinstance(text, list | tuple):
        return text_document(text)
    return [text_document(one, f"text {number}") for number, one in enumerate(text, 1)]


def _paths(source: Any) -> dict[str, Any] | None:
    several = source if isinstance(source, list | tuple) else [source]
    return {"paths": [str(path) for path in several]} if all(isinstance(p, str | Path) for p in several) else None


def resume(
    folder: str | Path,
    *,
    data: Any = None,
    quiet: bool | None = None,
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
    epochs: int = 0,
    more_minutes: float | None = None,
) -> LanguageModel:
    """Continue a run that was stopped, to the bits it would have had: `resume("runs/book-1")`.

    A finished run is only opened, unless `epochs` or `more_minutes` says how much longer to train it; see
    `LanguageEstimator.resume`. The folder holds the text; data: the same text again, to be compared with it.
    RunError, in one line, if the folder is damaged or not a run's.
    """
    longer = {"epochs": epochs, "more_minutes": more_minutes}
    return LanguageEstimator.resume(folder, data, quiet=quiet, listeners=listeners, stop=stop, **longer).model


def load(name: str | Path) -> LanguageModel:
    """Open a model, on the CPU and ready to generate: `load("runs/book-1")`, or `load("book-1")`.

    RunError, in one line, for a folder that is missing, damaged or of another program.
    """
    return LanguageEstimator.load(name).model
