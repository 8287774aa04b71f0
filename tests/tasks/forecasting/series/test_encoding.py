"""Covariates as numbers: scaled, marked where they were missing, a number for each word."""

import numpy as np
import polars as pl
import pytest
from helpers.series import read

from recurra.errors import DataError
from recurra.tasks.forecasting.series.encoding import Column, coded

NAN = np.nan


def test_a_number_is_scaled_and_has_a_mark_where_some_were_missing():
    whole = Column.learn(np.array([1.0, 3.0, 5.0]), None)
    assert whole.read(np.array([3.0, 5.0, NAN]), None)[:, 0].tolist() == pytest.approx([0, 1.5**0.5, 0])
    gappy = Column.learn(np.array([1.0, NAN, 3.0, 5.0]), None)
    assert (gappy.size, gappy.still) == (2, False)
    found = gappy.read(np.array([3.0, NAN, 5.0]), None)
    assert found.tolist() == pytest.approx(np.array([[0, 0], [0, 1], [1.5**0.5, 0]]))
    assert found.dtype == np.float32


@pytest.mark.parametrize("values", [[2.0, 2.0], [NAN, NAN]])
def test_what_never_changed_has_no_effect(values):
    still = Column.learn(np.array(values), None)
    assert still.still
    assert still.read(np.array([7.0, NAN]), None).tolist() == [[0], [0]]


def test_a_word_has_a_number_of_its_own_and_an_unknown_one_is_the_mean_of_all():
    values, names = coded(["sale", None, "gift", "sale"])
    assert (values[[0, 2, 3]].tolist(), names) == ([1, 0, 1], ["gift", "sale"])
    column = Column.learn(values, names)
    assert column.words == ["sale", None, "gift"]
    assert column.means == [0.5, 0.25, 0.25]
    learned = column.read(values, names)
    assert learned[[0, 1]].tolist() == [[0.5, -0.25, -0.25], [-0.5, 0.75, -0.25]]
    assert np.allclose(learned.mean(0), 0)
    again, more = coded(["new", "gift", None], names)
    assert more == ["gift", "sale", "new"]
    assert column.read(again, more).tolist() == [[0, 0, 0], [-0.5, -0.25, 0.75], [-0.5, 0.75, -0.25]]
    assert Column.learn(*coded(["one", "one"])).still


def test_the_most_frequent_words_are_told_apart():
    values, names = coded([*"aaabbcde"])
    assert Column.learn(values, names, most=2).words == ["a", "b"]
    assert Column.learn(values, names, most=2).read(values[-1:], names).tolist() == [[0, 0]]
    assert Column.learn(values, names, most=None).size == 5


def test_words_and_numbers_are_not_mixed_up():
    numbers = Column.learn(np.array([1.0, 2.0]), None)
    with pytest.raises(DataError, match="a covariate has 'a', a word; it held numbers where it was learned from"):
        numbers.read(*coded(["b", "a"]))
    words = Column.learn(*coded(["1", "x"]))
    assert np.array_equal(words.read(np.array([1.0]), None), words.read(*coded(["1"])))


BASE = pl.DataFrame({"ds": [1, 2, 3], "y": [1.0, 2.0, 3.0]})
WORDS = {
    "text": pl.Series(["b", "a", None]),
    "categories": pl.Series(["b", "a", None], dtype=pl.Categorical),
    "an enum": pl.Series(["b", "a", None], dtype=pl.Enum(["b", "a"])),
}


@pytest.mark.parametrize("cells", WORDS.values(), ids=WORDS)
@pytest.mark.parametrize(
    "convert", [lambda f: f, lambda f: f.to_pandas(), lambda f: f.to_arrow()], ids=["pl", "pd", "pa"]
)
def test_words_are_found_by_their_type(cells, convert):
    panel, _ = read(convert(BASE.with_columns(w=cells, n=pl.Series([1, None, 3]))), past="n", future="w")
    assert panel.words == [None, ["a", "b"]]
    assert np.array_equal(panel.known[:, 0], [1, 0, NAN], equal_nan=True)
    assert np.array_equal(panel.past[:, 0], [1, NAN, 3], equal_nan=True)


def test_in_a_file_words_are_columns_without_a_number(tmp_path):
    from recurra.tasks.forecasting.series import frames

    (tmp_path / "a.csv").write_text("ds,y,w,n,m,t\n1,1,sale,1.5,x,True\n2,2,,NA,2,False\n3,3,gift,2,3,\n")
    frame = frames.load(tmp_path / "a.csv")
    panel, _ = read(frame, future=("w", "n", "t"))
    assert panel.words == [["gift", "sale"], None, None]
    assert np.array_equal(panel.known, [[1, 1.5, 1], [NAN, NAN, 0], [0, 2, NAN]], equal_nan=True)
    with pytest.raises(DataError) as error:
        read(frame, future="m")
    assert "the column 'm' holds text; expected numbers, or words alone (row 0 has 'x')" in str(error.value)


def test_a_frame_like_another_has_its_kinds_and_its_words():
    from recurra.tasks.forecasting.config import SeriesConfig
    from recurra.tasks.forecasting.series import frames

    config = SeriesConfig(past=("w", "n"))
    first = frames.read(BASE.with_columns(w=pl.Series(["7", "x", "7"]), n=1.0), config).panel
    like = frames.read(BASE.with_columns(w=pl.lit(7), n=pl.lit(None)), config, words=first.words).panel
    assert like.words == [["7", "x"], None]
    assert like.past[:, 0].tolist() == [0, 0, 0]
    assert np.isnan(like.past[:, 1]).all()
    with pytest.raises(DataError, match="the column 'n' holds String; expected numbers"):
        frames.read(BASE.with_columns(w=pl.lit("x"), n=pl.lit("x")), config, words=first.words)
