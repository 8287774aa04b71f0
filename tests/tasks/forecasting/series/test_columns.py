"""Columns of frames of any library: names, numbers, what stands in a file."""

import decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.series import read

from recurra.errors import DataError
from recurra.tasks.forecasting.series import frames


def test_columns_of_one_name_are_said(tmp_path):
    (tmp_path / "a.csv").write_text("ds,y,y\n1,2,3\n2,3,4\n")
    of_pandas = pd.DataFrame([[1, 2.0, 3.0]], columns=["ds", "y", "y"])
    for frame in (of_pandas, frames.load(tmp_path / "a.csv")):
        with pytest.raises(DataError, match="the frame has several columns 'y'; rename or drop all but one"):
            read(frame)


def test_several_columns_name_a_series():
    data = {"shop": ["a", "a", "a", "a"], "item": [2, 1, 2, 1], "ds": [1, 1, 2, 2], "y": [1, 2, 3, 4]}
    panel, form = read(pl.DataFrame(data), id_col=("shop", "item"), static=("item",))
    assert (panel.ids, panel.y.tolist(), panel.static) == ([("a", 1), ("a", 2)], [2, 4, 1, 3], [["1"], ["2"]])
    with pytest.raises(DataError, match="the frame has no column 'item'"):
        read(pl.DataFrame(data).drop("item"), id_col=("shop", "item"))


@pytest.mark.parametrize(
    "values", [[decimal.Decimal("1.5"), None, 2], [1, 2.5, None], [np.float32(1), pd.NA, True]], ids=str
)
def test_objects_that_are_numbers(values):
    frame = pd.DataFrame({"ds": [1, 2, 3], "y": pd.Series(values, dtype=object)})
    panel, _ = read(frame, fill="forward")
    want = [np.nan if value is None or value is pd.NA else float(value) for value in values]
    assert panel.y[panel.seen].tolist() == [one for one in want if one == one]
    prices = [decimal.Decimal("1.10"), decimal.Decimal("2.20")]
    assert read(pl.DataFrame({"ds": [1, 2], "y": prices}))[0].y.tolist() == [1.1, 2.2]


NAMES = ["001", "1.10", "1e5", "NA", "007", "2024-01-01", "true", " x"]


def test_names_in_a_file_stay_as_they_stand(tmp_path):
    rows = [f"{name},2024-01-0{k},{k}.10,{name}" for name in NAMES for k in (1, 2, 3)]
    (tmp_path / "a.csv").write_text("\n".join(["unique_id,ds,y,001", *rows]) + "\n")
    panel, form = read(frames.load(tmp_path / "a.csv"), static=("001", "unique_id"))
    assert panel.ids == sorted(NAMES)
    assert [row[1] for row in panel.static] == sorted(NAMES)
    assert panel.y[:3].tolist() == [1.1, 2.1, 3.1]
    assert form.out(panel.stamps()[:2]) == ["2024-01-01", "2024-01-02"]


def test_what_cells_of_a_file_are_follows_from_their_use(tmp_path):
    text = "unique_id,ds,y,flag,size,code\n1,5, 1e3 ,true,7,007\n1,6,NA,False,7,007\n1,7,-2.5,true,7,007\n"
    (tmp_path / "a.csv").write_text(text)
    panel, form = read(frames.load(tmp_path / "a.csv"), past="flag", static=("size", "code"), fill="forward")
    assert (panel.ids, panel.y.tolist(), panel.seen.tolist()) == (["1"], [1000, 1000, -2.5], [True, False, True])
    assert panel.past[:, 0].tolist() == [1, 0, 1]
    assert panel.static == [[7.0, "007"]]
    assert (form.out(panel.stamps()).tolist(), form.stamps) == ([5, 6, 7], "int")
    for broken, message in (
        (text.replace("-2.5", "2,5"), "is damaged, or no table"),
        (text.replace("-2.5", "x"), r"the column 'y' holds text; expected numbers \(row 2 has 'x'\)"),
        (text.replace("\n1,7", "\n,7"), "the column 'unique_id' has empty cells"),
        (text.replace("\n1,7", "\n1,"), "the column 'ds' has 1 empty cells"),
    ):
        (tmp_path / "a.csv").write_text(broken)
        with pytest.raises(DataError, match=message):
            read(frames.load(tmp_path / "a.csv"), past="flag", fill="forward")
