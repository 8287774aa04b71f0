"""Sequences as rows: how they are scaled."""

import numpy as np

from recurra.tasks.sequences.rows import scale_each, scales


def test_a_constant_feature_is_no_division_by_zero():
    mean, deviation = scales([np.full((3, 1), 1e6, np.float32), np.full((4, 1), 1e6, np.float32)])
    assert mean == [1e6]
    assert deviation == [1]


def test_each_sequence_by_its_own_mean_and_standard_deviation():
    row = np.array([[1.0, 5.0], [3.0, 5.0]], np.float32)
    assert scale_each([row])[0].tolist() == [[-1, 0], [1, 0]]
