"""Tables as people write them: what parts cells, and numbers."""

import re

import pytest

from recurra.errors import DataError
from recurra.tasks import dialect
from recurra.tasks.files import read_table
from recurra.tasks.forecasting.series import frames


@pytest.mark.parametrize(
    ("lines", "usual", "part"),
    [
        (["a,b", "1,2"], ",", ","),
        (["a;b", "1,5;2,5"], ",", ";"),
        (["a;b", "1;2"], ",", ";"),
        (["a\tb", "1\t2"], ",", "\t"),
        (["a|b|c", "1|2|3"], ",", "|"),
        (["a\tb;c", "1\t2;3"], "\t", "\t"),
        (["text,label", '"one; two",x', '"three",y'], ",", ","),
        (["text", "one; two", "three"], ",", ","),  # no line's cells are another's: one column
        (["text", "one", "two"], ",", ","),
        (['"a;b";c', '"d;e";f'], ",", ";"),
        (["a;b", "", "1;2"], ",", ";"),
        (['a;"b', "c;d"], ",", ","),
        ([], ",", ","),
        (["text;price, EUR", "one;1,5", "two;2,5"], ",", ";"),  # decimal commas, and one in the first line
        (["text,a;b", "one,1;2"], ",", ";"),  # either may be; a comma is likelier within a cell
        (["text;label", "one;a", "two; or three;b"], ",", ";"),  # no line is all cells: which is reported
        (["text,label", "one;a", "two, or three,b"], ",", ","),
        (["sep=;", "a;b,c", "1,5;2,5"], ",", ";"),
        (['"sep=|"', "a,b", "1,2"], ",", "|"),
        (["sep=x", "a,b"], ",", ","),
    ],
)
def test_what_parts_all_lines_alike_parts_the_cells(lines, usual, part):
    assert dialect.part(usual, lines) == part


@pytest.mark.parametrize(
    ("cells", "decimal", "numbers"),
    [
        (["1", "2.5", ""], None, ["1", "2.5", ""]),
        (["1e5", "nan"], None, ["1e5", "nan"]),
        (["1,5", "2"], None, ["1.5", "2"]),
        (["1.006,72", "950,00"], None, ["1006.72", "950.00"]),
        (["1,006.72", "950"], None, ["1006.72", "950"]),
        (["1,234,567", "5"], None, ["1234567", "5"]),
        (["1 234,5", "1 234,5"], None, ["1234.5", "1234.5"]),
        (["1'234.50", "7"], None, ["1234.50", "7"]),
        (["$1,012.34", "-$3.00", "($5)", "$(1,000.5)"], None, None),
        (["$1,012.34", "($5)", "( $ 1,000.5 )"], None, ["1012.34", "-5", "-1000.5"]),
        (["12,50-", "3 € -", "1.000,5−"], None, ["-12.50", "-3", "-1000.5"]),
        (["1\u00a0234,5", "1\u202f234\u202f567\u00a0€"], None, ["1234.5", "1234567"]),
        (["1\n234,5"], None, None),
        (["1,00,000"], None, None),
        (["--3,5"], None, None),
        (["-$-3.5"], None, None),
        (["(3,5"], None, None),
        (["3,5)"], None, None),
        (["-(3,5)"], None, None),
        (["$3.5 USD"], None, None),
        (["$1,012.34", "-$3.00", "$-4"], None, ["1012.34", "-3.00", "-4"]),
        (["12,5 €", "3 €"], None, ["12.5", "3"]),
        (["12.5 %", "3%"], None, ["12.5", "3"]),
        (["−3,5"], None, ["-3.5"]),
        (["0,123", "4,567"], None, ["0.123", "4.567"]),  # no thousand begins with 0
        (["1.234", "5.678"], ".", ["1.234", "5.678"]),
        (["1.234", "5.67", "nan"], None, ["1.234", "5.67", "nan"]),
        (["0.234", "5.678"], None, ["0.234", "5.678"]),
        (["1.234", "5.678"], ",", ["1234", "5678"]),  # another column has a decimal comma
        (["1.10"], ",", ["1.10"]),  # which it cannot be with a comma
        (["1,5"], ".", ["1.5"]),  # which it cannot be with a point
        (["5,1e-12", "5,1E+3 "], None, ["5.1e-12", "5.1E+3"]),
        (["1,234"], ".", ["1234"]),
        (["1,234"], ",", ["1.234"]),
        (["12", "twelve"], None, None),
        (["1,2,3"], None, None),
        (["1.2.3"], None, None),
        (["12,34.5"], None, None),
        (["2024-01-31"], None, None),
        (["$"], None, None),
        (["-" + " " * 100_000 + "x"], None, None),  # at once
        ([""], None, [""]),
        ([], None, []),
    ],
)
def test_numbers_as_people_write_them(cells, decimal, numbers):
    assert dialect.plain(cells, "the column 'n'", decimal) == numbers


@pytest.mark.parametrize("cell", ["1,234", "1.234"])
@pytest.mark.parametrize("other", ["12", "-5"])
def test_a_number_that_is_two_is_refused(cell, other):
    words = (
        rf"the column 'n' has '{cell}', which is 1234 or 1\.234, and no other cell says which; write 1234 or 1\.2340"
    )
    with pytest.raises(DataError, match=words):
        dialect.plain([other, cell], "the column 'n'")
    assert dialect.plain([other, "1.2340"], "the column 'n'") == [other, "1.2340"]


@pytest.mark.parametrize("cells", [["12 %", "0.5"], ["$3", "5 €"], ["1,5", "2 %", ""]])
def test_amounts_in_two_units_are_refused(cells):
    words = f"the column 'n' has '{re.escape(cells[0])}' and '{re.escape(cells[1])}', which are in two units; write"
    with pytest.raises(DataError, match=words):
        dialect.plain(cells, "the column 'n'")


@pytest.mark.parametrize(
    ("columns", "delimiter", "point"),
    [
        ([["1,5", "2"]], ";", ","),
        ([["x", "y"], ["1.234", "5"], ["7,25", ""]], ";", ","),
        ([["1.10", "1.10"], ["7,25", "3"]], ";", ","),  # names of versions beside numbers
        ([["1,234.5"]], ";", "."),
        ([["1.5"]], ";", "."),
        ([["1.234"], ["1,234"]], ";", None),
        ([["1", "2"], ["a"], []], ";", None),
        ([["1.234"], ["5"]], ";", None),
        ([["1.234"], ["5"]], "\t", "."),  # as programs write it
        ([["1.234"], ["5"]], ",", "."),
        ([["1,234", "5"]], ",", "."),
        ([["1,5", "2"], ["1,234"]], ",", None),  # a decimal comma in quotes
    ],
)
def test_a_column_shows_what_decimals_stand_behind(columns, delimiter, point):
    assert dialect.point(columns, delimiter) == point


def test_examples_are_read_from_a_table_parted_by_semicolons_in_a_wide_encoding(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("text;label\r\nschön, ja;gut\r\n".encode("utf-16"))
    assert read_table(path) == (["text", "label"], [(2, ["schön, ja", "gut"])])


@pytest.mark.parametrize("first", ["", "sep=;\n", "\ufeffsep=;\r\n", '"SEP=;"\n'])
@pytest.mark.parametrize("inside", ["one, two", "one\u2028two", '"one\n;two"'])
def test_a_first_line_that_says_what_parts_the_cells_is_no_row(tmp_path, first, inside):
    (tmp_path / "a.csv").write_text(f"{first}text;label, or none\n{inside};a, b\nthree;c\n", "utf-8")
    columns, rows = read_table(tmp_path / "a.csv")
    assert columns == ["text", "label, or none"]
    assert [row for _, row in rows] == [[inside.strip('"'), "a, b"], ["three", "c"]]
    assert frames.load(tmp_path / "a.csv").to_pydict() == {
        "text": [inside.strip('"'), "three"],
        "label, or none": ["a, b", "c"],
    }


def test_a_first_line_may_be_long(tmp_path):
    names = [f"column {k}" for k in range(10_000)]
    (tmp_path / "a.csv").write_text(";".join(names) + "\n" + ";".join("1,5" for _ in names) + "\n")
    assert read_table(tmp_path / "a.csv")[0] == frames.load(tmp_path / "a.csv").column_names == names


def test_a_file_that_is_not_utf_8_is_named_with_what_converts_it(tmp_path):
    path = tmp_path / "my file.csv"
    path.write_bytes("text,label\nschön,gut\n".encode("cp1252"))
    command = f"iconv -f windows-1252 -t utf-8 '{path}' > '{tmp_path}/my file-utf8.csv'"
    words = f"byte 14 is 0xF6; convert it, for example with  {re.escape(command)}"
    with pytest.raises(DataError, match=words):
        read_table(path)
