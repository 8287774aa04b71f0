"""Files of series, and sources of several kinds."""

import numpy as np
import pytest
from helpers.commands import put

from recurra.errors import DataError
from recurra.tasks.sequences.files import read_sources, read_ts

HEADER = "# words\n%# and words\n@problemName toy\n@timeStamps false\n@classLabel true a b\n@data\n"


def test_ts_files(tmp_path):
    X, y = read_ts(put(tmp_path, "a.ts", HEADER + "1,2,3:4,5,6:a\n\n7.5:8:b\n"))
    assert [row.tolist() for row in X] == [[[1, 4], [2, 5], [3, 6]], [[7.5, 8]]]
    assert X[0].dtype == np.float64
    assert y == ["a", "b"]
    X, y = read_ts(put(tmp_path, "b.ts", "@classLabel false\n@DATA\n1,2\n"))
    assert (X[0].tolist(), y) == ([[1], [2]], None)
    X, _ = read_ts(put(tmp_path, "c.ts", "@data\n1,?,NaN: ? ,2,3\n"))
    assert np.array_equal(X[0], [[1, np.nan], [np.nan, 2], [np.nan, 3]], equal_nan=True), "missing values"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@data\n1,x,?\n", "a.ts, line 2: 'x' is no number"),
        ("@data\n1,?2,3\n", r"a.ts, line 2: '\?2' is no number"),
        ("@data\n1,2:3\n", r"a.ts, line 2: features of \[1, 2\] steps; expected one length"),
        (HEADER + "1,2:a\n1,2:3,4:b\n", "a.ts, line 8: 2 features; expected 1, as in the first case"),
        (HEADER + "a\n", "a.ts, line 7: features of"),
        ("@timeStamps true\n@data\n", "a.ts, line 1: the series have time stamps, which are not read"),
        ("@targetLabel true\n@data\n", "a.ts, line 1: the target is a number, not a class"),
        ("1,2,3\n", "a.ts, line 1: '1,2,3'; expected a header, such as @classLabel"),
        ("@problemName x\n", "a.ts has no line @data; is it a .ts file, and whole?"),
        ("@data\n", "a.ts holds no sequences"),
    ],
)
def test_ts_files_that_cannot_be(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read_sources(put(tmp_path, "a.ts", text), {".ts": read_ts})
