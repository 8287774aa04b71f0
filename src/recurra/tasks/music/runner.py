"""From pieces to a music model: set a run up, train it, go on with it."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from recurra.errors import DataError, RunError
from recurra.fitting import folders, running
from recurra.tasks.music import folder as contents
from recurra.tasks.music.config import settings
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.piece import file_name
from recurra.tasks.music.sources import read
from recurra.tasks.music.task import MusicTask
from recurra.training import distributed


def train(
    source: Any,
    out: str | Path | None = None,
    *,
    quiet: bool = False,
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
    **overrides,
) -> MusicModel:
    """Train a model on music: `model = train("songs/", minutes=10)`; then `model.compose().save("new.mid")`.

    source: a MIDI file, a folder of them, a .json or .mat file of piano rolls, Pieces, a dict of parts, or a list of those.
    out: a new folder for the run; default runs/<name>-<number>, which becomes `model.folder`.
    overrides: any field of MusicDataConfig, MusicConfig, TrainingConfig. quiet: show nothing. listeners, stop: as in
    `recurra.training.fit`.

    Returns the model with the best weights, ready to compose.
    Raises ConfigError for settings that cannot be, DataError for music that cannot be read, RunError where files cannot
    be written or the training cannot go on, Interrupted after Ctrl-C.
    """
    parts = settings(**overrides)
    with torch.device("meta"):  # computes nothing, and shows what the layers refuse before the music is read
        MusicModel(parts["model"])
    with distributed.group(running.device(parts["training"].device)):
        folder, notes = None, []
        if distributed.rank() == 0:
            folder, notes = _set_up(source, out, parts)
        folder = Path(distributed.share(str(folder)))
        return _run(folder, quiet, notes, listeners, stop)


def resume(
    folder: str | Path,
    *,
    quiet: bool = False,
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
) -> MusicModel:
    """Go on with a run that was stopped, to the bits it would have had: `resume("runs/songs-1")`.

    A run that is finished is only opened. RunError, in one line, where the folder is damaged or not a run's.
    """
    folder = folders.find(folder)
    parts, _ = contents.read_settings(folder)
    if "training" not in parts:
        raise RunError(f"{folder} holds a saved model, not a run; there is no training to go on with")
    with distributed.group(running.device(parts["training"].device)):
        return _run(folder, quiet, [], listeners, stop)


def _set_up(source: Any, out: str | Path | None, parts: dict[str, Any]) -> tuple[Path, list[str]]:
    """Make a run's folder, with all that training needs, or leave no trace."""
    data = parts["data"]
    pieces = read(source, data.steps_per_beat, data.validation)
    if not pieces.parts["train"]:
        raise DataError("there is no piece to train on: the part `train` is empty")
    named = isinstance(source, str | Path)
    new = out is None or not Path(out).exists()
    folder = folders.new(file_name(Path(source).stem) if named else "music") if out is None else folders.claim(out)
    try:
        contents.write_pieces(folder, pieces.parts)
        contents.write_settings(folder, parts, pieces.form, [str(source)] if named else [])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if not new:
            folders.make(folder)
        raise
    return folder, pieces.notes


def _run(folder: Path, quiet: bool, notes: list[str], listeners, stop) -> MusicModel:
    """Train what a folder describes, from wherever it is."""
    parts, form = contents.read_settings(folder)
    training = parts["training"]
    model = contents.build(parts["model"], form, training.seed).to(running.device(training.device))
    task = MusicTask(model, contents.read_pieces(folder, form), parts["data"], training.seed)
    again = f"recurra compose --resume {folder}"
    running.train(task, training, folder, again=again, quiet=quiet, notes=notes, listeners=listeners, stop=stop)
    model.folder = folder
    return model.eval()
