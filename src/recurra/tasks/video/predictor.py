"""FramePredictor: the frames that come next."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np

from recurra.config import whole
from recurra.errors import DataError, setting
from recurra.fitting.lifecycle import Listener
from recurra.fitting.report import SHOWN, spread
from recurra.fitting.running import How
from recurra.fitting.split import Halves
from recurra.tasks.video import config
from recurra.tasks.video.base import SOME, Examples, Seen, VideoEstimator, origin
from recurra.tasks.video.clips import Clips, named, read_clips
from recurra.tasks.video.measure import SIDE, mse, ssim
from recurra.tasks.video.model import Frame, FrameForecaster
from recurra.tasks.video.task import FrameTask, draw, windows

FEW = 10
"""With fewer clips than this, the end of each is held out in place of whole clips."""


class FramePredictor(VideoEstimator):
    """The next frames of clips: `FramePredictor(seen=10, ahead=10).fit(clips).predict(beginnings)`.

    Settings: the fields of NetworkConfig, PredictorConfig, ClipsConfig and TrainingConfig. ConfigError for one that is unknown
    or invalid.
    """

    schema, configs, defaults = "video-frames/3", config.PREDICTOR, config.DEFAULTS
    takes = "clips"

    @staticmethod
    def read_files(paths: list[str]) -> list[str]:
        return paths

    def fit(
        self,
        clips: Any,
        *,
        validation_data: Any = None,
        out: str | Path | None = None,
        quiet: bool | None = None,
        listeners: Iterable[Listener] = (),
        stop: Callable[[], bool] | None = None,
    ) -> Self:
        """Learn from clips, from the start each time: every run of seen + ahead frames in them.

        clips: as `read_clips` takes them, of any numbers of frames. validation_data: clips to choose the best weights by, in
        place of the part `validation`. out: a new folder to keep the run in; default none is kept. Fitted on paths, it is
        resumed without the data. quiet: show nothing; default: progress is shown on a terminal and in a notebook.
        listeners, stop: as in `recurra.training.fit`.

        DataError, ShapeError and DtypeError for unusable clips, such as too short ones, RunError if the folder is
        in use or not writable, Interrupted after Ctrl-C.
        """
        self._refuse_without_files(clips)
        return self._fit(clips, validation_data, How(out, quiet, listeners, stop), origin(clips))

    # What is its own in the lifecycle

    def read(self, data: Any, name: str) -> Examples:
        examples, (frames, why) = self._examples(data, name), self._wanted(self.parts["model"].ahead)
        _long_enough(examples.clips, examples.names, frames, why)
        return examples

    def split(self, data: Examples) -> Halves:
        """Whole clips are held out, or the ends of a few long ones, where that leaves enough of each."""
        fraction, (frames, _) = self.parts["data"].validation, self._wanted(self.parts["model"].ahead)
        if not fraction or len(data.clips) >= FEW:
            return super().split(data)
        cuts = [_cut(len(clip), fraction, frames) for clip in data.clips]
        train = [clip[:cut] for clip, cut in zip(data.clips, cuts, strict=True)]
        ends = [(clip[cut:], name) for clip, name, cut in zip(*data[:2], cuts, strict=True) if cut < len(clip)]
        return Halves(data._replace(clips=train), Examples([clip for clip, _ in ends], [name for _, name in ends]))

    def learn(self, data: Halves) -> Seen:
        return Seen(Frame(*data.train.clips[0].shape[1:]))

    def network(self, parts: dict[str, Any], learned: Seen) -> FrameForecaster:
        return FrameForecaster(learned.frame.channels, parts["network"], parts["model"])

    def task(self, model: FrameForecaster, data: Halves) -> FrameTask:
        if data.separate:
            valid = data.valid._replace(clips=self._coloured(data.valid.clips))
            self._colours_fit(valid.clips, valid.names)
            data = data._replace(valid=valid)
        parts, some = self.parts, spread(len(data.valid.clips), SOME)
        self._state.examples = data.valid.take(some)
        return FrameTask(
            model, data.train.clips, data.valid.clips, parts["model"], parts["data"], parts["training"].seed
        )

    def examples(self) -> list[str]:
        """Of clips held out: those whose next frames are closer than copies of the last one, then those where they are not."""
        kept = self._fitted().examples
        wanted, _ = self._wanted(self.parts["model"].ahead)
        lines: dict[bool, list[str]] = {True: [], False: []}
        for clip, name in zip(*(kept[:2] if kept else ((), ())), strict=True):
            found = self.evaluate([clip[:wanted]])
            closer = found["mse"] < found["copy_mse"]
            kind = "closer than copying" if closer else "no closer than copying"
            lines[closer].append(f"{kind}: {name}, squared error {found['mse']:.5f}, of copies {found['copy_mse']:.5f}")
        return [*lines[True][:SHOWN], *lines[False][:SHOWN]]

    def next(self) -> str:
        return f"{super().next()} --to next.gif"

    # What a fitted one does

    def predict(self, clips: Any, ahead: int | None = None) -> np.ndarray:
        """What comes after the last frame of each clip, (clips, ahead, height, width[, 3]) float32 from 0 to 1.

        clips: of at least `seen` frames; the last `seen` of them are read. ahead: frames to draw; default as trained.
        """
        model, seen, ahead = self.model, self.parts["model"].seen, self._ahead(ahead)
        clips = self._read_like_fitted(clips, seen, setting("seen", seen))
        return _grey(np.stack(list(draw(model, [clip[-seen:] for clip in clips], ahead))))

    def evaluate(self, clips: Any, ahead: int | None = None) -> dict[str, float]:
        """How near the predictions come, beside copying the last frame seen: mse, ssim, copy_mse, copy_ssim.

        Every run of seen + ahead frames in the clips is measured; pixels go from 0 to 1. Frames narrower than the 11 pixels
        that SSIM looks at have none of it.
        """
        model, seen, ahead = self.model, self.parts["model"].seen, self._ahead(ahead)
        clips = self._read_like_fitted(clips, *self._wanted(ahead))
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

    def score(self, clips: Any) -> float:
        """How much of copying's squared error is gone: 1 for perfect predictions, 0 for copies of the last frame.

        DataError if nothing moves in any clip: copying makes no error there.
        """
        found = self.evaluate(clips)
        if not found["copy_mse"]:
            raise DataError(
                "nothing moves in `clips`: copies of the last frame are perfect there, and a score beside them has no meaning;"
                " give clips in which something moves, or use `evaluate`"
            )
        return 1 - found["mse"] / found["copy_mse"]

    def _ahead(self, ahead: int | None) -> int:
        ahead = self.parts["model"].ahead if ahead is None else ahead
        return whole("ahead", ahead, "a number of frames, 1 or more")

    def _wanted(self, ahead: int) -> tuple[int, str]:
        """How many frames a clip needs, and why."""
        seen = self.parts["model"].seen
        return seen + ahead, f"{setting('seen', seen)} and {setting('ahead', ahead)}"

    def _read_like_fitted(self, clips: Any, frames: int, why: str) -> Clips:
        names, clips = named(clips), self._coloured(read_clips(clips, self.parts["data"]))
        self._colours_fit(clips, names)
        _long_enough(clips, names, frames, why)
        return clips

    def _colours_fit(self, clips: Clips, names: list[str]) -> None:
        """DataError for other colours than the model was fitted on; frames may be of any size."""
        channels, wanted = clips[0].shape[-1], self.learned.frame.channels
        if channels != wanted:
            kinds = {1: "grey", 3: "colour"}
            raise DataError(f"`{names[0]}` is in {kinds[channels]}; the model was fitted on {kinds[wanted]} frames")


def _cut(length: int, fraction: float, frames: int) -> int:
    """Where the held-out end of a clip begins; its length where that would not leave so many frames on both sides."""
    count = max(round(fraction * length), frames)
    return length - count if length - count >= frames else length


def _long_enough(clips: Clips, names: list[str], frames: int, why: str) -> None:
    for clip, name in zip(clips, names, strict=True):
        if len(clip) < frames:
            raise DataError(
                f"`{name}` has {len(clip)} frames; {why} need {frames}. Give a longer clip, or smaller numbers"
            )


def _grey(frames: np.ndarray) -> np.ndarray:
    """Without the channel, where there is only one."""
    return frames[..., 0] if frames.shape[-1] == 1 else frames
