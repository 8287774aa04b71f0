"""Frames from files: folders of images, animated GIFs, NumPy arrays, videos."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from recurra.errors import ConfigError, DataError, setting
from recurra.tasks.video import per_clip
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
                f" read fewer or smaller ones, with {setting('shorter_side')}, {setting('grey')} or "
                f"{setting('every')}, or cut it"
            )
    if not frames:
        raise DataError(f"{path} has no frames in it")
    clip = np.stack(frames)
    if suffix == ".gif" and (clip == clip[..., :1]).all():  # the format has palettes and no grey
        clip = clip[..., :1]
    return clip


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
    from PIL import ImageOps

    grey = config.grey or image.mode in ("1", "L", "LA")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):  # I;16B, I;16L and I;16N too
        raise ValueError(f"its pixels are of the kind {image.mode!r}; expected 8 bits a colour")
    image = ImageOps.exif_transpose(image).convert("L" if grey else "RGB")  # a camera may have been held upright
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
            if cut := per_clip.missing(path):
                raise DataError(
                    f"{path} is cut off: it has {cut[0]:,} of the {cut[1]:,} bytes that it tells of; copy it again, or keep"
                    f" what there is: ffmpeg -i {path.name} -c copy rest{path.suffix}"
                )
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for number, frame in enumerate(container.decode(stream)):
                if number % config.every == 0:
                    width, height = _smaller(frame.width, frame.height, config)
                    frame = frame.reformat(width, height, "gray" if config.grey else "rgb24")
                    pixels, turn = frame.to_ndarray(), getattr(frame, "rotation", 0)  # an old PyAV tells none
                    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
                    yield pixels if turn % 90 else np.ascontiguousarray(np.rot90(pixels, turn // 90))
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
        with open(path, "rb") as file:
            start = file.read(6)
            file.seek(0)
            if start[:2] == b"PK":
                why = "it holds several arrays; expected one, (frames, height, width[, colours])"
            elif start != b"\x93NUMPY":
                why = "it does not begin as such files do. Write one with numpy.save"
            else:
                frames, why = np.load(file, allow_pickle=False), ""
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, EOFError) as error:  # NumPy's words would tell to load objects, which can run code
        objects = "allow_pickle" in str(error)
        why = "it holds Python objects; expected numbers" if objects else "it is cut off or damaged. Write it again"
    if why:
        raise DataError(f"{path} is not an array of numbers that can be read: {why}")
    if frames.ndim not in (3, 4):
        raise DataError(f"{path} holds {frames.shape}; expected (frames, height, width[, colours])")
    return _array_pixels(frames[:: config.every], config)


def _array_pixels(frames: np.ndarray, config: ClipsConfig) -> np.ndarray:
    """Without colour and smaller, as an image of the same pixels would be; what is no clip stays, for `check` to refuse."""
    from PIL import Image

    clip = frames if frames.ndim == 4 else frames[..., None]
    height, width, channels = clip.shape[1:]
    grey = config.grey and channels == 3
    size = _smaller(width, height, config) if height and width else (width, height)
    usable = channels in (1, 3) and clip.size and clip.dtype.kind in "uifb"
    if not usable or not (grey or size != (width, height)):
        return frames
    if clip.dtype != np.uint8:
        if not (clip.min() >= 0 and clip.max() <= 1):
            return frames
        clip = clip.astype(np.float32)
    if clip.dtype == np.uint8:
        return np.stack([_pixels(Image.fromarray(_flat(frame)), config) for frame in clip])
    if grey:
        clip = (clip @ np.float32([0.299, 0.587, 0.114]))[..., None]
    if size != (width, height):
        scaled = [[Image.fromarray(frame[..., k]).resize(size) for k in range(frame.shape[-1])] for frame in clip]
        clip = np.stack([np.stack([np.asarray(channel) for channel in frame], -1) for frame in scaled])
    return clip.clip(0, 1)


def _flat(frame: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(frame[..., 0] if frame.shape[-1] == 1 else frame)


def _size(frame: np.ndarray) -> str:
    kind = {1: "grey", 3: "colour"}.get(frame.shape[2], f"{frame.shape[2]} channels")
    return f"{frame.shape[1]}×{frame.shape[0]} {kind}"
