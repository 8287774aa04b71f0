"""FramePredictor: the frames that come next."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from torch import nn

from recurra.config import whole
from recurra.errors import DataError, setting
from recurra.tasks.video import config
from recurra.tasks.video.base import Given, Listeners, VideoModel, held_out
from recurra.tasks.video.clips import Clips, named, read_clips
from recurra.tasks.video.measure import SIDE, mse, ssim
from recurra.tasks.video.model import Forecaster
from recurra.tasks.video.task import FrameTask, draw, windows

FEW = 10
"""With fewer clips than this, the end of each is held out in place of whole clips."""


class FramePredictor(VideoModel):
    """The next frames of clips: `FramePredictor(seen=10, ahead=10).fit(clips).predict(beginnings)`.

    Settings: the fields of NetworkConfig, PredictorConfig, ClipsConfig and TrainingConfig. out: a new folder to keep the run
    in; default none. quiet: show nothing; default True. ConfigError for a setting that there is not, or that cannot be.
    """

    configs = config.PREDICTOR
    defaults = config.DEFAULTS
    schema = "video-frames/1"

    def fit(
        self,
        X: Any,
        *,
        validation_data: Any = None,
        listeners: Listeners = (),
        stop: Callable[[], bool] | None = None,
        again: str = "",
    ) -> Self:
        """Learn from clips, anew each time: every run of seen + ahead frames in them.

        X: clips as `read_clips` takes them, of any numbers of frames. validation_data: clips to choose the best weights by, in
        place of the part `validation`. listeners, stop: as in `recurra.training.fit`.
        again: how to go on, for the message after Ctrl-C.

        Returns itself, now with model, history, and folder (None without `out`). DataError, ShapeError and DtypeError for clips
        that cannot be used, such as too short ones, RunError where the folder is in use.
        """
        valid = None if validation_data is None else (validation_data, None)
        return self._fit(X, None, valid, listeners, stop, again)

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        X: Any = None,
        *,
        validation_data: Any = None,
        quiet: bool = True,
        listeners: Listeners = (),
        stop: Callable[[], bool] | None = None,
        again: str = "",
    ) -> Self:
        """Go on with a fit that was stopped, to the bits it would have had: `FramePredictor.resume(folder, X)`.

        X, validation_data: the same as they were; other data is a DataError. X may be left out where it was paths.
        """
        valid = None if validation_data is None else (validation_data, None)
        return cls._resume(folder, X, None, valid, quiet, listeners, stop, again)

    def predict(self, X: Any, ahead: int | None = None) -> np.ndarray:
        """What comes after the last frame of each clip, (clips, ahead, height, width[, 3]) float32 from 0 to 1.

        X: clips of at least `seen` frames; the last `seen` of them are read. ahead: frames to draw; default as trained.
        """
        model, seen = self._fitted(), self.parts["model"].seen
        ahead = self._ahead(ahead)
        clips = self._channels(read_clips(X, self.parts["data"]), named(X))
        _long_enough(clips, named(X), seen, setting("seen", seen))
        return _grey(np.stack(list(draw(model, [clip[-seen:] for clip in clips], ahead))))

    def evaluate(self, X: Any, ahead: int | None = None) -> dict[str, float]:
        """How near the predictions come, beside copying the last frame seen: mse, ssim, copy_mse, copy_ssim.

        Every run of seen + ahead frames in the clips is measured; pixels go from 0 to 1. Frames narrower than the 11 pixels
        that SSIM looks at have none of it.
        """
        model, seen = self._fitted(), self.parts["model"].seen
        ahead = self._ahead(ahead)
        clips = self._channels(read_clips(X, self.parts["data"]), named(X))
        _long_enough(clips, named(X), seen + ahead, _named(seen, ahead))
        runs = windows(clips, seen + ahead)
        names = ("mse", "ssim") if min(clips[0].shape[1:3]) >= SIDE else ("mse",)
        found: dict[str, list[float]] = {f"{copy}{name}": [] for copy in ("", "copy_") for name in names}
        for run, drawn in zip(runs, draw(model, [run[:seen] for run in runs], ahead), strict=True):
            run = run / np.float32(255) if run.dtype == np.uint8 else run
            for name, guess in (("", drawn), ("copy_", np.repeat(run[seen - 1 : seen], ahead, 0))):
                found[f"{name}mse"].append(mse(guess, run[seen:]))
                if "ssim" in names:
                    found[f"{name}ssim"].append(ssim(guess.mean(-1), run[seen:].mean(-1)))
        return {name: float(np.mean(values)) for name, values in found.items()}

    def score(self, X: Any) -> float:
        """How much of copying's squared error is gone: 1 for perfect predictions, 0 for copies of the last frame.

        DataError where nothing moves in any clip: copying makes no error there.
        """
        found = self.evaluate(X)
        if not found["copy_mse"]:
            raise DataError(
                "nothing moves in `X`: copies of the last frame are perfect there, and a score beside them has no meaning;"
                " give clips in which something moves, or use `evaluate`"
            )
        return 1 - found["mse"] / found["copy_mse"]

    def _ahead(self, ahead: int | None) -> int:
        ahead = self.parts["model"].ahead if ahead is None else ahead
        return whole("ahead", ahead, "a number of frames, 1 or more")

    def _channels(self, clips: Clips, names: list[str]) -> Clips:
        """Frames of any size will do, if their colours are those that the model was fitted on."""
        if clips[0].shape[-1] != self.frame.channels:
            kinds = {1: "grey", 3: "colour"}
            raise DataError(
                f"`{names[0]}` is in {kinds[clips[0].shape[-1]]}; the model was fitted on {kinds[self.frame.channels]} frames"
            )
        return clips

    def _learn(self, given: Given) -> None:
        seen, ahead = self.parts["model"].seen, self.parts["model"].ahead
        _long_enough(given.clips, given.names, seen + ahead, _named(seen, ahead))

    def _network(self) -> nn.Module:
        return Forecaster(self.frame.channels, self.parts["network"], self.parts["model"])

    def _task(self, given: Given, valid: Given | None) -> FrameTask:
        model, data, seed = self.parts["model"], self.parts["data"], self.parts["training"].seed
        if valid is None:
            train, held = _split(given.clips, data.validation, model.seen + model.ahead, seed)
        else:
            train, held = given.clips, self._channels(valid.clips, valid.names)
            _long_enough(held, valid.names, model.seen + model.ahead, _named(model.seen, model.ahead))
        return FrameTask(self.model, train, held, model, data, seed)


def _split(clips: Clips, fraction: float, frames: int, seed: int) -> tuple[Clips, Clips]:
    """Clips to train on and to choose by: whole clips, or the ends of a few long ones, where that leaves enough of each."""
    if not fraction:
        return clips, []
    if len(clips) >= FEW:
        train, held = held_out(clips, fraction, seed)
        return [clips[i] for i in train], [clips[i] for i in held]
    train, held = [], []
    for clip in clips:
        count = max(round(fraction * len(clip)), frames)
        count = count if len(clip) - count >= frames else 0
        train.append(clip[: len(clip) - count])
        held += [clip[len(clip) - count :]] if count else []
    return train, held


def _named(seen: int, ahead: int) -> str:
    return f"{setting('seen', seen)} and {setting('ahead', ahead)}"


def _long_enough(clips: Clips, names: list[str], frames: int, why: str) -> None:
    for clip, name in zip(clips, names, strict=True):
        if len(clip) < frames:
            raise DataError(
                f"`{name}` has {len(clip)} frames; {why} need {frames}. Give a longer clip, or smaller numbers"
            )


def _grey(frames: np.ndarray) -> np.ndarray:
    """Without the channel, where there is only one."""
    return frames[..., 0] if frames.shape[-1] == 1 else frames
