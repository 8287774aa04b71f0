"""Frames from files and into files: folders of images, animated GIFs, NumPy arrays, videos."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import ConfigError, DataError, RunError
from recurra.tasks.video.config import ClipsConfig

IMAGES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"))
VIDEOS = frozenset((".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v", ".ogv", ".wmv"))
CLIPS = VIDEOS | {".gif", ".npy"}
MOST = 4 * 2**30
"""Bytes of pixels in one file: a clip is held in memory, and a long video would not fit."""


def find(path: str | Path) -> list[Path]:
    """What stands for a clip under a path: itself; or of a folder of clips, each video and folder of images, by name.

    DataError where there is nothing.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"there is no file or folder {path}")
    inside = sorted(child for child in path.iterdir() if not child.name.startswith("."))
    if any(child.suffix.lower() in IMAGES for child in inside):
        return [path]
    found = [child for child in inside if child.suffix.lower() in CLIPS or (child.is_dir() and _images(child))]
    if not found:
        kinds = "images (.png, .jpg ...), videos (.mp4, .avi ...), .gif, .npy, or folders of images"
        raise DataError(f"the folder {path} has no clips in it; expected {kinds}")
    return found


def read(path: Path, config: ClipsConfig) -> np.ndarray:
    """One clip, (frames, height, width, channels) uint8, or as a .npy file has it. DataError where it cannot be read."""
    suffix = path.suffix.lower()
    if path.is_file() and suffix == ".npy":
        return _read_array(path, config)
    reader = _read_images if path.is_dir() or suffix in IMAGES | {".gif"} else _read_video
    frames, total = [], 0
    for frame in reader(path, config):
        if frames and frame.shape != frames[0].shape:
            raise DataError(
                f"{path}: frame {len(frames) + 1} is {_size(frame)}, but the first is {_size(frames[0])};"
                " frames of a clip have one size and as many colours"
            )
        frames.append(frame)
        total += frame.nbytes
        if total > MOST:
            raise DataError(
                f"{path} has more than {len(frames) - 1:,} frames of {_size(frame)}, which is {MOST / 2**30:.0f} GiB of pixels;"
                " read fewer or smaller ones, with `shorter_side`, `grey` or `every`, or cut it"
            )
    if not frames:
        raise DataError(f"{path} has no frames in it")
    clip = np.stack(frames)
    if suffix == ".gif" and (clip == clip[..., :1]).all():  # the format has palettes and no grey
        clip = clip[..., :1]
    return clip


def write_frames(path: str | Path, frames: Any, *, seconds: float = 0.1) -> None:
    """Write frames as an animated GIF, or as they are: `write_frames("next.gif", frames)`, `write_frames("next.npy", frames)`.

    frames: (frames, height, width[, channels]), uint8 or from 0 to 1. seconds: each is shown in a GIF.
    ConfigError for another ending, RunError where the file cannot be written.
    """
    from PIL import Image

    path, frames = Path(path), np.asarray(frames)
    if path.suffix.lower() not in (".gif", ".npy"):
        raise ConfigError(f"{path} ends in {path.suffix or 'nothing'!r}; frames are written as .gif or .npy")
    try:
        if path.suffix.lower() == ".npy":
            np.save(path, frames, allow_pickle=False)
            return
        if frames.dtype != np.uint8:
            frames = np.round(np.clip(frames, 0, 1) * 255).astype(np.uint8)
        frames = frames[..., 0] if frames.ndim == 4 and frames.shape[-1] == 1 else frames
        first, *rest = [Image.fromarray(frame) for frame in frames]
        first.save(path, save_all=True, append_images=rest, duration=round(seconds * 1000), loop=0)
    except OSError as error:
        raise RunError(f"{path} could not be written: {error.strerror or error}") from error


def _images(folder: Path) -> list[Path]:
    return sorted(
        (child for child in folder.iterdir() if child.suffix.lower() in IMAGES and not child.name.startswith(".")),
        key=_by_number,
    )


def _by_number(path: Path) -> tuple:
    """frame2 before frame10: runs of digits count as numbers."""
    import re

    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name))


def _read_images(path: Path, config: ClipsConfig) -> Iterator[np.ndarray]:
    from PIL import Image, ImageSequence

    for file in (_images(path) if path.is_dir() else [path])[:: config.every if path.is_dir() else 1]:
        try:
            with Image.open(file) as image:
                pages = ImageSequence.Iterator(image) if not path.is_dir() else [image]
                for number, page in enumerate(pages):
                    if path.is_dir() or number % config.every == 0:
                        yield _pixels(page, config)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(f"{file} is not an image that can be read: {error}") from error


def _pixels(image: Any, config: ClipsConfig) -> np.ndarray:
    """(height, width, 1 or 3) uint8."""
    grey = config.grey or image.mode in ("1", "L", "LA", "I", "I;16", "F")
    if image.mode in ("I", "I;16", "F"):
        raise ValueError(f"its pixels are of the kind {image.mode!r}; expected 8 bits a colour")
    image = image.convert("L" if grey else "RGB")
    image = image.resize(_smaller(*image.size, config)) if config.shorter_side else image
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _read_video(path: Path, config: ClipsConfig) -> Iterator[np.ndarray]:
    try:
        import av
    except ImportError as error:
        raise ConfigError("reading videos needs PyAV. Install it: pip install 'recurra[video]'") from error
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DataError(f"{path} has no pictures in it; expected a video")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for number, frame in enumerate(container.decode(stream)):
                if number % config.every == 0:
                    width, height = _smaller(frame.width, frame.height, config)
                    frame = frame.reformat(width, height, "gray" if config.grey else "rgb24")
                    pixels = frame.to_ndarray()
                    yield pixels[..., None] if pixels.ndim == 2 else pixels
    except (av.error.FFmpegError, OSError) as error:
        raise DataError(
            f"{path} is not a video that can be read: {getattr(error, 'strerror', None) or error}"
        ) from error


def _smaller(width: int, height: int, config: ClipsConfig) -> tuple[int, int]:
    side = min(width, height)
    if not config.shorter_side or side <= config.shorter_side:
        return width, height
    return round(width * config.shorter_side / side), round(height * config.shorter_side / side)


def _read_array(path: Path, config: ClipsConfig) -> np.ndarray:
    try:
        frames = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is not an array of numbers that can be read: {error}") from error
    if not isinstance(frames, np.ndarray) or frames.ndim not in (3, 4):
        came = getattr(frames, "shape", "several arrays")
        raise DataError(f"{path} holds {came}; expected (frames, height, width[, colours])")
    return frames[:: config.every]


def _size(frame: np.ndarray) -> str:
    kind = {1: "grey", 3: "colour"}.get(frame.shape[2], f"{frame.shape[2]} channels")
    return f"{frame.shape[1]}×{frame.shape[0]} {kind}"
