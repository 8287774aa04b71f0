"""Tables and JSON."""

import json

from recurra.cli import shown


def test_tables_and_json():
    assert shown.table(["a", "n"], [["x", "1"], ["long", "1,000"]]) == "a         n\nx         1\nlong  1,000"
    assert json.loads(shown.to_json({"x": [float("nan"), float("inf"), 1.5, "é"]})) == {"x": [None, None, 1.5, "é"]}
