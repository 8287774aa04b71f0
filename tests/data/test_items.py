"""Texts that are lists: found, split, shuffled, and left alone where they are none."""

import pytest

from recurra.data import DataConfig, Documents, build_corpus, text_document
from recurra.data.items import separator, split
from recurra.errors import ConfigError, DataError

NAMES = "\n".join(f"{a}{b}{c}" for a in "abcde" for b in ("nna", "lla", "rin") for c in ("", "th", "do", "x")) + "\n"
VERSE = "\n".join(f"a line of verse, number {k}" + "\n" * (k % 4 == 0) for k in range(300))
PROSE = "\n".join(("word " * 20)[: 70 + k % 4] + str(k) for k in range(300))
TABLE = "\n".join(f"{k},{k * k},x" for k in range(300))
JOKES = "\n%\n".join(f"Joke {k}:\nit has two lines." for k in range(80))
BOOK = "\n\n***\n\n".join("\n".join(["a chapter of a book, line by line"] * 200) for _ in range(60))


def documents(*texts):
    return Documents(text_document(text, "list.txt") for text in texts)


@pytest.mark.parametrize(
    ("text", "want"),
    [(NAMES, "\n"), (JOKES, "%"), (VERSE, ""), (PROSE, ""), (TABLE, ""), (BOOK, ""), ("one\ntwo\nthree", "")],
    ids=["names", "jokes", "verse", "prose", "table", "book", "few"],
)
def test_a_list_is_found(text, want):
    assert separator(documents(text), "auto") == want
    assert separator(documents(text), "off") == ""
    assert separator(documents(text), "line") == "\n"
    assert separator(documents(text), "---") == "---"
    assert separator(documents(text, text), "auto") == ""


def test_items_are_shuffled_whole_and_without_empty_ones():
    items = split(documents("a\r\nb\n\n  \nc\n" * 10), "\n")
    texts = [item.text() for item in items]
    assert sorted(texts) == sorted("abc" * 10)
    assert texts != list("abc" * 10)
    assert texts == [item.text() for item in split(documents("a\r\nb\n\n  \nc\n" * 10), "\n")]
    blocks = split(documents("%\none\ntwo\n%\n%\nthree\n%\n"), "%", seed=None)
    assert [item.text() for item in blocks] == ["one\ntwo", "three"]


def test_a_corpus_of_items_ends_each_and_says_so(tmp_path):
    corpus = build_corpus(text_document(NAMES, "names.txt"), tmp_path)
    assert (corpus.items, corpus.documents) == ("\n", 60)
    assert len(corpus.notes) == 1
    assert corpus.notes[0].startswith("60 items one a line, shuffled, each from a fresh state (items off ")
    assert corpus.info["sources"] == ["names.txt"]
    assert (corpus.ids == corpus.vocabulary.eod).sum() == 60
    assert "\n" not in corpus.vocabulary.symbols
    plain = build_corpus(text_document(NAMES), tmp_path / "off", data=DataConfig(items="off"))
    assert (plain.items, plain.vocabulary.eod, plain.documents) == ("", None, 1)


def test_what_is_no_list_is_refused():
    with pytest.raises(
        DataError, match=r"list.txt has 1 item between lines of %; expected at least 2. items='off' reads it"
    ):
        split(documents("one\ntwo"), "%")
    with pytest.raises(ConfigError, match="`items` is '% '; expected auto, off, line, or the line between items"):
        DataConfig(items="% ")
