"""Files of words and labels."""

import pytest

from recurra.errors import DataError
from recurra.tasks.tagging.conll import read_conll


def test_conll_files(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("-DOCSTART- O\n\nJohn NNP B-PER\nSmith NNP I-PER\n\n\nhere RB O\n", "utf-8")
    X, y = read_conll(path)
    assert X == [["John", "Smith"], ["here"]]
    assert y == [["B-PER", "I-PER"], ["O"]]
    path.write_text("John\nSmith\n\nhere", "utf-8")
    assert read_conll([path, path]) == ([["John", "Smith"], ["here"]] * 2, None)
    path.write_bytes("a\u2028b X\r\n10\u00a0000\tY\n\u00a0 Z\n".encode())
    assert read_conll(path) == ([["a\u2028b", "10\u00a0000", "\u00a0"]], [["X", "Y", "Z"]])
    path.write_text("John PER\nSmith\n", "utf-8")
    with pytest.raises(DataError, match=r"a.conll, line 2: 1 columns; expected 2, as in the first line"):
        read_conll(path)
    path.write_text("\n\n", "utf-8")
    with pytest.raises(DataError, match="holds no words; expected a word a line"):
        read_conll(path)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_conll(tmp_path / "none")
