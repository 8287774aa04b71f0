"""What users call clips → arrays that a model reads: (frames, height, width, channels) each; anything else is refused."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import DataError, DtypeError, ShapeError, setting
from recurra.paths import warn_left_out
from recurra.tasks.video import files
from recurra.tasks.video.config import ClipsConfig

Clips = list[np.ndarray]
"""One array a clip, (frames, height, width, channels), uint8 or float32 from 0 to 1; frames of one size in all of them."""


def read_clips(clips: Any, config: ClipsConfig | None = None, name: str = "clips") -> Clips:
    """Clips in one form: `read_clips(np.zeros((8, 20, 64, 64), np.uint8))[0].shape` → (20, 64, 64, 1).

    clips: an array (clips, frames, height, width[, channels]); a list of arrays (frames, height, width[, channels]), of any
    numbers of frames; a folder of clips, a folder of images, a video file, or a list of those. uint8, or from 0 to 1.
    Where any is in colour, those without get three equal channels.
    DataError, ShapeError, DtypeError if it is none of these, is empty, holds NaN, or frames differ in size.
    """
    arrays, labels, skipped = [], [], Counter()
    for clip, label in _each(clips, name, skipped):
        if isinstance(clip, str | Path):
            clip = files.read(Path(clip), config or ClipsConfig())
        arrays.append(check(clip, label))
        labels.append(label)
    warn_left_out(clips if isinstance(clips, str | Path) else name, skipped)
    if len({clip.shape[-1] for clip in arrays}) > 1:
        arrays = list(map(coloured, arrays))
    for clip, label in zip(arrays, labels, strict=True):
        if clip.shape[1:] != arrays[0].shape[1:]:
            raise ShapeError(
                f"`{label}` has frames of {_frame(clip)}, but `{labels[0]}` of {_frame(arrays[0])}; all clips need frames of"
                f" one size. From files, {setting('shorter_side')} brings some together"
            )
    return arrays


def named(clips: Any, name: str = "clips") -> list[str]:
    """What to call each clip: its path, or its place in clips."""
    return [label for _, label in _each(clips, name)]


def _each(clips: Any, name: str, skipped: Counter[str] | None = None) -> list[tuple[Any, str]]:
    if isinstance(clips, str | Path):
        return [(path, str(path)) for path in files.find(clips, skipped)]
    if hasattr(clips, "detach"):
        clips = clips.detach().cpu().numpy()
    if isinstance(clips, np.ndarray) and clips.dtype != object:
        if (clips.ndim == 4 and clips.shape[-1] in (1, 3)) or clips.ndim == 3:
            kind = "(frames, height, width)" if clips.ndim == 3 else "(frames, height, width, colours)"
            raise ShapeError(
                f"`{name}` is {clips.shape}, which looks like one clip {kind}; expected (clips, frames, height, width) or"
                f" (clips, frames, height, width, colours). For a single clip: [{name}]"
            )
        if clips.ndim not in (4, 5):
            raise ShapeError(f"`{name}` is {clips.shape}; expected (clips, frames, height, width[, colours])")
    if not hasattr(clips, "__len__"):
        raise DtypeError(f"`{name}` is {type(clips).__name__}; expected an array, a list of clips, or a path")
    if not len(clips):
        raise DataError(f"`{name}` is empty: there are no clips")
    each = []
    for i, one in enumerate(clips):
        paths = files.find(one, skipped) if isinstance(one, str | Path) else None
        each += [(one, f"{name}[{i}]")] if paths is None else [(path, str(path)) for path in paths]
    return each


def coloured(frames: np.ndarray) -> np.ndarray:
    """Frames (..., 1 or 3) in colour: what is grey has three equal channels."""
    return frames if frames.shape[-1] == 3 else np.repeat(frames, 3, -1)


def check(clip: Any, label: str) -> np.ndarray:
    if hasattr(clip, "detach"):
        clip = clip.detach().cpu().numpy()
    try:
        clip = np.asarray(clip)
    except ValueError:
        raise ShapeError(f"`{label}` has frames of unequal size; expected one size in a clip") from None
    if clip.dtype.kind not in "uifb":
        raise DtypeError(f"`{label}` holds {clip.dtype}; expected pixels, uint8 or numbers from 0 to 1")
    if clip.ndim not in (3, 4):
        raise ShapeError(
            f"`{label}` is {clip.shape}; expected (frames, height, width) or (frames, height, width, colours)"
        )
    clip = clip[..., None] if clip.ndim == 3 else clip
    if clip.shape[-1] not in (1, 3):
        raise ShapeError(
            f"`{label}` is {clip.shape}: {clip.shape[-1]} channels; expected 1 (grey) or 3 (colour), in the last dimension"
        )
    if not clip.size:
        raise DataError(f"`{label}` is empty: {clip.shape[0]} frames of {_frame(clip)}")
    if clip.dtype == np.uint8:
        return clip
    low, high = float(clip.min()), float(clip.max())
    if not np.isfinite([low, high]).all():
        where = np.argwhere(~np.isfinite(clip))[0].tolist()
        raise DataError(f"`{label}` holds NaN or infinity, first in frame {where[0]} at pixel ({where[1]}, {where[2]})")
    if low < 0 or high > 1:
        raise DataError(
            f"`{label}` holds numbers from {low:g} to {high:g}; expected uint8, or from 0 to 1: divide by 255"
        )
    return clip.astype(np.float32)


def _frame(clip: np.ndarray) -> str:
    height, width, channels = clip.shape[1:]
    return f"{width}×{height} in {'grey' if channels == 1 else 'colour'}"
