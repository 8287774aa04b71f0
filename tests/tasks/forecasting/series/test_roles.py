"""Columns that are not called ds and y."""

import polars as pl
import pytest

from recurra.errors import DataError
from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series import frames, roles

MONTHS = ["2024-01", "2024-02", "2024-03"]


@pytest.mark.parametrize(
    ("data", "settings", "want"),
    [
        ({"Month": MONTHS, "Passengers": [1, 2, 3]}, {}, {"time_col": "Month", "target_col": "Passengers"}),
        ({"ds": MONTHS, "Passengers": [1, 2, 3]}, {}, {"target_col": "Passengers"}),
        ({"Month": MONTHS, "y": [1, 2, 3]}, {}, {"time_col": "Month"}),
        ({"Year": [1990, 1991, 1992], "lynx": [5, 6, 7]}, {}, {"time_col": "Year", "target_col": "lynx"}),
        ({"unique_id": [1, 1, 1], "when": MONTHS, "n": [1, 2, 3]}, {}, {"time_col": "when", "target_col": "n"}),
        (
            {"when": MONTHS, "n": [1, 2, 3], "price": [1, 2, 3]},
            {"past": ("price",)},
            {"time_col": "when", "target_col": "n"},
        ),
        ({"ds": MONTHS, "y": [1, 2, 3], "z": [1, 2, 3]}, {}, {}),
        ({"when": MONTHS, "n": [1, 2, 3], "m": [1, 2, 3]}, {}, {"time_col": "when"}),
        ({"when": MONTHS, "until": MONTHS, "n": [1, 2, 3]}, {}, {"target_col": "n"}),
        ({"a": [1, 2, 3], "b": [1, 2, 3]}, {}, {}),
        ({"when": MONTHS, "n": ["1", "2", "three"]}, {}, {"time_col": "when", "target_col": "n"}),
        ({"when": ["2024-01", "soon", "2024-03"], "n": [1, 2, 3]}, {}, {"time_col": "when", "target_col": "n"}),
        ({"when": MONTHS, "n": ["x", "y", "z"], "m": ["x", "y", "z"]}, {}, {"time_col": "when"}),
        ({"when": ["x", "y", "z"], "n": ["x", "y", "z"]}, {}, {}),
        ({"when": [], "n": []}, {}, {}),
    ],
    ids=str,
)
def test_one_column_of_stamps_and_one_of_numbers_are_found(data, settings, want):
    assert roles.found(pl.DataFrame(data), SeriesConfig(**settings)) == want


@pytest.mark.parametrize("name", ["2023-12", "31.01.2024", "1/2/2024", "Dec 2023"])
def test_a_table_without_names_is_refused(name):
    with pytest.raises(DataError, match=f"the first row has '{name}'; expected the names of the columns there"):
        roles.found(pl.DataFrame({name: MONTHS, "5": [1, 2, 3]}), SeriesConfig())


TWICE = MONTHS * 2


@pytest.mark.parametrize(
    ("data", "settings", "want"),
    [
        ({"ds": TWICE, "y": range(6), "shop": list("aaabbb")}, {}, "shop"),
        ({"ds": TWICE, "y": range(6), "shop": list("aaabbb"), "town": list("xxxyyy")}, {}, None),  # either may be
        ({"ds": TWICE, "y": range(6), "shop": list("aaabbb"), "kind": list("xxxxxx")}, {}, "shop"),
        ({"ds": TWICE, "y": range(6), "shop": list("aaaabb")}, {}, None),  # tells no rows apart
        ({"ds": TWICE, "y": range(6), "shop": [1, 1, 1, 2, 2, 2]}, {}, None),  # a number may be anything
        ({"ds": MONTHS, "y": range(3), "shop": list("abc")}, {}, None),
        ({"ds": TWICE, "y": range(6), "shop": list("aaabbb"), "unique_id": list("cccddd")}, {}, None),
        ({"ds": TWICE, "y": range(6), "shop": list("aaabbb")}, {"past": ("shop",)}, None),
        ({"ds": TWICE, "z": range(6), "shop": list("aaabbb")}, {}, None),
    ],
    ids=str,
)
def test_a_column_that_tells_equal_stamps_apart_names_the_series(data, settings, want):
    frame = pl.DataFrame({name: list(column) for name, column in data.items()})
    assert roles.name_of_series(frame, SeriesConfig(**settings), lambda: frame) == want


def test_all_rows_are_read_only_where_a_column_may_name_the_series():
    read = []
    for more in ({}, {"price": [1, 2, 3]}, {"unique_id": list("aaa"), "note": list("xyz")}):
        roles.name_of_series(
            pl.DataFrame({"ds": MONTHS, "y": [1, 2, 3]} | more), SeriesConfig(), lambda: read.append(1)
        )
    assert read == []
    head = pl.DataFrame({"ds": MONTHS, "y": [1, 2, 3], "shop": list("aaa")})  # the others come later
    whole = pl.DataFrame({"ds": TWICE, "y": [1, 2, 3] * 2, "shop": list("aaabbb")})
    assert roles.name_of_series(head, SeriesConfig(), lambda: whole) == "shop"


def test_amounts_that_may_be_two_numbers_are_the_target_still(tmp_path):
    (tmp_path / "a.csv").write_text("Tag;Filiale;Umsatz\n2024-01-30;a;1,234\n2024-01-30;b;2,345\n")
    found = roles.found(frames.load(tmp_path / "a.csv"), SeriesConfig())
    assert found == {"time_col": "Tag", "target_col": "Umsatz"}
