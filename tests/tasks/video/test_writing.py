"""Clips written: every frame, in colour, numbers of any type."""

import numpy as np
import pytest
from helpers.video_clips import NOISE
from PIL import Image

from recurra.errors import ConfigError, DataError, ShapeError
from recurra.tasks.video import read_clips, write_frames

random = np.random.default_rng(0)


def test_colour_is_written_and_read(tmp_path):
    frames = np.zeros((2, 12, 12, 3))
    frames[0, :, :, 0] = frames[1, :, :, 2] = 1
    write_frames(tmp_path / "a.gif", frames)
    assert np.array_equal(read_clips(tmp_path / "a.gif")[0], (frames * 255).astype(np.uint8))
    write_frames(tmp_path / "a.npy", frames.astype(np.float32))
    assert read_clips(tmp_path / "a.npy")[0].dtype == np.float32


@pytest.mark.parametrize("colours", [(), (3,)], ids=["grey", "colour"])
def test_frames_that_repeat_are_kept(tmp_path, colours):
    few = random.integers(0, 256, (3, 5, 7, *colours), np.uint8)
    for order in ([0] * 6, [0, 0, 1, 1, 1, 2, 0, 0], [1]):
        write_frames(tmp_path / "a.gif", few[order])
        (clip,) = read_clips(tmp_path / "a.gif")
        assert np.array_equal(clip.reshape(-1, 5, 7, *colours), few[order])
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["duration"] == 100


def test_numbers_of_any_type_are_written_or_refused(tmp_path):
    want = NOISE[0]
    for kind in (np.int64, np.uint16, np.int16):
        for name in ("a.gif", "a.npy"):
            write_frames(tmp_path / name, want.astype(kind))
            assert np.array_equal(read_clips(tmp_path / name)[0][..., 0], want), (kind, name)
    write_frames(tmp_path / "b.gif", [[[0, 1]], [[1, 0]]])
    assert read_clips(tmp_path / "b.gif")[0].ravel().tolist() == [0, 255, 255, 0]
    write_frames(tmp_path / "E.NPY", want)
    assert np.array_equal(read_clips(tmp_path / "E.NPY")[0][..., 0], want)
    for name in ("c.gif", "c.npy"):
        for bad, words in {
            "floats": (want * 1.0, r"`frames` holds numbers from 0 to 255; .*divide by 255"),
            "large": (want.astype(int) * 2, "`frames` holds numbers from 0 to 510"),
            "below": (want.astype(int) - 9, "`frames` holds numbers from -9 to 246"),
            "none": (want[:0], "`frames` is empty: 0 frames of 20×16"),
            "nothing": ([], r"`frames` is \(0,\); expected \(frames, height, width"),
            "unequal": ([want[0], want[0, 1:]], "`frames` has frames of unequal size"),
        }.values():
            with pytest.raises((DataError, ShapeError), match=words):
                write_frames(tmp_path / name, bad)
        for seconds in (-1, float("nan"), 1e6):
            with pytest.raises(
                ConfigError, match=r"`seconds` is .*; expected the time of a frame, from 0 to 655 seconds"
            ):
                write_frames(tmp_path / name, want, seconds=seconds)
        assert not (tmp_path / name).exists()
