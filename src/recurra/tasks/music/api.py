"""Music models in one call: train, resume, load."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from recurra.fitting.running import How
from recurra.tasks.music.estimator import MusicEstimator
from recurra.tasks.music.form import file_name
from recurra.tasks.music.model import MusicModel


def train(
    source: Any,
    out: str | Path | None = None,
    *,
    validation_data: Any = None,
    quiet: bool | None = None,
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
    **overrides,
) -> MusicModel:
    """Train a model on music: `model = train("songs/", minutes=10)`; then `model.compose().save("new.mid")`.

    source: a MIDI file, a folder of them, a .json or .mat file of piano rolls, Pieces, a dict of parts, or a list of those.
    out: a new folder for the run; default runs/<name>-<number>, which becomes `model.folder`.
    validation_data: other pieces, to choose the best weights by. overrides: any field of MusicDataConfig, MusicConfig,
    TrainingConfig. quiet: show nothing; default: progress is shown on a terminal and in a notebook. listeners, stop: as in
    `recurra.training.fit`.

    Returns the model with the best weights, ready to compose.
    Raises ConfigError for invalid settings, DataError for unreadable music, RunError if files are not writable
    or the training cannot continue, Interrupted after Ctrl-C.
    """
    several = list(source) if isinstance(source, list | tuple) else [source]
    named = bool(several) and all(isinstance(one, str | Path) for one in several)
    how = How(out, quiet, listeners, stop, name=file_name(Path(several[0]).stem) if named else "music")
    origin = {"paths": [str(one) for one in several]} if named else None
    return MusicEstimator(**overrides)._fit(source, validation_data, how, origin).model


def resume(
    folder: str | Path,
    *,
    data: Any = None,
    quiet: bool | None = None,
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
    epochs: int = 0,
    more_minutes: float | None = None,
) -> MusicModel:
    """Continue a run that was stopped, to the bits it would have had: `resume("runs/songs-1")`.

    A finished run is only opened, unless `epochs` or `more_minutes` says how much longer to train it; see
    `MusicEstimator.resume`. The folder holds the pieces; data: the same again, to be compared with them.
    RunError, in one line, if the folder is damaged or not a run's.
    """
    longer = {"epochs": epochs, "more_minutes": more_minutes}
    return MusicEstimator.resume(folder, data, quiet=quiet, listeners=listeners, stop=stop, **longer).model


def load(name: str | Path) -> MusicModel:
    """Open a model, on the CPU and ready to compose: `load("runs/songs-1")`, or `load("songs-1")`.

    RunError, in one line, for a folder that is missing, damaged or of another task.
    """
    return MusicEstimator.load(name).model
