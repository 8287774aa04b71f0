"""How fast this machine trains a cell."""

import pytest

from recurra.studio.jobs import speed


def test_speed_between_the_measured_sizes():
    points = [[100, 1e-6], [10_000, 1e-4]]
    assert speed.seconds_a_token(points, 10) == 1e-6
    assert speed.seconds_a_token(points, 1000) == pytest.approx(1e-5)
    assert speed.seconds_a_token(points, 20_000) == pytest.approx(2e-4)


@pytest.mark.parametrize("content", ["", "[]", 100_000 * "["], ids=["empty", "list", "deep"])
def test_a_damaged_file_of_speeds_is_as_none(tmp_path, content):
    (tmp_path / speed.FILE).write_text(content)
    assert speed.Speeds(tmp_path, []).get("gru", quiet=False) is None


@pytest.mark.slow
def test_this_machines_speed_is_measured_once(tmp_path):
    speeds = speed.Speeds(tmp_path, [])
    found = speeds.get("gru", wait=600)
    assert len(found["points"]) == 3
    assert all(seconds > 0 for _, seconds in found["points"])
    assert speed.Speeds(tmp_path, []).get("gru", quiet=False) == found
