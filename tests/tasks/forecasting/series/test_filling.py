"""What filling does to a panel."""

import numpy as np
import polars as pl
import pytest
from helpers.series import read

from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series import filling, frames


def test_a_panel_is_filled_into_a_new_one():
    data = {"ds": [1, 2, 3, 4], "y": [1.0, None, 3.0, 4.0], "p": [None, 2.0, 3.0, 4.0]}
    config = SeriesConfig(fill="linear", past=("p",))
    panel, _ = frames.read(pl.DataFrame(data), config, filled=False)
    filled = filling.filled(panel, config)
    assert filled.y.tolist() == [1, 2, 3, 4]
    assert filled.wait.tolist() == [0, 1, 0, 0]
    assert np.isnan(panel.y).tolist() == [False, True, False, False]
    assert not panel.wait.any()
    assert np.isnan(filled.past[:, 0]).tolist() == [True, False, False, False], "a covariate may be missing"


@pytest.mark.parametrize(
    ("fill", "want"),
    [("forward", [1, 2, 2, 2, 5, 5, 7]), ("linear", [1, 2, 3, 4, 5, 6, 7]), ("zero", [1, 2, 0, 0, 5, 0, 7])],
)
def test_gaps_and_missing_values_are_filled_as_asked(fill, want):
    panel, _ = read(pl.DataFrame({"ds": [1, 2, 5, 6, 7], "y": [1.0, 2, 5, None, 7]}), fill=fill)
    assert panel.y.tolist() == want
    assert panel.seen.tolist() == [True, True, False, False, True, False, True]


def test_what_filling_takes_from_later_is_known_later():
    """Each filled value as it stood before the value after the gap; before the first value there is nothing."""
    data = pl.DataFrame({"ds": np.arange(7), "y": [None, 2.0, None, None, 5, 6, None]})
    panel, _ = read(data, fill="linear")
    assert panel.y.tolist() == [2, 2, 3, 4, 5, 6, 6]
    assert panel.cut(np.array([4])).y.tolist() == [2, 2, 2, 2]
    assert panel.cut(np.array([5])).y.tolist() == [2, 2, 3, 4, 5]
    assert panel.cut(np.array([1])).y.tolist() == [0]
    one = np.zeros(1, int)
    assert [panel.known_at(one, one + 3, one + cut)[0] for cut in (4, 5)] == [2, 4]
    assert read(data, fill="zero")[0].cut(np.array([4])).y.tolist() == [0, 2, 0, 0]


@pytest.mark.parametrize("fill", ["forward", "linear", "zero"])
def test_where_no_row_is_a_covariate_is_as_it_was(fill):
    """No row means none sold, not a price of 0; a cell without a value stays missing."""
    data = {"ds": [1, 2, 5], "y": [3.0, 4.0, 5.0], "p": [9.9, 9.9, 8.8], "f": [1.5, None, 1.7], "w": ["a", "b", "a"]}
    panel, _ = read(pl.DataFrame(data), fill=fill, past="p", future=("f", "w"))
    assert panel.y.tolist() == {"forward": [3, 4, 4, 4, 5], "linear": [3, 4, 4 + 1 / 3, 4 + 2 / 3, 5]}.get(
        fill, [3, 4, 0, 0, 5]
    )
    assert panel.past[:, 0].tolist() == [9.9, 9.9, 9.9, 9.9, 8.8]
    assert np.array_equal(panel.known[:, 0], [1.5, np.nan, np.nan, np.nan, 1.7], equal_nan=True)
    assert panel.known[:, 1].tolist() == [0, 1, 1, 1, 0]
    assert panel.words == [None, None, ["a", "b"]]
