"""A run of either kind, opened by its folder alone."""

import json
from pathlib import Path
from typing import Any

from recurra.errors import RunError
from recurra.fitting import folders
from recurra.tasks.video.classifier import VideoClassifier
from recurra.tasks.video.predictor import FramePredictor

KINDS = {kind.schema: kind for kind in (VideoClassifier, FramePredictor)}


def kind(folder: str | Path) -> type[VideoClassifier] | type[FramePredictor]:
    """Which of the two a run's folder holds. RunError where it is of another task."""
    path = folders.find(folder) / folders.CONFIG
    found = _content(path).get("schema")
    if found not in KINDS:
        raise RunError(f"{path} has the format {found!r}; expected a run of `recurra video`: {', '.join(KINDS)}")
    return KINDS[found]


def load(folder: str | Path) -> VideoClassifier | FramePredictor:
    """Open a fitted model, whichever it is: `load("runs/traffic-1").predict(clips)`. RunError as from either's own `load`."""
    return kind(folder).load(folder)


def sources(folder: str | Path) -> list[str]:
    """The paths that a run was fitted on; empty for arrays."""
    return list(_content(folders.find(folder) / folders.CONFIG).get("sources", []))


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}. Restore it from a copy, or train again") from error
    return content if isinstance(content, dict) else {}
