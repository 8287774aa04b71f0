"""Tables and JSON."""

import errno
import json
import os

import pytest

from recurra import models
from recurra.cli import shown
from recurra.errors import RunError


def test_tables_and_json():
    assert shown.table(["a", "n"], [["x", "1"], ["long", "1,000"]]) == "a         n\nx         1\nlong  1,000"
    assert json.loads(shown.to_json({"x": [float("nan"), float("inf"), 1.5, "é"]})) == {"x": [None, None, 1.5, "é"]}


def test_a_table_wider_than_the_terminal_stays_readable(monkeypatch):
    words = ["run", "data"], [["book-1", "a long name of a text.txt"], ["b", "c"]]
    numbers = ["cell", "parameters", "steps"], [["lstm", "1,356,481", ""], ["gru", "7", "12"]]
    assert shown.table(*words, left=2).splitlines()[1] == "book-1  a long name of a text.txt", "in a pipe, any width"
    monkeypatch.setenv("COLUMNS", "32")
    assert shown.table(*words, left=2).splitlines() == [
        "run     data",
        "book-1  a long name of a",
        "        text.txt",
        "b       c",
    ]
    assert shown.table(*numbers).splitlines()[1] == "lstm   1,356,481"
    monkeypatch.setenv("COLUMNS", "20")
    assert shown.table(*words, left=2).splitlines()[:2] == ["book-1", "  data  a long name of a text.txt"]
    assert shown.table(*numbers).splitlines() == [
        "lstm",
        "  parameters  1,356,481",
        "gru",
        "  parameters  7",
        "  steps       12",
    ]


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


def made(folder, schema, age):
    """A run's folder, as far as its choice goes."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(schema)
    (folder / "model.safetensors").touch()
    os.utime(folder / "model.safetensors", (1e9 - age, 1e9 - age))


def test_the_run_that_is_meant_is_the_newest_language_model(tmp_path, capsys):
    shipped = models.folders()[0]
    assert shown.chosen_run("a name", tmp_path) == "a name"
    assert capsys.readouterr().err == ""
    assert shown.chosen_run(None, tmp_path) == shipped
    made(tmp_path / "sales-1", '{"schema": "forecasting/1"}', 0)
    made(tmp_path / "damaged", "[", 1)
    made(tmp_path / "other", "[]", 2)
    made(tmp_path / "foreign", '{"schema": 3}', 2)
    assert shown.chosen_run(None, tmp_path) == shipped
    assert capsys.readouterr().err.count("a small one that ships with Recurra") == 2
    made(tmp_path / "old", '{"schema": "language/2"}', 9)
    made(tmp_path / "book 1", '{"schema": "language/2"}', 5)
    assert shown.chosen_run(None, tmp_path) == tmp_path / "book 1"
    assert f"'{tmp_path / 'book 1'}', trained 2001-09-09 " in capsys.readouterr().err


def test_a_result_that_cannot_be_written_is_printed(tmp_path, capsys, monkeypatch):
    shown.deliver("text", None)
    shown.deliver("text", tmp_path / "there")
    assert (capsys.readouterr().out, (tmp_path / "there").read_text()) == ("text", "text")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shown.files.os, "replace", full)
    with pytest.raises(RunError, match="lost could not be written: No space left"):
        shown.deliver("hours of work", tmp_path / "lost")
    assert capsys.readouterr().out == "hours of work"
