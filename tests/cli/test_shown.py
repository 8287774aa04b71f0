"""Tables and JSON."""

import json

from recurra.cli import shown


def test_tables_and_json():
    assert shown.table(["a", "n"], [["x", "1"], ["long", "1,000"]]) == "a         n\nx         1\nlong  1,000"
    assert json.loads(shown.to_json({"x": [float("nan"), float("inf"), 1.5, "é"]})) == {"x": [None, None, 1.5, "é"]}


def test_numbers_are_written_as_people_write_them():
    cases = {
        (412.345, 9.0): ["412.3", "9.0"],
        (1234567.0, 0.5): ["1,234,567", "0"],
        (0.012345, -0.5): ["0.0123", "-0.5000"],
        (1.2346e-12, 0.0): ["1.235e-12", "0"],
        (float("nan"), 2.0): ["", "2.000"],
        (-0.00001, 5.0): ["0.000", "5.000"],
        (0.0, 0.0): ["0", "0"],
    }
    assert {column: shown.numbers(list(column)) for column in cases} == cases
