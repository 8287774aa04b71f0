"""Sequences as rows: read, and scaled."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl

from recurra.tasks.sequences.rows import read, scale_each


def test_numbers_are_rounded_to_float32_only_where_they_came_so():
    far = 1.7e9 + np.arange(3.0)
    assert read([far])[0][:, 0].tolist() == far.tolist()
    assert [read([np.arange(3).astype(kind)])[0].dtype for kind in ("f2", "f4", "f8", "i8")] == ["f8", "f4", "f8", "f8"]


def test_each_sequence_by_its_own_mean_and_standard_deviation():
    row = np.array([[1.0, 5.0], [3.0, 5.0]], np.float32)
    assert scale_each([row])[0].tolist() == [[-1, 0], [1, 0]]
    for unit in (1e-12, 1e12):
        assert scale_each([row.astype(np.float64) * unit])[0].tolist() == [[-1, 0], [1, 0]]
    far = np.array([[1.7e9 - 10], [1.7e9 + 10]])
    assert scale_each([far])[0].tolist() == [[-1], [1]]


def test_frames_that_hold_series_are_read_by_sequence_and_step():
    data = np.arange(24.0).reshape(3, 4, 2)
    index = pd.MultiIndex.from_product([["b", "a", "c"], range(4)])
    long = pd.DataFrame(data.reshape(12, 2), index=index)
    nested = pd.DataFrame([{"x": pd.Series(one[:, 0]), "y": pd.Series(one[:, 1])} for one in data])
    for frame in (long, nested):
        assert np.array_equal(np.stack(read(frame)), data)
    assert np.array_equal(read(pd.DataFrame(data[..., 0]))[..., 0], data[..., 0]), "a sequence a row"
    assert [row[:, 0].tolist() for row in read(pl.Series([[1, 2], [3]]))] == [[1, 2], [3]]


def test_decimals_and_objects_are_numbers():
    values = [Decimal("1.5"), np.int8(2), 3.25, True]
    assert read([values])[0][:, 0].tolist() == [1.5, 2, 3.25, 1]
    assert read(np.array([values], object))[0][:, 0].tolist() == [1.5, 2, 3.25, 1]
    assert read(pd.DataFrame([values], dtype=object))[0][:, 0].tolist() == [1.5, 2, 3.25, 1]


def test_what_is_missing_is_nan_in_whatever_form_it_comes():
    want = [[1, np.nan], [3, 4]]
    hidden = np.ma.masked_equal(np.array([[1, 2], [3, 4]]), 2)
    frames = [
        pd.DataFrame(want),
        pd.DataFrame({"a": [1, 3], "b": pd.array([None, 4], "Int64")}),
        pl.DataFrame(want, orient="row"),
    ]
    for X in (want, [[1, None], [3, 4]], hidden, list(hidden), [pd.Series([1, pd.NA], dtype="Int64"), [3, 4]], *frames):
        assert np.array_equal(np.stack(read(X))[..., 0], want, equal_nan=True)
    assert read(np.ma.masked_equal(np.float32([[1, 2]]), 2)).dtype == np.float32
