"""Frequencies: found, named, and how their stamps go on."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import stamps

from recurra.errors import ConfigError, DataError
from recurra.tasks.forecasting.series import frequency


@pytest.mark.parametrize("name", ["15min", "h", "2h", "D", "3D", "B", "W", "MS", "ME", "2MS", "QS", "QE", "YS", "YE"])
def test_a_frequency_is_found_and_its_stamps_go_on(name):
    """As pandas has them: found in what pandas makes, and the same stamps again."""
    made = pd.date_range("2023-12-29 00:00", periods=40, freq=name).to_numpy().astype("datetime64[ns]")
    found = frequency.find([made])
    assert str(found) == name
    places, off = found.positions(made, made[0])
    assert places.tolist() == list(range(40))
    assert not off.any()
    assert np.array_equal(found.stamps(made[0], np.arange(40)), made)


def test_frequencies_by_name_and_their_seasons():
    seasons = {"h": 24, "15min": 96, "30min": 48, "2h": 12, "D": 7, "B": 5, "W": 52, "MS": 12, "QS": 4, "YS": 1, "1": 1}
    assert {name: frequency.parse(name).season for name in seasons} == seasons
    assert str(frequency.parse("H")) == "h"
    assert str(frequency.parse("60min")) == "60min"
    with pytest.raises(ConfigError, match="`freq` is 'hourly'; expected one of: s, min, h"):
        frequency.parse("hourly")


def test_months_of_any_day_follow_each_other():
    monthly = frequency.parse("MS")
    first = stamps("2024-01-31 06:00")[0]
    assert np.array_equal(
        monthly.stamps(first, np.arange(3)), stamps("2024-01-31T06", "2024-02-29T06", "2024-03-31T06")
    )


def test_stamps_end_where_nanoseconds_do():
    for name in ("D", "B", "MS", "ME"):
        with pytest.raises(DataError, match=r"the steps ahead reach 226\d-\d\d-\d\d; stamps lie from 1677-09-22"):
            frequency.parse(name).stamps(stamps("2262-03-30")[0], np.arange(30))
