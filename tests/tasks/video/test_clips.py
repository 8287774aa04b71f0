"""Clips from arrays and files, and those that are refused."""

import numpy as np
import pytest
from helpers.video_clips import NOISE

from recurra.errors import DataError, DtypeError, ShapeError
from recurra.tasks.video import read_clips


@pytest.mark.parametrize(
    ("clips", "kind", "words"),
    [
        ([], DataError, "`clips` is empty: there are no clips"),
        (7, DtypeError, "`clips` is int; expected an array, a list of clips, or a path"),
        (NOISE[0], ShapeError, r"looks like one clip (frames, height, width)"),
        (NOISE[0][..., None].repeat(3, -1), ShapeError, "looks like one clip (frames, height, width, colours)"),
        (
            [NOISE[0], NOISE[1][:, :-1]],
            ShapeError,
            "`clips[1]` has frames of 20×15 in grey, but `clips[0]` of 20×16 in grey",
        ),
        ([[NOISE[0, 0], NOISE[0, 1, :-1]]], ShapeError, "`clips[0]` has frames of unequal size"),
        ([NOISE[0] * np.nan], DataError, "`clips[0]` holds NaN or infinity, first in frame 0 at pixel (0, 0)"),
        ([NOISE[0] * 1.0], DataError, "expected uint8, or from 0 to 1: divide by 255"),
        ([NOISE[0] - 300.0], DataError, "holds numbers from -300"),
        ([NOISE[0, 0]], ShapeError, "`clips[0]` is (16, 20); expected (frames, height, width)"),
        ([NOISE[:1, :0]], ShapeError, "channels; expected 1 (grey) or 3 (colour)"),
        ([NOISE[0, :0]], DataError, "`clips[0]` is empty: 0 frames of 20×16"),
        ([np.array([["a"]])], DtypeError, "`clips[0]` holds <U1; expected pixels"),
        (np.zeros((2, 2)), ShapeError, "`clips` is (2, 2); expected (clips, frames, height, width"),
        ("nowhere", DataError, "there is no file or folder nowhere"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_clips_that_cannot_be(clips, kind, words):
    with pytest.raises(kind) as caught:
        read_clips(clips)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
