"""What filling does to a panel."""

import numpy as np
import polars as pl

from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series import filling, frames


def test_a_panel_is_filled_into_a_new_one():
    data = {"ds": [1, 2, 3, 4], "y": [1.0, None, 3.0, 4.0], "p": [None, 2.0, 3.0, 4.0]}
    config = SeriesConfig(fill="linear", past=("p",))
    panel, _ = frames.read(pl.DataFrame(data), config, filled=False)
    filled = filling.filled(panel, config, ["ds", "y", "p"])
    assert filled.y.tolist() == [1, 2, 3, 4]
    assert filled.past[:, 0].tolist() == [2, 2, 3, 4]
    assert filled.wait.tolist() == [[0, 1], [1, 0], [0, 0], [0, 0]]
    assert np.isnan(panel.y).tolist() == [False, True, False, False]
    assert np.isnan(panel.past[:, 0]).tolist() == [True, False, False, False]
    assert not panel.wait.any()
