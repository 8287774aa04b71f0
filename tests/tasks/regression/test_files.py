"""Sequences and targets from files."""

import pytest
from helpers.commands import put

from recurra.errors import DataError
from recurra.tasks.regression.files import read_files

HEADER = "@problemName made\n@timeStamps false\n@targetLabel true\n@data\n"


def test_tables_of_texts_and_of_series(tmp_path):
    path = put(tmp_path, "a.csv", 'text,price,other\n"small, dark",1.5,x\nlarge,2e3,y\n')
    X, y = read_files(path, target_columns=["price"])
    assert X == ["small, dark", "large"]
    assert y.tolist() == [1.5, 2000]
    assert read_files(path)[1] is None
    path = put(tmp_path, "b.csv", 'flow,oil,gas\n1.5 2 2.5,1,2\n"1, 2 : 3,4",3,4\n')
    (one, two), y = read_files(path, series_column="flow", target_columns=["oil", "gas"])
    assert one.tolist() == [[1.5], [2.0], [2.5]]
    assert two.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert y.tolist() == [[1, 2], [3, 4]]


def test_series_with_a_target(tmp_path):
    X, y = read_files(put(tmp_path, "a.ts", HEADER + "1,2,3:4,5,6:0.5\n7.5:8:-2\n"))
    assert [row.shape for row in X] == [(3, 2), (1, 2)]
    assert y.tolist() == [0.5, -2]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "a.csv",
            "text,target\none,many\n",
            r"a.csv, line 2: the target 'many' is no number; mend it, or leave the row",
        ),
        ("a.csv", "text,target\none,\n", r"a.csv, line 2: the target '' is no number"),
        ("a.csv", "text,target\none,inf\n", r"a.csv, line 2: the target 'inf' is no number"),
        ("a.csv", "text,target\n,1\n", r"a.csv, line 2: the text is empty; leave the row out"),
        ("a.csv", "words,target\none,1\n", r"a.csv has no column 'text'; its columns: words, target"),
        ("a.ts", HEADER + "1,2:x\n", r"a.ts, line 5: the target 'x' is no number"),
        ("a.ts", "@classLabel true a b\n@data\n", r"a.ts, line 1: the label is a class, not a number; a regressor has"),
    ],
)
def test_files_that_are_refused(name, text, words, tmp_path):
    with pytest.raises(DataError, match=words):
        read_files(put(tmp_path, name, text))


def test_series_in_a_table_that_are_refused(tmp_path):
    path = put(tmp_path, "a.csv", 'flow,target\n"1,,2",1\n')
    with pytest.raises(DataError, match=r"a.csv, line 2: '' is no number"):
        read_files(path, series_column="flow")
    with pytest.raises(DataError, match=r"a.csv has no column 'depth'"):
        read_files(path, series_column="flow", target_columns=["target", "depth"])
    with pytest.raises(DataError, match="is a folder; name its files"):
        read_files(tmp_path)


def test_targets_may_have_a_decimal_comma(tmp_path):
    (tmp_path / "a.csv").write_text("text;price;rooms\nsmall;1.250,50 €;1\nlarge;2.000;1,5\n")
    X, y = read_files(tmp_path / "a.csv", target_columns=("price", "rooms"))
    assert X == ["small", "large"]
    assert y.tolist() == [[1250.5, 1.0], [2000.0, 1.5]]
