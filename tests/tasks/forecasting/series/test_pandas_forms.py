"""Series, indexes and periods of pandas."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import read

from recurra.errors import DataError


def test_series_and_indexes_of_pandas_are_read_as_they_are():
    months = pd.period_range("2020", periods=5, freq="M")
    y, starts = pd.DataFrame({"y": np.arange(5.0)}), months.to_timestamp()
    for frame in (
        y.set_index(starts),
        y.set_index(starts.rename("ds")),
        y.set_index(months),
        y.assign(ds=months),
        y.set_index(starts)["y"],
        y.set_index(starts)["y"].rename("sales"),
        pd.Series(np.arange(5.0), months),
    ):
        panel, _ = read(frame)
        assert panel.stamps().tolist() == starts.to_numpy().astype("datetime64[ns]").tolist()
        assert panel.y.tolist() == [0, 1, 2, 3, 4]
    numbered = pd.DataFrame({0: starts, 1: np.arange(5.0)})
    assert read(numbered, time_col="0", target_col="1")[0].y.tolist() == [0, 1, 2, 3, 4]
    assert read(pd.Series([1.0, 2.0, 3.0]))[0].stamps().tolist() == [0, 1, 2]
    named = pd.concat({"b": y.set_index(starts), "a": y.set_index(starts)}, names=["shop", "month"])
    for frame in (named, named["y"]):
        panel, form = read(frame)
        assert (panel.ids, form.has_ids) == (["a", "b"], True)
    with pytest.raises(DataError, match=r"the index has 3 levels, x, shop, month; expected those of unique_id, ds"):
        read(pd.concat({1: named}, names=["x"]))
    with pytest.raises(DataError, match="the frame has no column 'y'"):
        read(pd.DataFrame({"ds": starts}))
