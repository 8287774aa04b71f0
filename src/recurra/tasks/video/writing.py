"""Frames into files: GIFs that move, and NumPy arrays."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from recurra import files
from recurra.errors import ConfigError
from recurra.tasks.video.clips import check

_LONGEST = 655  # seconds of a frame: a GIF counts hundredths in 16 bits


def write_frames(path: str | Path, frames: Any, *, seconds: float = 0.1) -> None:
    """Write frames as an animated GIF, or as they are: `write_frames("next.gif", frames)`, `write_frames("next.npy", frames)`.

    frames: (frames, height, width[, 1 or 3]), integers from 0 to 255, or from 0 to 1. seconds: each is shown in a GIF.
    A frame that repeats the one before is written too. ConfigError for another ending or time, DataError, ShapeError and
    DtypeError for what is no clip, RunError if the file is not writable.
    """
    path = check_file(path)
    if not 0 <= seconds <= _LONGEST:
        raise ConfigError(f"`seconds` is {seconds!r}; expected the time of a frame, from 0 to {_LONGEST} seconds")
    frames = _bytes(frames)
    pixels = check(frames, "frames")
    with files.replacing_output(path) as part, open(part, "wb") as file:
        if path.suffix.lower() == ".npy":  # given a name, NumPy adds an ending to E.NPY
            np.save(file, np.asarray(frames), allow_pickle=False)
            return
        if pixels.dtype != np.uint8:
            pixels = np.round(pixels * 255).astype(np.uint8)
        file.writelines(_gif(pixels, round(seconds * 1000)))


def check_file(path: str | Path) -> Path:
    """Where frames are to be written, before there are any. ConfigError for another ending."""
    path = Path(path)
    if path.suffix.lower() not in (".gif", ".npy"):
        raise ConfigError(f"{path} ends in {path.suffix or 'nothing'!r}; frames are written as .gif or .npy")
    return path


def _bytes(frames: Any) -> Any:
    """Integers from 0 to 255 of any type as uint8; all others as they came. Those from 0 to 1 are a part of white."""
    if hasattr(frames, "detach"):
        frames = frames.detach().cpu().numpy()
    try:
        array = np.asarray(frames)
    except ValueError:  # of unequal size: `check` says it
        return frames
    if array.dtype.kind in "ui" and array.size and array.min() >= 0 and 1 < array.max() <= 255:
        return array.astype(np.uint8)
    return array


def _gif(frames: np.ndarray, milliseconds: int) -> Iterator[bytes]:
    """The parts of the file, of each frame the box that changes.

    Not `Image.save`: it drops a frame that equals the one before, and only lengthens the time of that.
    """
    from PIL import GifImagePlugin as gif
    from PIL import Image

    grey = frames.shape[-1] == 1

    def image(pixels: np.ndarray) -> Any:
        made = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if grey else pixels))
        return made if grey else made.convert("P", palette=Image.Palette.ADAPTIVE)

    first = image(frames[0])
    yield from gif.getheader(first, info={"loop": 0, "duration": milliseconds})[0]
    yield from gif.getdata(first, duration=milliseconds)
    for before, frame in zip(frames[:-1], frames[1:], strict=True):
        changed = (before != frame).any(-1)
        lines, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        top, bottom = (lines[0], lines[-1]) if len(lines) else (0, 0)
        left, right = (columns[0], columns[-1]) if len(columns) else (0, 0)
        box = image(frame[top : bottom + 1, left : right + 1])
        yield from gif.getdata(box, (int(left), int(top)), duration=milliseconds, include_color_table=not grey)
    yield b";"
