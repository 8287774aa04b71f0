"""Moving digits: clips made of still images that drift over a black canvas and bounce at its edges.

The recipe of Srivastava, Mansimov & Salakhutdinov 2015, arXiv:1502.04681: random starts, each at a constant random velocity,
overlaps take the larger value.
"""

import math
from typing import NamedTuple

import numpy as np

from recurra.config import whole
from recurra.errors import ConfigError, DtypeError, ShapeError

HEADINGS = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")


class Moving(NamedTuple):
    """Clips, and what is in them."""

    clips: np.ndarray  # (count, frames, size, size) uint8
    images: np.ndarray  # (count, digits) numbers of the images
    headings: np.ndarray  # (count, digits) into HEADINGS: where each goes as the clip begins


def moving_digits(
    images: np.ndarray,
    count: int,
    *,
    size: int = 64,
    frames: int = 20,
    digits: int = 2,
    speed: float = 0.1,
    eight: bool = False,
    seed: int = 0,
    pairs: np.ndarray | None = None,
) -> Moving:
    """Clips of images that move: `moving_digits(images, 100).clips.shape` → (100, 20, 64, 64).

    images: (n, height, width) uint8, light on black. count: clips. size: side of the canvas, in pixels. frames: of each clip.
    digits: images in a clip. speed: pixels a frame, as a fraction of the room that an image has to move in. eight: only the
    eight directions of HEADINGS, in place of any angle. pairs: (count, digits) which images to take; default random ones.

    ShapeError if the images are not smaller than the canvas or pairs are of others, DtypeError if they are not uint8,
    ConfigError for invalid numbers.
    """
    images = np.asarray(images)
    if images.ndim != 3 or not len(images) or max(images.shape[1:]) >= size:
        raise ShapeError(f"`images` is {images.shape}; expected (n, height, width), smaller than the canvas of {size}")
    if images.dtype != np.uint8:
        raise DtypeError(f"`images` is {images.dtype}; expected uint8, 0 to 255: (255 * images).astype(np.uint8)")
    for name, value in {"count": count, "frames": frames, "digits": digits}.items():
        whole(name, value, "a whole number, 1 or more")
    if not 0 <= speed <= 1:
        raise ConfigError(f"`speed` is {speed!r}; expected a speed from 0 to 1")
    if pairs is not None and (np.shape(pairs) != (count, digits) or np.min(pairs) < 0 or np.max(pairs) >= len(images)):
        raise ShapeError(
            f"`pairs` is {np.shape(pairs)}; expected {(count, digits)}, numbers of the {len(images)} images"
        )
    random = np.random.default_rng(seed)
    chosen = random.integers(0, len(images), (count, digits)) if pairs is None else np.asarray(pairs)
    height, width = images.shape[1:]
    angle = random.random((count, digits)) * 2 * math.pi
    angle = np.round(angle / (math.pi / 4)) * (math.pi / 4) if eight else angle
    start = random.random((2, count, digits))
    # Straight lines, folded at the edges, are what bouncing comes to: 0 to 1 and back to 0 is one period of 2.
    direction = np.stack([-np.sin(angle), np.cos(angle)])  # lines count downwards
    if eight:  # a digit that would bounce before it is seen to move starts from the other side
        ahead = start + speed * direction
        start = np.where((ahead < 0) | (ahead > 1), 1 - start, start)
    path = start[None] + speed * direction[None] * np.arange(frames)[:, None, None, None]
    place = 1 - np.abs(path % 2 - 1)
    room = np.array([size - height, size - width])[:, None, None]
    corner = np.round(place * room).astype(int)  # (frames, 2, count, digits)
    clips = np.zeros((count, frames, size, size), np.uint8)
    for clip in range(count):
        for digit in range(digits):
            image = images[chosen[clip, digit]]
            for t in range(frames):
                line, column = corner[t, :, clip, digit]
                window = clips[clip, t, line : line + height, column : column + width]
                np.maximum(window, image, out=window)
    headings = np.round(angle / (math.pi / 4)).astype(int) % 8
    return Moving(clips, chosen, headings)
