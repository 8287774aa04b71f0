"""Frequencies: found, named, and how their stamps go on."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import stamps

from recurra.errors import ConfigError, DataError
from recurra.tasks.forecasting.series import frequency


def test_other_names_and_offsets_of_pandas():
    names = {
        "H": "h",
        "L": "ms",
        "0.1s": "100ms",
        "BM": "BME",
        "sun mon tue wed thu": "Mon Tue Wed Thu Sun",
        "M-": None,
    }
    names |= {"Mon,Tue,Wed,Thu,Fri": "B", "QS-OCT": "QS-OCT", "24h": "24h"}
    assert {name: str(frequency.parse(name)) for name in names if names[name]} == {n: w for n, w in names.items() if w}
    offsets = {
        pd.offsets.MonthEnd(): "ME",
        pd.DateOffset(months=3): "3MS",
        pd.offsets.Week(weekday=0): "W-MON",
        pd.Timedelta("90min"): "90min",
        pd.offsets.CustomBusinessDay(weekmask="Mon Tue Wed Thu Fri Sat"): "Mon Tue Wed Thu Fri Sat",
    }
    assert [frequency.name(offset) for offset in offsets] == list(offsets.values())
    for offset in (pd.offsets.BusinessHour(), pd.offsets.CustomBusinessDay(holidays=["2024-01-01"])):
        with pytest.raises(ConfigError, match="has no name that a run could keep its days by; take B, or a week"):
            frequency.parse(offset)
    for wrong in ("-1D", "0D", "W-XXX", "M-", None, "", float("nan")):
        with pytest.raises(ConfigError, match="`freq` is "):
            frequency.parse(wrong)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MS", "1,200 months"),
        ("QS-OCT", "1,200 quarters"),
        ("W-MON", "1,200 weeks"),
        ("B", "1,200 working days"),
        ("15min", "1,200 steps of 15 minutes"),
        ("1", "1,200 steps"),
        ("7", "1,200 steps of 7"),
        ("BMS", "1,200 steps of BMS"),
        ("Mon Tue Sun", "1,200 steps of Mon Tue Sun"),
        ("ms", "1,200 steps of ms"),
    ],
)
def test_so_many_steps_as_people_say_it(name, words):
    steps = frequency.parse(name)
    assert steps.words(1200) == steps.words(1200, 1200) == words
    assert steps.words(60, 70) == words.replace("1,200", "60 to 70")


def test_one_step_has_no_plural():
    assert frequency.parse("h").words(1) == "1 hour"
    assert frequency.parse("2h").words(1) == "1 step of 2 hours"


@pytest.mark.parametrize("name", ["W-MON", "QS-OCT", "QE-NOV", "YS-APR", "BME", "B"])
def test_stamps_off_the_days_that_a_name_has_are_seen(name):
    freq = frequency.parse(name)
    made = pd.date_range("2024-01-01", periods=9, freq=name).to_numpy().astype("datetime64[ns]")
    wrong = made + (np.timedelta64(12, "h") if name == "B" else np.timedelta64(1, "D"))
    off = freq.positions(np.concatenate([made, wrong]), made[0])[1]
    assert not off[:9].any()
    assert off[9:].all() or name.startswith(("QS", "YS"))
    if name.startswith(("QS", "YS")):
        month = made + np.timedelta64(31, "D")
        assert freq.positions(month, made[0])[1].all()


@pytest.mark.parametrize("name", ["B", "BME", "W-MON", "MS", "h"])
def test_a_clock_stays(name):
    made = pd.date_range("2024-01-01 16:30", periods=9, freq=name).to_numpy().astype("datetime64[ns]")
    freq = frequency.parse(name)
    assert freq.positions(made, made[0])[0].tolist() == list(range(9))
    assert np.array_equal(freq.stamps(made[0], np.arange(9)), made)


def test_frequencies_by_name_and_their_seasons():
    seasons = {"h": 24, "15min": 96, "30min": 48, "2h": 12, "D": 7, "B": 5, "W": 52, "MS": 12, "QS": 4, "YS": 1, "1": 1}
    assert {name: frequency.parse(name).season for name in seasons} == seasons
    assert str(frequency.parse("H")) == "h"
    assert str(frequency.parse("60min")) == "60min"
    with pytest.raises(ConfigError, match="`freq` is 'hourly'; expected one of: ns, us, ms, s, min, h"):
        frequency.parse("hourly")


def test_months_of_any_day_follow_each_other():
    monthly = frequency.parse("MS")
    first = stamps("2024-01-31 06:00")[0]
    assert np.array_equal(
        monthly.stamps(first, np.arange(3)), stamps("2024-01-31T06", "2024-02-29T06", "2024-03-31T06")
    )


def test_stamps_end_where_nanoseconds_do():
    for name in ("D", "B", "MS", "ME", "BME"):
        with pytest.raises(DataError, match=r"the steps ahead reach 226\d-\d\d-\d\d; stamps lie from 1677-09-22"):
            frequency.parse(name).stamps(stamps("2262-03-30")[0], np.arange(30))
