"""The settings that a request of the page trains with."""

import pytest

from recurra.studio.settings import training_settings


@pytest.mark.parametrize(
    ("given", "more", "expected"),
    [
        ({}, {}, ("default", {"minutes": 1.0})),
        ({"epochs": 3}, {}, ("default", {"epochs": 3})),
        ({"minutes": 2.0, "lr": 0.01}, {}, ("default", {"minutes": 2.0, "lr": 0.01})),
        ({}, {"minutes": 3.0}, ("default", {"minutes": 3.0})),
        ({}, {"tuning": True}, ("demo", {"minutes": 1.0})),
        ({"preset": "tiny"}, {"tuning": True}, ("tiny", {})),
    ],
)
def test_a_minute_by_the_recipe_unless_something_else_is_set(given, more, expected):
    assert training_settings(given, **more) == expected
