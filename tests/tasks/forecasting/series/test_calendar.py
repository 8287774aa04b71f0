"""Features of the calendar."""

import numpy as np
import pytest
from helpers.series import stamps

from recurra.tasks.forecasting.series import calendar, frequency


def test_calendar_features_are_where_the_stamp_is():
    hourly = frequency.parse("h")
    assert calendar.names(hourly) == ["day", "week", "month", "year"]
    found = calendar.features(stamps("2024-01-01 06:00", "2024-01-04 12:00"), hourly)
    angles = np.arctan2(found[:, :4], found[:, 4:]) % (2 * np.pi) / (2 * np.pi)
    # 06:00; Monday; the 1st; 1 January. 12:00; Thursday; the 4th of 31; the 4th of 366.
    assert angles[0] == pytest.approx([0.25, 0, 0, 0], abs=1e-6)
    assert angles[1] == pytest.approx([0.5, 3 / 7, 3 / 31, 3 / 366], abs=1e-6)
    assert calendar.names(frequency.parse("MS")) == ["year"]
    assert calendar.names(frequency.parse("YS")) == calendar.names(frequency.parse("1")) == []
