"""`recurra look`: the table, the colours, the JSON, and one line for what cannot be."""

import io
import json
import sys
from types import SimpleNamespace

import pytest
from helpers.inside_by_hand import tiny

from recurra import inside
from recurra.cli import frame, look

TEXT = 'to be "or not" to be,\nthat (is) it' * 3


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a text and a model."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "text.txt").write_text(TEXT, "utf-8")
    tiny(text=TEXT).float().save(folder / "runs" / "book-1")
    return folder


@pytest.fixture
def run(home, capsys, monkeypatch):
    """run("--by", "follows") beside that model → what it prints; with `fails`, the error's line."""
    monkeypatch.chdir(home)

    def run(*arguments, fails=0, text="text.txt"):
        try:
            code, message = look.command.main(["--text", text, *arguments], "recurra look", standalone_mode=False), ""
        except Exception as error:
            code, message = frame.explain(error)
        out, _ = capsys.readouterr()
        assert (code or 0) == fails, message
        return message if fails else out

    return run


@pytest.fixture
def ranking(home):
    from recurra.tasks.language import load

    reading = inside.read(load(home / "runs" / "book-1"), TEXT)
    return reading, inside.rank(reading, by="double quotes")


def test_the_table_ranks_the_units(run, ranking):
    lines = run("--by", "double quotes", "--limit", "3").splitlines()
    assert lines[0].split() == ["layer", "unit", "state", "variance", "follows", "r", "chance"]
    assert len(lines) == 4
    best = ranking[1].units[0]
    chance = ranking[1].chance["double quotes"]
    want = [best.layer, best.unit, best.state, f"{best.variance:.4f}", "double", "quotes"]
    assert lines[1].split() == [*map(str, want), f"{dict(best.follows)['double quotes']:+.2f}", f"{chance:.2f}"]


def test_layer_and_state_choose(run):
    rows = [line.split() for line in run("--layer", "1", "--state", "c").splitlines()[1:]]
    assert {(row[0], row[2]) for row in rows} == {("1", "c")}
    assert len(rows) == 5


def test_a_terminal_shows_the_text_in_colours(run, monkeypatch, capsys, home):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    out = run("book-1", "--layer", "1", "--unit", "2", "--state", "c")
    assert "unit 2 of layer 1, c, from" in out
    assert "\x1b[" in out


def test_colours_say_the_value():
    import numpy as np

    text = look.coloured(("a", "b", "c"), np.array([-1.0, 0.0, 0.5]))
    assert text.plain == "abc"
    assert [span.style for span in text.spans] == [
        "black on rgb(0,0,255)",
        "black on rgb(255,255,255)",
        "black on rgb(255,128,128)",
    ]


def test_json_has_everything(run, ranking):
    found = json.loads(run("--by", "double quotes", "--json", "--limit", "2"))
    reading, want = ranking
    best = want.units[0]
    assert found["run"] == "runs/book-1"
    assert found["tried"] == 20
    assert "".join(found["characters"]) == TEXT
    assert [unit["unit"] for unit in found["units"]] == [unit.unit for unit in want.units[:2]]
    assert found["units"][0]["follows"]["double quotes"] == pytest.approx(dict(best.follows)["double quotes"])
    assert found["shown"]["values"] == pytest.approx(reading.unit(best.layer, best.unit, best.state).tolist())
    assert found["chance"] == pytest.approx(want.chance)


def test_standard_input_and_a_part_of_it(run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode())))
    found = json.loads(run("--json", "--characters", "9", text="-"))
    assert "".join(found["characters"]) == TEXT[:9]


def test_a_single_token_has_no_features(run, home):
    (home / "one.txt").write_text("t", "utf-8")
    assert len(run(text="one.txt").splitlines()) == 11


def test_what_cannot_be_is_one_line(run, home):
    (home / "latin.txt").write_bytes(b"to be \xe9")
    (home / "empty.txt").write_text("", "utf-8")
    assert "did you mean `double quotes`" in run("--by", "double quote", fails=2)
    assert "--unit is 9; expected 0 to 4" in run("--unit", "9", fails=2)
    assert "--layer is 7; expected 0 to 1" in run("--layer", "7", fails=2)
    assert "the text is empty" in run(text="empty.txt", fails=1)
    assert "latin.txt is no UTF-8: byte 6" in run(text="latin.txt", fails=2)
    assert "there is no file nothing.txt" in run(text="nothing.txt", fails=1)
    assert "there is no run 'book-2'" in run("book-2", fails=1)
