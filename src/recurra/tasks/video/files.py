"""Frames from files: folders of images, animated GIFs, NumPy arrays, videos."""

import math
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from recurra import files
from recurra.errors import ConfigError, DataError, setting
from recurra.paths import expanded, kind_of, listed
from recurra.tasks.files import TABLES
from recurra.tasks.video import per_clip
from recurra.tasks.video.config import ClipsConfig

IMAGES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"))
VIDEOS = frozenset((".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v", ".ogv", ".wmv"))
CLIPS = VIDEOS | {".gif", ".npy"}
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,mpeg,mpegts,mpegvideo,ogg,asf,flv"
"""Those that FFmpeg may find a video in. Playlists are not among them: they have it open other files and addresses."""
_STEADY = 1.5  # times the shortest step between two frames: a longer one is no rounding of the times
_MB = 1_000_000
# Bytes that reading one pixel takes, beside the frames that were read: of an image the palette, the colours, and the page
# before; of a video its decoder's frames too.
_IMAGE, _VIDEO = 8, 24


def find(path: str | Path, skipped: Counter[str] | None = None) -> list[Path]:
    """What stands for a clip under a path: itself; or of a folder of clips, each video and folder of images, by name.

    skipped: what was left out of the folder, by reason, is counted here; tables, which hold the labels, are not.
    DataError if there is nothing.
    """
    skipped = Counter() if skipped is None else skipped
    path = expanded(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"there is no file or folder {path}")
    inside = listed(path, skipped)
    pictures = [child for child in inside if child.suffix.lower() in IMAGES]
    others = [child for child in inside if child.suffix.lower() in CLIPS]
    if pictures and others:
        raise DataError(
            f"the folder {path} has pictures, such as {pictures[0].name} ({len(pictures):,} in all), among clips, such as"
            f" {others[0].name} ({len(others):,}). Move the pictures to a folder of their own, which then is a clip, or name"
            " the clips"
        )
    found = pictures or [
        child for child in inside if child.suffix.lower() in CLIPS or (child.is_dir() and _images(child, skipped))
    ]
    for child in sorted(set(inside) - set(found)):
        if child.suffix.lower() not in TABLES:
            skipped["folders without pictures" if child.is_dir() else kind_of(child)] += 1
    if pictures:
        return [path]
    if not found:
        kinds = "images (.png, .jpg ...), videos (.mp4, .avi ...), .gif, .npy, or folders of images"
        raise DataError(f"the folder {path} has no clips in it; expected {kinds}")
    return found


def read(path: Path, config: ClipsConfig) -> np.ndarray:
    """One clip, (frames, height, width, channels) uint8, or as a .npy file has it. DataError if it is unreadable."""
    suffix = path.suffix.lower()
    if path.is_file() and suffix == ".npy":
        return _read_array(path, config)
    reader = _read_images if path.is_dir() or suffix in IMAGES | {".gif"} else _read_video
    frames, total = [], 0

    def check(width: int, height: int, each: int) -> None:
        _check_size(path, config, f"frame {len(frames) + 1} of {width}×{height}", total + each * width * height)

    for frame in reader(path, config, check):
        if frames and frame.shape[:2] != frames[0].shape[:2]:
            raise DataError(
                f"{path}: frame {len(frames) + 1} is {_size(frame)}, but the first is {_size(frames[0])};"
                " frames of a clip have one size"
            )
        frames.append(frame)
        total += 2 * frame.nbytes  # once here, and once more where they are put together
    if not frames:
        raise DataError(f"{path} has no frames in it")
    if len({frame.shape[2] for frame in frames}) > 1:  # a black frame or a fade is often saved without colour
        frames = [np.broadcast_to(frame, (*frame.shape[:2], 3)) for frame in frames]
    clip = np.stack(frames)
    if suffix == ".gif" and (clip == clip[..., :1]).all():  # the format has palettes and no grey
        clip = clip[..., :1]
    return clip


def _check_size(path: Path, config: ClipsConfig, what: str, needed: int) -> None:
    """DataError if reading takes more memory than the settings allow."""
    if needed > config.clip_memory * _MB:
        raise _too_large(path, config, f"{what} would take the clip to {needed / _MB:,.0f} MB of memory")


def _too_large(path: Path, config: ClipsConfig, what: str) -> DataError:
    return DataError(
        f"{path}: {what}; {setting('clip_memory', config.clip_memory)} allows {config.clip_memory:,} MB. Read fewer or smaller"
        f" frames, with {setting('every')}, {setting('shorter_side')} or {setting('grey')}, or raise that limit"
    )


def _images(folder: Path, skipped: Counter[str] | None = None) -> list[Path]:
    return sorted((child for child in listed(folder, skipped) if child.suffix.lower() in IMAGES), key=_by_number)


def _by_number(path: Path) -> tuple:
    """frame2 before frame10: runs of digits count as numbers."""
    import re

    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name))


def _read_images(path: Path, config: ClipsConfig, check) -> Iterator[np.ndarray]:
    """check: called with the width and height of a picture and the bytes of each pixel, before it takes them."""
    for place in (_images(path) if path.is_dir() else [path])[:: config.every if path.is_dir() else 1]:
        with files.source(place) as file:
            yield from _pages(place, file, config, check, whole=not path.is_dir())


def _pages(path: Path, file: BinaryIO, config: ClipsConfig, check, whole: bool) -> Iterator[np.ndarray]:
    """The pictures of a file; of one in a folder of images, which is a frame itself, the first alone."""
    from PIL import Image, ImageSequence

    every = config.every if whole else 1

    limit = Image.MAX_IMAGE_PIXELS
    # Some formats allocate a page when they go to it, which is before anybody has seen its size.
    Image.MAX_IMAGE_PIXELS = config.clip_memory * _MB // _IMAGE
    try:
        with files.decoding(path, "image"):
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            try:
                with Image.open(file) as image:
                    for number, page in enumerate(ImageSequence.Iterator(image) if whole else [image]):
                        check(*page.size, _IMAGE)
                        if number % every == 0:
                            yield _pixels(page, config)
            except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
                raise _too_large(path, config, "a picture in it is too large") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _pixels(image: Any, config: ClipsConfig) -> np.ndarray:
    """(height, width, 1 or 3) uint8."""
    from PIL import ImageOps

    grey = config.grey or image.mode in ("1", "L", "LA")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):  # I;16B, I;16L and I;16N too
        raise ValueError(f"its pixels are of the kind {image.mode!r}; expected 8 bits a colour")
    image = ImageOps.exif_transpose(_seen(image)).convert("L" if grey else "RGB")  # a camera may have been held upright
    image = image.resize(_smaller(*image.size, config)) if config.shorter_side else image
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _seen(image: Any) -> Any:
    """What a viewer shows of an image: over black, where it is transparent. What lies there may be anything."""
    from PIL import Image

    transparent = image.info.get("transparency")
    if image.mode == "RGB" and not isinstance(
        transparent, tuple
    ):  # of a GIF's later frames it is a number of no palette
        return image
    if transparent is None and image.mode not in ("RGBA", "LA", "PA", "RGBa", "La"):
        return image
    above = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), above).convert("RGB")


def _read_video(path: Path, config: ClipsConfig, check) -> Iterator[np.ndarray]:
    """check: as in `_read_images`."""
    try:
        import av
    except ImportError as error:
        raise ConfigError("reading videos needs PyAV. Install it: pip install 'recurra[video]'") from error
    options = {"format_whitelist": FORMATS, "max_pixels": str(config.clip_memory * _MB // _VIDEO)}
    how = {"options": options, "metadata_errors": "replace", "io_open": _refuse_to_open}
    times: list[float] = []
    with files.source(path) as file, files.decoding(path, "video"), av.open(file, **how) as container:
        if not container.streams.video:
            raise DataError(f"{path} has no pictures in it; expected a video")
        if cut := per_clip.missing(path):
            raise DataError(
                f"{path} is cut off: it has {cut[0]:,} of the {cut[1]:,} bytes that its head promises; copy it again, or keep"
                f" what there is: ffmpeg -i {path.name} -c copy rest{path.suffix}"
            )
        stream = container.streams.video[0]
        check(stream.width, stream.height, _VIDEO)
        shape = stream.sample_aspect_ratio
        stream.thread_type = "AUTO"
        for number, frame in enumerate(container.decode(stream)):
            check(frame.width, frame.height, _VIDEO)
            times += [] if frame.time is None else [frame.time]
            if number % config.every == 0:
                width, height = _smaller(frame.width, frame.height, config)
                frame = frame.reformat(width, height, "gray" if config.grey else "rgb24")
                pixels, turn = frame.to_ndarray(), getattr(frame, "rotation", 0)  # an old PyAV has none
                pixels = pixels[..., None] if pixels.ndim == 2 else pixels
                yield pixels if turn % 90 else np.ascontiguousarray(np.rot90(pixels, turn // 90))

    _report(path, times, shape)


def _report(path: Path, times: list[float], shape: Any) -> None:
    """Warn of frames that are not shown as they are stored. times: of the frames, in seconds. shape: of a pixel, its width by
    its height."""
    steps = np.diff(times)
    steps = steps[steps > 0]
    if len(steps) and steps.max() > _STEADY * steps.min():
        warnings.warn(
            f"{path}: its frame rate changes, from {1 / steps.max():.3g} to {1 / steps.min():.3g} a second; the frames are"
            " taken one by one, as they are stored",
            stacklevel=2,
        )
    if shape and shape != 1:
        warnings.warn(
            f"{path}: its pixels are not square, {shape.numerator}:{shape.denominator}; the frames are taken as they are"
            f" stored, {'narrower' if shape > 1 else 'wider'} than they are shown",
            stacklevel=2,
        )


def _refuse_to_open(url: str, *_: Any) -> None:
    raise ValueError(f"it has another file opened, {url!r}")


def _smaller(width: int, height: int, config: ClipsConfig) -> tuple[int, int]:
    side = min(width, height)
    if not config.shorter_side or side <= config.shorter_side:
        return width, height
    return round(width * config.shorter_side / side), round(height * config.shorter_side / side)


def _read_array(path: Path, config: ClipsConfig) -> np.ndarray:
    with files.source(path, most=1 << 60) as file:
        start = file.read(6)
        if start[:2] == b"PK":
            raise _no_array(path, "it holds several arrays; expected one, (frames, height, width[, colours])")
        if start != b"\x93NUMPY":
            raise _no_array(path, "it does not begin as such files do. Write one with numpy.save")
        shape, _, dtype = _array_header(path, file)
        if dtype.hasobject:  # NumPy's message would advise to load objects, which can run code
            raise _no_array(path, "it holds Python objects; expected numbers")
        needed = math.prod(shape) * dtype.itemsize
        if needed > path.stat().st_size - file.tell():
            raise _no_array(path, f"it is cut off or damaged: {shape} {dtype} is longer than the file. Write it again")
        if len(shape) not in (3, 4):
            raise DataError(f"{path} holds {shape}; expected (frames, height, width[, colours])")
        _check_size(path, config, f"{shape} {dtype}", needed)
        file.seek(0)
        with files.decoding(path, "array of numbers"):
            frames = np.load(file, allow_pickle=False)
    return _array_pixels(frames[:: config.every], config)


def _array_header(path: Path, file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    file.seek(0)
    read = {1: np.lib.format.read_array_header_1_0}
    with files.decoding(path, "array of numbers"):
        return read.get(np.lib.format.read_magic(file)[0], np.lib.format.read_array_header_2_0)(file)


def _no_array(path: Path, why: str) -> DataError:
    return DataError(f"{path} is not an array of numbers that can be read: {why}")


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
