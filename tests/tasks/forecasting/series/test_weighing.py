"""Weights of series, read from a column or a mapping."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.series import read

from recurra.errors import ConfigError, DataError
from recurra.tasks.forecasting import settings

FRAME = pl.DataFrame({"unique_id": ["b", "a", "b", "a"], "ds": [2, 1, 1, 2], "y": [1.0, 2.0, 3.0, 4.0]})


@pytest.mark.parametrize("weights", ["w", {"a": 0, "b": 2.5}, pd.Series({"a": 0, "b": 2.5})], ids=type)
def test_a_column_and_a_mapping_say_the_same(weights):
    frame = FRAME.with_columns(w=pl.Series([2.5, 0, 2.5, 0]))
    assert read(frame, weights=weights).panel.weights.tolist() == [0.0, 2.5]


def test_what_a_mapping_leaves_out_counts_1_and_a_name_may_be_a_number():
    frame = FRAME.with_columns(unique_id=pl.Series([7, 8, 7, 8]))
    assert read(frame, weights={8: 3}).panel.weights.tolist() == [1.0, 3.0]
    assert read(frame).panel.weights.tolist() == [1.0, 1.0]
    panel = read(frame, weights={"8": 3}).panel
    assert panel.select([1]).weights.tolist() == [3.0]
    assert panel.cut(np.array([1, 1])).weights.tolist() == [1.0, 3.0]


@pytest.mark.parametrize(
    ("weights", "column", "message"),
    [
        ("w", [1.0, 1, 2, 1], "the column 'w' has 1 in row 0, of series 'b'; expected one weight a series, 0 or more"),
        ("w", [-1.0, 1, -1, 1], "the column 'w' has -1 in row 0, of series 'b'; expected one weight a series"),
        ("w", [None, 1, None, 1], "the column 'w' has nan in row 0"),
        ("v", [1.0, 1, 1, 1], "the frame has no column 'v'; expected one of: unique_id, ds, y, w; name another"),
        ({"c": 1}, [1.0] * 4, "`weights` has 'c', and there is no such series; expected one of: a, b"),
    ],
)
def test_weights_that_do_not_fit_the_frame(weights, column, message):
    with pytest.raises(DataError) as error:
        read(FRAME.with_columns(w=pl.Series(column, dtype=pl.Float64)), weights=weights)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (3, "`weights` is 3; expected a column, or a mapping from series to numbers"),
        ({"a": -1}, "`weights` has -1 of 'a'; expected a number, 0 or more"),
        ({"a": float("nan")}, "`weights` has nan of 'a'; expected a number, 0 or more"),
        ({"a": "x"}, "`weights` has 'x' of 'a'; expected a number, 0 or more"),
        ({("a", 1): 2}, "where several columns name a series, give the weights as a column"),
    ],
)
def test_weights_that_are_none(weights, message):
    with pytest.raises(ConfigError) as error:
        settings(weights=weights)
    assert message in str(error.value)
