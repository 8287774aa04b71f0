"""Dates as people write them."""

import datetime

import pytest

from recurra.errors import DataError
from recurra.tasks.forecasting.series import dates

DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=k) for k in range(40)]
MONTHS = [datetime.date(2022 + k // 12, k % 12 + 1, 1) for k in range(30)]
WEEKS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=7 * k) for k in range(40)]


@pytest.mark.parametrize("days", [DAYS, WEEKS, MONTHS], ids=["days", "weeks", "months"])
@pytest.mark.parametrize(
    "form",
    ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%y", "%d %b %Y", "%d-%b-%y", "%B %d, %Y"],
)  # fmt: skip
def test_a_column_of_days_is_read_whatever_its_form(days, form):
    assert dates.iso([f"{day:{form}}" for day in days], "the column 'd'") == [str(day) for day in days]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["2/1/2024 14:30", "2/13/2024 14:30"], ["2024-02-01 14:30:00", "2024-02-13 14:30:00"]),
        (["1/31/2024 2:05 PM"], ["2024-01-31 14:05:00"]),
        (["31.01.2024 14:05:09"], ["2024-01-31 14:05:09"]),
        (["2024Q1", "2024-Q2", "2024 q3"], ["2024-01", "2024-04", "2024-07"]),
        (["Q4 2024", "Q1/2025"], ["2024-10", "2025-01"]),
        (["Jan 2024", "Feb 2024"], ["2024-01", "2024-02"]),
        (["January 2024"], ["2024-01"]),
        (["03/2024", "4/2024"], ["2024-03", "2024-04"]),
        ([" 31.01.2024 ", "31.01.2024"], ["2024-01-31", "2024-01-31"]),
        (["Dec-29", "Jan-30"], ["2029-12", "1930-01"]),  # as spreadsheets have two digits
        (["01.06.49", "01.07.49", "31.12.60"], ["1949-06-01", "1949-07-01", "1960-12-31"]),
        ([f"{day:%y.%m.%d}" for day in DAYS], [str(day) for day in DAYS]),
        ([f"{day:%y/%m/%d}" for day in DAYS], [str(day) for day in DAYS]),
        ([f"{day:%d.%m.%y}" for day in DAYS], [str(day) for day in DAYS]),
        (["1/1/2024"], ["2024-01-01"]),  # both readings are one
        (["soon", "1/31/2024"], None),
        (["31.02.2024"], None),
        (["1.2024"], None),  # a number
        (["Q5 2024"], None),
        ([""], None),
        ([], None),
    ],
)
def test_other_forms(cells, found):
    assert dates.iso(cells, "the column 'd'") == found


@pytest.mark.parametrize("cells", [[f"{day:%y.%m.%d}" for day in DAYS[:12]], [f"{day:%d.%m.%y}" for day in DAYS[:12]]])
def test_a_year_of_two_digits_that_may_be_a_day_is_refused(cells):
    words = r"as day.month.year and \d{4}-\d\d-\d\d as year.month.day; write dates as"
    with pytest.raises(DataError, match=words):
        dates.iso(cells, "the column 'd'")


@pytest.mark.parametrize(
    ("cells", "count"),
    [
        (["31.01.2024", "01.02.2024", "Total"], 2),
        (["1/2/2024", "1/13/2024", "13/1/2024"], 2),
        (["Total", "31.01.2024"], 0),
        (["2024Q1", "2024Q2"], 2),
        ([], 0),
    ],
)
def test_how_many_cells_are_of_one_form(cells, count):
    assert dates.reach(cells) == count


@pytest.mark.parametrize(
    "cells",
    [["2/3/2024"], [f"{k}/1/2024" for k in range(1, 13)], ["2/3/2024", "7/8/2025", "1/12/2031"]],
    ids=["one", "regular both ways", "irregular both ways"],
)
def test_day_and_month_that_nothing_tells_apart_are_refused(cells):
    words = r"the column 'd' has '2/.*', which is 2024-\d\d-\d\d as day/month/year and 2024-\d\d-\d\d as month/day/year; write"
    with pytest.raises(DataError, match=words):
        dates.iso(cells, "the column 'd'")
