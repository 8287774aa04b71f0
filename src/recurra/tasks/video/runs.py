"""A run of either kind, opened by its folder alone."""

from pathlib import Path

from recurra import files
from recurra.errors import RunError
from recurra.fitting import folders
from recurra.tasks.video.classifier import VideoClassifier
from recurra.tasks.video.predictor import FramePredictor

KINDS = {kind.schema: kind for kind in (VideoClassifier, FramePredictor)}


def kind(folder: str | Path) -> type[VideoClassifier] | type[FramePredictor]:
    """Which of the two a run's folder holds. RunError if it is of another task."""
    path = folders.find(folder) / folders.CONFIG
    content = files.read_json(path)
    schema = str(content.get("schema")) if isinstance(content, dict) else "None"
    if schema not in KINDS:
        raise RunError(f"{path} has the format {schema!r}; expected a run of `recurra video`: {', '.join(KINDS)}")
    return KINDS[schema]


def load(folder: str | Path) -> VideoClassifier | FramePredictor:
    """Open a fitted model, whichever it is: `load("runs/traffic-1").predict(clips)`. RunError as from either's own `load`."""
    return kind(folder).load(folder)
