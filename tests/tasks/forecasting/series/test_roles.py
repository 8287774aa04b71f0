"""Columns that are not called ds and y."""

import polars as pl
import pytest

from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series import roles

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
        ({"when": MONTHS, "n": [1, 2, 3], "m": [1, 2, 3]}, {}, {}),
        ({"when": MONTHS, "until": MONTHS, "n": [1, 2, 3]}, {}, {}),
        ({"a": [1, 2, 3], "b": [1, 2, 3]}, {}, {}),
        ({"when": MONTHS, "n": ["1", "2", "three"]}, {}, {"time_col": "when", "target_col": "n"}),
        ({"when": ["2024-01", "soon", "2024-03"], "n": [1, 2, 3]}, {}, {"time_col": "when", "target_col": "n"}),
        ({"when": MONTHS, "n": ["x", "y", "z"], "m": ["x", "y", "z"]}, {}, {}),
        ({"when": ["x", "y", "z"], "n": ["x", "y", "z"]}, {}, {}),
        ({"when": [], "n": []}, {}, {}),
    ],
    ids=str,
)
def test_one_column_of_stamps_and_one_of_numbers_are_found(data, settings, want):
    assert roles.found(pl.DataFrame(data), SeriesConfig(**settings)) == want
