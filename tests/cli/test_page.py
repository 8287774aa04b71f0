"""`recurra page`: what it writes, and one line for what it cannot."""

import json

import pytest

from recurra import models
from recurra.errors import ConfigError
from recurra.page import module
from recurra.tasks.language import train


@pytest.fixture(autouse=True)
def fixed(monkeypatch):
    monkeypatch.setattr(module, "module", lambda cells: b"wasm")
    monkeypatch.setattr(module, "compiler", list)


def test_an_empty_page_and_one_with_a_model(recurra, tmp_path):
    code, out, err = recurra("page", "--to", tmp_path / "a.html")
    assert code == 0
    assert "a.html: " in out
    assert "with no model. Open it in a browser." in out
    code, out, err = recurra("page", models.folders()[0], "--to", tmp_path / "b.html", "--precision", "int8", "--json")
    found = json.loads(out)
    assert found["cells"][0] == "lstm"
    assert found["bytes"] == (tmp_path / "b.html").stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"unit": "word"}, "it writes words with marks of their own"),
        ({"zoneout": 0.1}, "it has zoneout"),
        ({"mode": "windows", "window": 8}, "it reads 8 characters again"),
        ({"cell": "transformer", "context": 16, "window": 16}, "this is a transformer"),
    ],
)
def test_a_model_that_no_page_can_run_is_named(recurra, tmp_path, settings, words):
    run = train(text="one two three\n" * 60, preset="tiny", epochs=1, quiet=True, out=tmp_path / "run", **settings)
    code, out, err = recurra("page", run.folder, "--to", tmp_path / "a.html")
    assert code == 1
    assert words in err
    assert not (tmp_path / "a.html").exists()


def test_wrong_use_is_one_line(recurra, tmp_path):
    for arguments, words in {
        ("page",): "missing option '--to'",
        ("page", "nothing", "--to", tmp_path / "a.html"): "there is no run 'nothing'",
        ("page", "--precision", "int8", "--to", tmp_path / "a.html"): "--precision is of a RUN's model",
        ("page", "--to", tmp_path / "no" / "a.html"): "no",
    }.items():
        code, out, err = recurra(*arguments)
        assert code in (1, 2)
        assert words in err


@pytest.mark.parametrize("made", [False, True])
def test_before_it_compiles_it_says_how_long(recurra, tmp_path, monkeypatch, made):
    monkeypatch.setattr(module, "is_made", lambda cells: made)
    code, out, err = recurra("page", "--to", tmp_path / "a.html")
    assert code == 0
    assert err.startswith("Compiling for browsers, once: ten seconds") is not made


def test_without_the_compiler_it_is_one_line(recurra, tmp_path, monkeypatch):
    def none():
        raise ConfigError("a page is compiled by ziglang, which is not installed")

    monkeypatch.setattr(module, "is_made", lambda cells: False)
    monkeypatch.setattr(module, "compiler", none)
    code, out, err = recurra("page", "--to", tmp_path / "a.html")
    assert code != 0
    assert err.startswith("recurra: error: a page is compiled by ziglang, which is not installed")
    assert not (tmp_path / "a.html").exists()
