"""Moving digits."""

import numpy as np
import pytest

from recurra.errors import ConfigError, DtypeError, ShapeError
from recurra.tasks.video import moving_digits
from recurra.tasks.video.moving import HEADINGS


def test_moving_digits_move_straight_and_bounce():
    dot = np.full((1, 1, 1), 200, np.uint8)
    made = moving_digits(dot, 40, size=33, frames=30, digits=1, eight=True, speed=1 / 16, seed=3)
    assert made.clips.shape == (40, 30, 33, 33)
    lines, columns = (np.array([[np.argwhere(frame)[0][k] for frame in clip] for clip in made.clips]) for k in (0, 1))
    for clip in range(40):
        step = lines[clip, 1] - lines[clip, 0], columns[clip, 1] - columns[clip, 0]
        name = ("N" if step[0] < 0 else "S" if step[0] > 0 else "") + (
            "W" if step[1] < 0 else "E" if step[1] > 0 else ""
        )
        assert name == HEADINGS[made.headings[clip, 0]]
    assert np.abs(np.diff(lines, axis=1)).max() <= 3
    assert {0, 32} <= set(lines.ravel()) & set(columns.ravel()), "the edges are reached"
    both = moving_digits(np.full((1, 20, 20), 100, np.uint8), 5, size=24, frames=4, seed=1)
    assert both.clips.max() == 100, "overlaps take the larger value"
    again = moving_digits(np.full((1, 20, 20), 100, np.uint8), 5, size=24, frames=4, seed=1)
    assert np.array_equal(both.clips, again.clips)
    with pytest.raises(ShapeError, match="smaller than the canvas of 20"):
        moving_digits(np.zeros((1, 20, 20)), 1, size=20)
    for options, error, words in (
        ({"speed": 3}, ConfigError, "`speed` is 3; expected a speed from 0 to 1"),
        ({"frames": 0}, ConfigError, "`frames` is 0; expected a whole number, 1 or more"),
        ({"digits": 1.5}, ConfigError, r"`digits` is 1\.5; expected a whole number"),
        ({"pairs": [[0, 1]]}, ShapeError, r"`pairs` is \(1, 2\); expected \(1, 2\), numbers of the 1 images"),
        ({"pairs": [0, 0]}, ShapeError, r"`pairs` is \(2,\); expected \(1, 2\)"),
    ):
        with pytest.raises(error, match=words):
            moving_digits(dot, 1, **options)
    with pytest.raises(DtypeError, match="`images` is float64; expected uint8, 0 to 255"):
        moving_digits(dot / 255, 1)
    with pytest.raises(ShapeError, match=r"`images` is \(0, 4, 4\)"):
        moving_digits(np.zeros((0, 4, 4), np.uint8), 1)
