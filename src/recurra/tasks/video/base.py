"""What the two estimators of video share: clips read by the settings, and frames like those that were fitted on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from recurra.errors import ConfigError, DataError, setting
from recurra.fitting.estimator import Estimator
from recurra.fitting.split import Halves, fingerprint, held_out
from recurra.tasks.video.clips import Clips, coloured, named, read_clips
from recurra.tasks.video.config import ClipsConfig
from recurra.tasks.video.model import Frame

SOME = 12
"""Held-out clips that are kept for `report`."""


class Examples(NamedTuple):
    """What a user fits on, read."""

    clips: Clips
    names: list[str]
    """What to call each clip."""
    labels: list[tuple] = []
    """A row of labels for each clip; none for a predictor."""
    columns: list[str] = []
    """What each label of a row is called."""

    def take(self, numbers: np.ndarray) -> Self:
        """Some of the clips."""
        clips, names, labels = ([part[i] for i in numbers] if part else [] for part in self[:3])
        return self._replace(clips=clips, names=names, labels=labels)


@dataclass(frozen=True)
class Seen:
    """What a model of clips learns beside its weights."""

    frame: Frame


class VideoEstimator(Estimator):
    """An estimator of clips. What `read_files` gives holds paths: the settings say how their frames are read."""

    command = "video"
    Learned = Seen

    def split(self, data: Examples) -> Halves:
        numbers = held_out(len(data.clips), self.parts["data"].validation, self.parts["training"].seed)
        return Halves(*map(data.take, numbers))

    def fingerprint(self, data: Halves) -> str:
        # Not of the names: a clip may have moved.
        return fingerprint([(half.clips, half.labels) for half in (data.train, data.valid)])

    def _examples(self, clips: Any, name: str, *labels: list) -> Examples:
        return Examples(read_clips(clips, self.parts["data"], name), named(clips, name), *labels)

    def _like_fitted(self, clips: Clips, names: list[str]) -> Clips:
        """The clips, if their frames are like those that the model was fitted on. DataError."""
        size, clips = self.learned.frame.size, self._coloured(clips)
        for clip, name in zip(clips, names, strict=True):
            if clip.shape[1:] != size:
                want, came = ("{1}×{0} with {2} channels".format(*each) for each in (size, clip.shape[1:]))
                raise DataError(f"`{name}` has frames of {came}; the model was fitted on {want}")
        return clips

    def _coloured(self, clips: Clips) -> Clips:
        """The clips, those without colour with three equal channels where the model was fitted on colours."""
        return list(map(coloured, clips)) if self.learned.frame.channels == 3 else clips

    def _refuse_without_files(self, clips: Any) -> None:
        """ConfigError for settings of how files are read, where the clips are arrays."""
        if any(isinstance(one, str | Path) for one in (clips if isinstance(clips, list | tuple) else [clips])):
            return
        data, plain = self._checked()["data"], ClipsConfig()
        for name in ("shorter_side", "grey", "every"):
            if getattr(data, name) != getattr(plain, name):
                raise ConfigError(f"{setting(name)} has no effect on arrays: it is for frames from files; drop it")


def origin(clips: Any, *tables: Any) -> dict[str, Any] | None:
    """The files that a fit was made from, which a resumed run reads again; None if any of it is in memory."""
    paths = [*(clips if isinstance(clips, list | tuple) else [clips]), *tables]
    return {"paths": list(map(str, paths))} if all(isinstance(path, str | Path) for path in paths) else None
