"""Numbers at mean 0 and standard deviation 1, and constants."""

import numpy as np
import pytest

from recurra.tasks.standard import moments, standardised


@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1.0, 1e6, 1e12])
@pytest.mark.parametrize("far", [0.0, 1.7e8, -3.0])
def test_numbers_far_from_0_and_in_any_unit_keep_their_digits(unit, far):
    up = np.linspace(-1, 1, 20)[:, None]
    parts = [(far + up) * unit, (far - up[:7]) * unit]
    mean, deviation = moments(parts)
    rows = np.concatenate([up, -up[:7]])
    found = np.concatenate([standardised(part, mean, deviation) for part in parts])
    assert found.dtype == np.float32
    assert np.allclose(found, (rows - rows.mean(0)) / rows.std(0), atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.1, -1e-9, 1.7e9, 0.1 + 0.2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_constant_but_for_rounding_is_constant_and_stays_without_effect(value, dtype):
    for count in range(1, 60):  # np.full(n, 1.1).std() is not 0 for n = 6, 7, 11, 12 ...
        rows = np.full((count, 1), value, dtype)
        rows[count // 2] = np.nextafter(rows[0], dtype(np.inf)) if value else 0
        mean, deviation = moments([rows])
        assert mean == pytest.approx(value, rel=1e-6)
        assert deviation == 0
        assert (standardised(rows + 1, mean, deviation) == 0).all()


def test_the_smallest_change_that_is_no_rounding_counts():
    assert moments([np.array([[1e12 - 1], [1e12 + 1]])])[1] == 1
    assert moments([np.array([[1.0], [1.0 + 1e-13]])])[1] > 0


def test_missing_values_count_nowhere_and_stay():
    rows = np.array([[1.0, 5.0, np.nan], [np.nan, 5.0, np.nan], [3.0, np.nan, np.nan]])
    mean, deviation = moments([rows[:2], rows[2:]])
    assert mean.tolist() == [2, 5, 0]
    assert deviation.tolist() == [1, 0, 0]
    want = [[-1, 0, np.nan], [np.nan, 0, np.nan], [1, np.nan, np.nan]]
    assert np.array_equal(standardised(rows, mean, deviation), want, equal_nan=True)
