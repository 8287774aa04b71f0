"""Fetching a corpus: once, whole, and one line for everything that can go wrong."""

import dataclasses
import hashlib
import http.server
import os
import threading

import pytest

from recurra.data import corpus_path, fetch
from recurra.data.corpora import CORPORA
from recurra.errors import RunError

FILE = b"A tiny corpus,\rwith the line ends of another age.\r" * 50
WHOLE = FILE.replace(b"\r", b"\r\n")


@pytest.fixture
def server():
    """The address of a server on this machine that has FILE, and the list of what was asked of it."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            found = self.path == "/tiny.txt"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(FILE) * found))
            self.end_headers()
            self.wfile.write(FILE * found)

        def log_message(self, *_):
            """Be quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http_server.server_port}", asked
        http_server.shutdown()
        thread.join()


def known(monkeypatch, url, content=FILE, fetched=None):
    """Make a corpus `tiny` known."""
    info = dataclasses.replace(
        CORPORA["tinyshakespeare"],
        **{"name": "tiny", "url": url, "file": "here/tiny.txt", "bytes": len(content)},
        sha256=hashlib.sha256(content).hexdigest(),
        fetched_sha256=fetched and hashlib.sha256(fetched).hexdigest(),
    )
    monkeypatch.setitem(CORPORA, "tiny", info)
    return info


def test_a_corpus_is_fetched_once_and_kept(cache, server, monkeypatch):
    url, asked = server
    info = known(monkeypatch, f"{url}/tiny.txt")
    assert info.local() is None
    assert corpus_path("tiny").read_bytes() == FILE
    assert corpus_path("tiny") == info.local() == cache / "tiny.txt"
    assert asked == ["/tiny.txt"]
    assert os.listdir(cache) == ["tiny.txt"]


def test_lost_line_feeds_are_put_back(cache, server, monkeypatch):
    info = known(monkeypatch, f"{server[0]}/tiny.txt", WHOLE, fetched=FILE)
    assert corpus_path("tiny").read_bytes() == WHOLE
    assert info.local() == cache / "tiny.txt"


def test_a_spoilt_file_is_fetched_again(cache, server, monkeypatch):
    known(monkeypatch, f"{server[0]}/tiny.txt")
    corpus_path("tiny").write_bytes(b"spoilt")
    assert corpus_path("tiny").read_bytes() == FILE
    assert len(server[1]) == 2


def test_a_file_put_there_by_hand_is_taken(cache, tmp_path, monkeypatch):
    info = known(monkeypatch, "http://127.0.0.1:9/tiny.txt")
    (tmp_path / "data/here").mkdir(parents=True)
    (tmp_path / "data/here/tiny.txt").write_bytes(FILE)
    monkeypatch.setenv("RECURRA_DATA", str(tmp_path / "data"))
    assert corpus_path("tiny") == tmp_path / "data/here/tiny.txt"
    (tmp_path / "data/here/tiny.txt").write_bytes(FILE + b"!")
    assert info.local() is None


def one_line(name="tiny"):
    with pytest.raises(RunError) as caught:
        corpus_path(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_a_network_one_line_says_what_to_do(cache, monkeypatch):
    info = known(monkeypatch, "http://127.0.0.1:9/tiny.txt")
    assert one_line() == (
        "the corpus `tiny` could not be fetched from http://127.0.0.1:9/tiny.txt (ConnectionError). "
        f"Put the file ({len(FILE):,} bytes, SHA-256 {info.sha256}) at {cache / 'tiny.txt'}, "
        "or take a corpus that needs no network: manual or stdlib"
    )


def test_what_is_not_the_file_is_not_kept(cache, server, monkeypatch):
    known(monkeypatch, f"{server[0]}/tiny.txt", content=b"something else")
    assert "(the file there is another one)" in one_line()
    assert not os.listdir(cache)


def test_an_address_that_has_gone_is_one_line(cache, server, monkeypatch):
    known(monkeypatch, f"{server[0]}/gone.txt")
    assert "/gone.txt (HTTPError). Put the file" in one_line()


def test_a_folder_that_cannot_be_made_is_one_line(cache, server, monkeypatch):
    cache.write_text("in the way")
    known(monkeypatch, f"{server[0]}/tiny.txt")
    assert "could not be fetched" in one_line()


def test_without_a_home_folder_corpora_are_listed_and_no_folder_of_that_name_is_made(tmp_path, monkeypatch):
    import pooch

    def none(name):
        raise RuntimeError("could not determine the home directory for '~/.cache'")

    info = CORPORA["tinyshakespeare"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECURRA_DATA", raising=False)
    for answer in (none, lambda name: "~/.cache/recurra"):
        monkeypatch.setattr(pooch, "os_cache", answer)
        monkeypatch.setattr("recurra.paths.os.path.expanduser", str)
        assert fetch.local(info) is None
        with pytest.raises(RunError, match=r"no home folder to keep corpora in: HOME is not set\. Set XDG_CACHE_HOME"):
            fetch.fetch(info)
    assert not (tmp_path / "~").exists()
