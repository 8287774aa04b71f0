"""Frequencies found in stamps."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import stamps

from recurra.errors import DataError
from recurra.tasks.forecasting.series import finding, frequency

NAMES = [
    "ns",
    "250us",
    "100ms",
    "s",
    "15min",
    "h",
    "2h",
    "D",
    "3D",
    "B",
    "W",
    "W-MON",
    "2W-TUE",
    "MS",
    "ME",
    "2MS",
    "QS",
]
NAMES += [
    "QS-FEB",
    "QE",
    "QE-FEB",
    "YS",
    "YS-APR",
    "YE",
    "YE-JUN",
    "BMS",
    "BME",
    "BQS-FEB",
    "BYE-JUN",
    "SME-15",
    "SMS-15",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_frequency_is_found_and_its_stamps_go_on(name):
    """As pandas has them: found in what pandas makes, and the same stamps again."""
    made = pd.date_range("2023-12-29 00:00", periods=40, freq=name).to_numpy().astype("datetime64[ns]")
    found = finding.find([made])
    assert str(found) == name
    assert frequency.parse(name) == found
    places, off = found.positions(made, made[0])
    assert places.tolist() == list(range(40))
    assert not off.any()
    assert np.array_equal(found.stamps(made[0], np.arange(40)), made)


def without(days, *gone):
    return days[~np.isin(days.astype("datetime64[D]"), np.array(gone, "datetime64[D]"))].astype("datetime64[ns]")


HOLIDAYS = ["2023-01-02", "2023-02-20", "2023-05-29", "2023-07-04", "2023-09-04", "2023-11-23", "2023-12-25"]


@pytest.mark.parametrize(
    ("week", "name"),
    [
        ("1111100", "B"),
        ("1111001", "Mon Tue Wed Thu Sun"),
        ("1111110", "Mon Tue Wed Thu Fri Sat"),
        ("1010100", "Mon Wed Fri"),
        ("0111110", "Tue Wed Thu Fri Sat"),
    ],
)
def test_weeks_with_holidays_are_found_by_their_days(week, name):
    days = without(np.busday_offset("2023-01-02", np.arange(200), roll="forward", weekmask=week), *HOLIDAYS)
    found = finding.find([days])
    assert str(found) == name
    places, off = found.positions(days, days[0])
    assert not off.any()
    gone = np.setdiff1d(np.arange(places[-1]), places)
    missing = found.stamps(days[0], gone).astype("datetime64[D]").astype(str).tolist()
    assert missing
    assert set(missing) <= set(HOLIDAYS)


@pytest.mark.parametrize("gone", [["2023-03-07"], ["2023-03-06"], ["2023-03-06", "2023-03-07"]])
def test_working_days_with_one_gap(gone):
    days = np.busday_offset("2023-02-27", np.arange(15))
    assert str(finding.find([without(days, *gone)])) == "B"


def test_a_week_is_no_frequency_where_it_could_be_chance():
    daily = np.arange("2023-01-02", "2023-01-20", dtype="datetime64[D]")
    assert str(finding.find([without(daily, "2023-01-08")])) == "D"
    assert str(finding.find([without(daily, "2023-01-07", "2023-01-08")])) == "D"
    assert str(finding.find([np.array(["2024-01-05", "2024-01-08", "2024-01-09"], "datetime64[ns]")])) in ("B", "D")
    assert str(finding.find([daily[:5].astype("datetime64[ns]")])) == "D"


@pytest.mark.parametrize(
    ("days", "name"),
    [
        (["2021-12-30", "2022-01-30", "2022-02-28", "2022-03-30"], "MS"),
        (["2022-02-28", "2022-03-30", "2022-04-30"], "MS"),
        (["2022-02-28", "2022-03-31", "2022-04-30"], "ME"),
        (["2022-01-15", "2022-02-15", "2022-03-15"], "MS"),
        (["2020-02-29", "2021-02-28", "2022-02-28"], "YE-FEB"),
        (["2020-05-30", "2020-08-30", "2020-11-30", "2021-02-28"], "QS-FEB"),
        (["2023-01-31", "2023-02-28", "2023-03-31", "2023-04-28"], "BME"),
    ],
)
def test_months_have_a_day_of_their_own(days, name):
    assert str(finding.find([stamps(*days)])) == name


def test_series_that_go_by_other_days_have_the_step_in_common():
    weeks = [
        pd.date_range(start, periods=9, freq="7D").to_numpy().astype("datetime64[ns]")
        for start in ("2024-01-01", "2024-01-02")
    ]
    assert str(finding.find(weeks)) == "W"
    quarters = [stamps("2024-01-01", "2024-04-01"), stamps("2024-02-01", "2024-05-01")]
    assert str(finding.find(quarters)) == "QS"


def test_numbers_that_count_are_no_dates():
    for numbers in ([1, 2, 3], [2019, 2020, 2021], [20240131, 20240132], [202312, 202313], [1700000000, 1700000060]):
        assert finding.find([np.array(numbers)]).unit == "int"
    with pytest.raises(DataError, match="look like days"):
        finding.find([np.array([20240131, 20240201])])
