"""The same clip in every kind of file, for the tests of video."""

from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image

from recurra.tasks.video import write_frames


def clips_in(folder: Path) -> np.ndarray:
    """Write the same three frames as images, a GIF, an array, and a video; returns them."""
    frames = np.stack([np.full((16, 24), 80 * k, np.uint8) for k in range(3)])
    frames[:, :8] = 255
    (folder / "images").mkdir()
    for number, frame in zip((1, 2, 10), frames, strict=True):
        Image.fromarray(frame).save(folder / f"images/f{number}.png")
    write_frames(folder / "clip.gif", frames)
    write_frames(folder / "clip.npy", frames)
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 24, 16, "yuv420p"
        stream.bit_rate = 10**6
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    return frames


def counting(frames: int, size: int = 8) -> np.ndarray:
    """A clip whose pixels are the frame's number."""
    return np.tile(np.arange(frames, dtype=np.uint8)[:, None, None], (1, size, size))


NOISE = np.random.default_rng(0).integers(0, 256, (12, 6, 16, 20), np.uint8)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
