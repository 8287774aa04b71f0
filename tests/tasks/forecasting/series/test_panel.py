"""Panels: cut, joined, selected."""

import numpy as np
import polars as pl
from helpers.series import read

from recurra.fitting.split import fingerprint
from recurra.tasks.forecasting.series.panel import Form


def test_panels_are_cut_joined_and_selected():
    data = {"unique_id": list("aaabb"), "ds": [1, 2, 3, 5, 6], "y": [1, 2, 3, 4, 5]}
    panel, _ = read(pl.DataFrame(data))
    assert panel.tail(2).y.tolist() == [2, 3, 4, 5]
    assert panel.tail(2).stamps().tolist() == [2, 3, 5, 6]
    assert panel.cut(np.array([1, 2])).y.tolist() == [1, 4, 5]
    assert panel.select([1]).stamps().tolist() == [5, 6]
    longer = panel.extended(2, np.zeros((4, 0)))
    assert longer.stamps().tolist() == [1, 2, 3, 4, 5, 5, 6, 7, 8]
    assert longer.seen.tolist() == [True] * 3 + [False] * 2 + [True] * 2 + [False] * 2
    assert fingerprint(panel) == fingerprint(read(pl.DataFrame(data)[::-1])[0])
    assert fingerprint(panel) != fingerprint(read(pl.DataFrame(data | {"y": [1, 2, 3, 4, 6]}))[0])
    assert Form("polars", True, "int").out(np.array([1])).tolist() == [1]
