"""Texts that are sent: kept, read in other encodings, refused, bounded; and corpora."""

import asyncio
import io
import threading

import pytest
from helpers.studio_support import client, send

from recurra.data import CorpusInfo
from recurra.studio.store import texts

NO_TEXTS = ("punycode", "idna", "utf-7", "unicode_escape", "raw_unicode_escape", "rot13", "base64", "bz2", "undefined")


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with client(tmp_path_factory.mktemp("runs")) as found:
        yield found


def test_a_text_is_kept_under_its_sum(api):
    text = "Grüße, 世界! \U0001f642\r\n" * 20
    sent = api.post("/api/texts?name=a/b\\gruss.txt", content=text.encode())
    assert sent.status_code == 201
    found = sent.json()
    assert (found["name"], found["characters"], found["bytes"]) == ("gruss.txt", len(text), len(text.encode()))
    assert found["symbols"] == len(set(text))
    assert found["start"] == text[:300]
    assert api.get(f"/api/texts/{found['id']}").json() == found
    assert api.get(f"/api/texts/{found['id']}/content").content == text.encode()
    assert api.post("/api/texts", content=text.encode()).json()["id"] == found["id"]


@pytest.mark.parametrize("content", ["{", 100_000 * "["], ids=["half", "deep"])
def test_a_texts_damaged_record_is_told_of(api, content):
    text = send(api, "a text of its own " * 20)
    (api.app.state.studio.texts.folder / f"{text}.json").write_text(content)
    answer = api.post("/api/runs", json={"text": text})
    assert answer.status_code == 409
    assert f"{text}.json is damaged (" in answer.json()["detail"]


def test_a_text_in_another_encoding_becomes_utf8(api):
    text = "Straße und Käse, über alles. " * 5
    found = api.post("/api/texts?encoding=cp1252", content=text.encode("cp1252")).json()
    assert api.get(f"/api/texts/{found['id']}/content").text == text
    marked = api.post("/api/texts?encoding=utf-16", content=text.encode("utf-16")).json()
    assert marked["id"] == found["id"]
    assert api.post("/api/texts", content=b"\xef\xbb\xbf" + text.encode()).json()["id"] == found["id"]


@pytest.mark.parametrize(
    ("content", "query", "words"),
    [
        (b"", "", "the text is empty"),
        (b"x", "", "the text is one character"),
        (b" \n\t " * 9, "", "the text is white space alone"),
        (b"caf\xe9 au lait", "", "not valid utf-8 at offset 3; name its true encoding"),
        (b"PK\x03\x04\x00\x00", "", "looks like a binary file"),
        (b"abc", "?encoding=klingon", "`encoding` is 'klingon'"),
        *((b"x-abc" * 99, f"?encoding={name}", f"`encoding` is '{name}'") for name in NO_TEXTS),
        (b"\x00\xd8a\x00", "?encoding=utf-16-le", "not valid utf-16-le at offset 0"),
        (b"abc", "?name=" + "x" * 300, "`name` is 'xxx"),
    ],
)
def test_texts_that_cannot_be(api, content, query, words):
    answer = api.post(f"/api/texts{query}", content=content)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("encoding", texts.ENCODINGS)
def test_encodings_that_are_known(encoding):
    texts.require_encoding(encoding)
    incoming = texts.Incoming(io.BytesIO(), encoding)
    for byte in "Once upon a time".encode(encoding):
        incoming.take(bytes([byte]))
    assert incoming.end("x")["start"] == "Once upon a time"


def test_a_text_is_decoded_beside_the_page(tmp_path, monkeypatch):
    threads, take = [], texts.Incoming.take

    def spied(self, *rest, **more):
        threads.append(threading.get_ident())
        take(self, *rest, **more)

    monkeypatch.setattr(texts.Incoming, "take", spied)

    async def pieces():
        for word in ("Once ", "upon "):
            yield word.encode()

    asyncio.run(texts.Texts(tmp_path, 9, 99, set).add(pieces(), "x"))
    assert len(threads) == 3
    assert threading.get_ident() not in threads


def test_texts_are_bounded(tmp_path):
    with client(tmp_path, text_bytes=1000, kept_texts=2) as api:
        assert api.post("/api/texts", content=b"ab " * 400).status_code == 413
        pieces = iter([b"ab " * 200, b"cd " * 200])  # without a content-length
        answer = api.post("/api/texts", content=pieces)
        assert answer.status_code == 413
        assert "longer than 1,000 bytes" in answer.json()["detail"]
        first, second, third = (send(api, f"text {n} " * 9) for n in "abc")
        # The oldest that no run uses made room.
        assert [api.get(f"/api/texts/{text}").status_code for text in (first, second, third)] == [404, 200, 200]
        assert not [file for file in (tmp_path / ".studio/texts").iterdir() if file.is_dir()]
        api.app.state.studio.texts.used = lambda: {second, third}
        answer = api.post("/api/texts", content=b"one more text")
        assert answer.status_code == 409
        assert "there are 2 texts, which is the limit" in answer.json()["detail"]


def test_a_corpus_that_is_not_here_is_not_fetched(api, monkeypatch):
    monkeypatch.setattr(CorpusInfo, "local", lambda self: None)
    answer = api.post("/api/runs", json={"corpus": "tinyshakespeare"})
    assert answer.status_code == 409
    assert "fetch it first: recurra corpora --fetch tinyshakespeare" in answer.json()["detail"]
