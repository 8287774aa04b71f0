"""Sequences as rows: read, and scaled."""

import numpy as np

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
