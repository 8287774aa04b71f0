"""Corpora known by name: the embedded ones are there, the others are fetched, checked, kept, or refused in one line."""

import os
from pathlib import Path

import pytest

from recurra.data import build_corpus, corpus_path, corpus_text
from recurra.data.corpora import CORPORA, corpora, corpus_documents
from recurra.errors import DataError

DATA = Path(os.environ.get("RECURRA_DATA", Path(__file__).parents[2] / "../shared/data"))


def test_the_table_is_whole():
    names = [info.name for info in corpora()]
    assert len(set(names)) == len(names) >= 5
    for info in corpora():
        assert info.about
        assert info.embedded or (info.bytes > 0 and len(info.sha256) == 64 and info.url.startswith("https://"))
        # An address with a commit in it always means the same bytes.
        assert info.embedded or len(info.url.split("/")[5]) == 40


def test_the_manual_is_one_long_text():
    text = corpus_text("manual")
    assert len(text) > 300_000
    assert "The standard type hierarchy" in text
    assert text == corpus_text("manual")


def test_the_library_is_many_documents_without_tests_and_packages():
    found = corpus_documents("stdlib")
    assert len(found) > 200
    names = [document.name for document in found]
    assert any(name.endswith("json/decoder.py") for name in names)
    assert not any("site-packages" in name or "/test/" in name for name in names)
    assert sum(document.size for document in found) > 5_000_000


def test_embedded_corpora_train_by_name(tmp_path):
    corpus = build_corpus("manual", tmp_path)
    assert corpus.info["sources"] == ["manual"]
    assert len(corpus.ids) == corpus.characters > 300_000


@pytest.mark.parametrize("name", [info.name for info in corpora() if not info.embedded])
def test_a_data_folder_saves_the_fetching(name, cache, monkeypatch):
    if not (DATA / CORPORA[name].file).is_file():
        pytest.skip(f"{DATA} (RECURRA_DATA) has no {CORPORA[name].file}")
    monkeypatch.setenv("RECURRA_DATA", str(DATA))
    assert corpus_path(name) == DATA / CORPORA[name].file
    assert corpus_path(name).stat().st_size == CORPORA[name].bytes
    assert not cache.exists()


def test_unknown_and_embedded_names_have_no_file():
    with pytest.raises(DataError, match="there is no corpus `tinyshakespear`; did you mean `tinyshakespeare`"):
        corpus_path("tinyshakespear")
    with pytest.raises(DataError, match="the corpus `manual` is made from this Python and is no file"):
        corpus_path("manual")
    with pytest.raises(DataError, match="there is no corpus `wiki`"):
        corpus_text("wiki")
