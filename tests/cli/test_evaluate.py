"""The command that measures a language model."""

import json
from pathlib import Path

from helpers.commands import LINES

from recurra.tasks import language


def test_evaluate_prints_what_the_library_measures(beside):
    measured = language.evaluate(language.load("book-1"), "book.txt")
    found = json.loads(beside("evaluate", "book-1", "book.txt", "--json"))
    assert found == {"run": "runs/book-1", **measured}
    out = beside("evaluate", "runs/book-1", "book.txt")
    assert f"{measured['bits_per_character']:.4f}" in out
    assert f"{len(LINES):,}" in out
    assert "the model learned from this text" in beside.err
    beside("evaluate", "book-1", "no.txt", fails=1)
    assert "there is no file `no.txt`" in beside.err
    Path("other.txt").write_text(LINES)
    beside("evaluate", "book-1", "other.txt")
    assert beside.err == "", "of another text nothing is said"
