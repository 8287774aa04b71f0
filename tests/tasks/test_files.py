"""Tables: what is read, with its line, and what is refused because cells would be lost."""

import csv

import pytest

from recurra.errors import DataError
from recurra.tasks.files import read_table


def put(folder, name, text):
    (folder / name).write_text(text, "utf-8")
    return folder / name


def test_rows_have_the_line_they_begin_in(tmp_path):
    path = put(tmp_path, "a.csv", '\ufefftext , id\n"one, ""two""\nthree",1\n\n , \r\nfour,2')
    assert read_table(path) == (["text", "id"], [(2, ['one, "two"\nthree', "1"]), (6, ["four", "2"])])
    assert read_table(put(tmp_path, "a.txt", "text,id\none,1\n")) == (["text", "id"], [(2, ["one", "1"])])


def test_between_tabs_a_quote_is_a_quote(tmp_path):
    path = put(tmp_path, "a.tsv", 'text\tid\n"one\t1\nsay "two"\t2\n')
    assert read_table(path)[1] == [(2, ['"one', "1"]), (3, ['say "two"', "2"])]


def test_a_cell_may_be_long_and_the_limit_of_others_stays(tmp_path):
    before = csv.field_size_limit(1000)
    try:
        assert len(read_table(put(tmp_path, "a.csv", f"text\n{'a' * 200_000}\n"))[1][0][1][0]) == 200_000
        with pytest.raises(DataError, match=r"a.csv, line 2: a quotation mark has no end"):
            read_table(put(tmp_path, "a.csv", f'text\n"{"a" * 200_000}\n'))
        assert csv.field_size_limit() == 1000
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "", r"a.csv is empty; expected a first row that names the columns"),
        ("a.csv", "\n \n", r"a.csv is empty"),
        (
            "a.csv",
            "a,b\n1,2\n\n1,2,3\n",
            r"line 4: 3 cells; expected 2, as in the first row; quote a cell that holds a",
        ),
        ("a.tsv", "a\tb\n1\t2\t3\n", r"line 2: 3 cells; expected 2, as in the first row$"),
        (
            "a.csv",
            "a;b\n1;2\n1;2;3\n",
            r"line 3: 3 cells; expected 2, as in the first row; quote a cell that holds a semi",
        ),
        ("a.csv", "a,b\n1\n", r"line 2: 1 cells; expected 2, as in the first row$"),
        ("a.csv", 'a,b\n"1,2\n3,4\n', r"line 2: a quotation mark has no end, or something after it"),
        ("a.csv", 'a,b\n"1" x,2\n3,4\n', r"line 2: a quotation mark has no end, or something after it"),
    ],
)
def test_what_would_be_lost_is_refused(tmp_path, name, text, words):
    with pytest.raises(DataError, match=words):
        read_table(put(tmp_path, name, text))
