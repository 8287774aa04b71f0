"""Files of labelled sequences."""

import pytest
from helpers.commands import piped, put

from recurra.errors import DataError
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.classification.files import read_files
from recurra.tasks.sequences.files import read_ts
from recurra.tasks.tagging.conll import read_conll

HEADER = "# words\n@problemName toy\n@timeStamps false\n@classLabel true a b\n@data\n"


def test_the_real_ts_files(real_data):
    X, y = read_ts(real_data("japanese_vowels/JapaneseVowels_TRAIN.ts"))
    assert (len(X), len(set(y)), X[0].shape[1]) == (270, 9, 12)
    assert sorted({len(row) for row in X})[:: len({len(row) for row in X}) - 1] == [7, 26]
    X, y = read_ts(real_data("arrowhead/ArrowHead_TRAIN.ts"))
    assert (len(X), {row.shape for row in X}, sorted(set(y))) == (36, {(251, 1)}, ["0", "1", "2"])


def test_tables(tmp_path):
    path = put(tmp_path, "a.csv", '\ufefftext,id,label\n"one, two\nthree",1, yes \nfour,2,no\n\n')
    X, y = read_files(path)
    assert (X, y.tolist()) == (["one, two\nthree", "four"], ["yes", "no"])
    X, y = read_files([path, put(tmp_path, "b.tsv", "text\tlabel\nfive\tno\n")])
    assert (X[-1], y[-1]) == ("five", "no")
    X, y = read_files(put(tmp_path, "c.csv", "word,kind\nsix,no\n"), text_column="word", label_column="kind")
    assert (X, y.tolist()) == (["six"], ["no"])
    assert read_files(put(tmp_path, "d.csv", "text\nseven\n")) == (["seven"], None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "a.csv has no column 'text'; its columns: a, b"),
        ("", "a.csv is empty; expected a first row that names the columns"),
        ("text,label\na,b,c\n", "a.csv, line 2: 3 cells; expected 2, as in the first row"),
        ("text,label\na,x\n ,b\n", "a.csv, line 3: the text is empty; leave the row out"),
        ("text,label\na,\n", "a.csv, line 2: the label is empty; leave the row out"),
        ("text,label\n", "a.csv holds no sequences"),
    ],
)
def test_tables_that_cannot_be(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read_files(put(tmp_path, "a.csv", text))


def test_folders_by_class(tmp_path):
    put(tmp_path, "names/Greek.txt", "Papas\n\nKostas\n")
    put(tmp_path, "names/Irish.txt", "O'Neal\n")
    X, y = read_files(tmp_path / "names")
    assert (X, y.tolist()) == (["Papas", "Kostas", "O'Neal"], ["Greek", "Greek", "Irish"])
    put(tmp_path, "mail/ham/1.txt", "dear\nall")
    put(tmp_path, "mail/spam/deep/2.txt", "buy")
    put(tmp_path, "mail/spam/empty.txt", "")
    put(tmp_path, "mail/spam/.hidden", "no")
    put(tmp_path, "mail/readme.txt", "no")
    with pytest.warns(UserWarning, match=r"left out 1 hidden, 1 beside the folders of the classes, 1 empty$"):
        X, y = read_files(tmp_path / "mail")
    assert (X, y.tolist()) == (["dear\nall", "buy"], ["ham", "spam"])


def test_sources_that_cannot_be(tmp_path, monkeypatch):
    a = put(tmp_path, "a.csv", "text,label\none,1\n")
    with pytest.raises(DataError, match=r"there is no file .*b.csv; did you mean `.*a.csv`\?"):
        read_files(tmp_path / "b.csv")
    with pytest.raises(DataError, match=r"c.ts holds numbers, unlike .*a.csv"):
        read_files([a, put(tmp_path, "c.ts", HEADER + "1:a\n")])
    with pytest.raises(DataError, match=r"d.csv has no labels, but other sources have"):
        read_files([a, put(tmp_path, "d.csv", "text\ntwo\n")])
    (tmp_path / "e.csv").write_bytes(b"text,label\n\xff,1\n")
    with pytest.raises(DataError, match=r"e.csv is not UTF-8: byte 11 is 0xFF; convert it"):
        read_files(tmp_path / "e.csv")
    with pytest.raises(DataError, match=r"d.csv has no labels to learn from; a table needs a column of them"):
        SequenceClassifier.from_files(tmp_path / "d.csv")


def test_a_line_ends_at_a_line_break_alone(tmp_path, monkeypatch):
    text = "one\u2028more\r\n\ntwo\x85\x0cthree\n"
    want = ["one\u2028more", "", "two\x85\x0cthree"]
    assert read_files(put(tmp_path, "a.txt", text)) == (want, None)
    piped(monkeypatch, text.encode())
    assert read_files("-") == (want, None)
    X, y = read_files(put(tmp_path, "a.csv", 'text,label\na\u2028b,x\n"c\x85\nd",y\x0c\n'))
    assert (X, y.tolist()) == (["a\u2028b", "c\x85\nd"], ["x", "y"])
    put(tmp_path, "names/Greek.txt", text)
    assert read_files(tmp_path / "names")[0] == [want[0], want[2]]
    with pytest.raises(DataError, match=r"a.txt holds no sequences"):
        read_files(put(tmp_path, "a.txt", "\n \n"))


def test_standard_input_that_is_not_utf8(monkeypatch):
    for read in (read_files, read_conll):
        piped(monkeypatch, b"caf\xe9\n")
        with pytest.raises(DataError, match="standard input is not UTF-8: byte 3 is 0xE9; convert it"):
            read("-")
