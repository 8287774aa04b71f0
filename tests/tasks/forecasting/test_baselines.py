"""Naive forecasts."""

import numpy as np
from helpers.series import index_panel

from recurra.tasks.forecasting import baselines


def test_naive_forecasts():
    panel = index_panel(10, 2)
    series, cuts = np.array([0, 1]), np.array([7, 2])
    assert baselines.naive(panel, series, cuts, 3).tolist() == [[7, 7, 7], [2, 2, 2]]
    assert baselines.seasonal_naive(panel, series, cuts, 5, 3).tolist() == [[5, 6, 7, 5, 6], [2, 1, 2, 2, 1]]
