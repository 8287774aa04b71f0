"""Reading texts: every character as it is in the file, in bounded pieces; errors with their place."""

import io
import os
import re
import sys
import threading

import pytest
from helpers.encodings import ENCODINGS
from helpers.soak import count
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recurra.data import documents, read_documents, text_document
from recurra.data.documents import Document
from recurra.errors import DataError

quick = settings(deadline=None, max_examples=count(80, 1600))


@pytest.fixture
def file(tmp_path):
    def make(content, name="book.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def of_bytes(data, **fields):
    return Document("book.txt", lambda: io.BytesIO(data), len(data), **fields)


def small_chunks(monkeypatch, size):
    monkeypatch.setattr(documents, "CHUNK", size)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_text_is_read_as_it_is_in_any_pieces(encoding, monkeypatch):
    text = "One\r\ntwo\rthree\n\n"
    text += {"latin-1": "é\x85ü", "shift_jis": "日本語", "utf-16": "中文😀\ufffd"}.get(encoding, "日本語 \u2028")
    for size in (1, 2, 3, 5, 1000):
        small_chunks(monkeypatch, size)
        assert of_bytes(text.encode(encoding), encoding=encoding).text() == text


@quick
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.integers(1, 9))
@example("\ufeff\ufeffx", 1)
def test_utf8_is_read_as_it_is(text, size):
    old, documents.CHUNK = documents.CHUNK, size
    try:
        document = of_bytes(text.encode())
        assert document.text() == text.removeprefix("\ufeff") == document.text()  # as often as needed
    finally:
        documents.CHUNK = old


def test_a_mark_is_stripped_at_the_start_only(file):
    path = file(b"\xef\xbb\xbfa\xef\xbb\xbfb")
    assert read_documents(path)[0].text() == "a\ufeffb"


@pytest.mark.parametrize("size", [1, 2, 3, 4, 1000])
def test_invalid_bytes_are_named_with_their_place(monkeypatch, size):
    small_chunks(monkeypatch, size)
    with pytest.raises(DataError) as caught:
        of_bytes("één\ntwee".encode() + b"\n\xe2\x82x").text()
    assert str(caught.value) == (
        "book.txt is not valid utf-8: byte 0xE2 at offset 11 (line 3), invalid continuation byte. "
        "Name the encoding if it is another (encoding='latin-1', 'cp1252', ...), "
        "or put U+FFFD there with invalid='replace'"
    )


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_text_that_ends_inside_a_character_is_invalid(monkeypatch, size):
    small_chunks(monkeypatch, size)
    with pytest.raises(DataError, match=r"byte 0xE2 at offset 2 \(line 2\), unexpected end of data"):
        of_bytes(b"a\n\xe2\x82").text()
    with pytest.raises(DataError, match=r"byte 0x93 at offset 1 \(line 1\), "):
        of_bytes(b"a\x93", encoding="shift_jis").text()


def test_the_mark_of_another_encoding_is_recognised():
    with pytest.raises(DataError, match="It begins with the mark of utf-16: say encoding='utf-16'"):
        of_bytes("hello".encode("utf-16")).text()
    with pytest.raises(DataError, match="It begins with the mark of utf-32: say encoding='utf-32'"):
        of_bytes("hello".encode("utf-32")).text()


@quick
@given(st.binary(max_size=60), st.integers(1, 9))
def test_replacing_is_what_python_does_and_is_counted(data, size):
    data = data.replace(b"\0", b"")
    old, documents.CHUNK = documents.CHUNK, size
    try:
        document = of_bytes(data, invalid="replace")
        assert document.text() == data.decode("utf-8", "replace").removeprefix("\ufeff")
    finally:
        documents.CHUNK = old
    assert document.replaced == data.decode("utf-8", "replace").count("\ufffd") - data.decode("utf-8", "ignore").count(
        "\ufffd"
    )


def test_true_replacement_characters_are_not_counted(monkeypatch):
    small_chunks(monkeypatch, 2)
    document = of_bytes("a\ufffdb\ufffd".encode() + b"\xff\xffc", invalid="replace")
    assert (document.text(), document.replaced) == ("a\ufffdb\ufffd\ufffd\ufffdc", 2)
    assert (document.text(), document.replaced) == ("a\ufffdb\ufffd\ufffd\ufffdc", 2)


def test_a_binary_file_is_refused(file):
    path = file(b"PNG\n\x1a\n" + bytes(20), "picture.png")
    with pytest.raises(DataError, match=r"picture\.png looks like a binary file: it has a NUL character in line 3"):
        read_documents(path)[0].text()


# Paths


def test_a_folder_is_read_in_order_and_says_what_it_left_out(file, tmp_path):
    for name in ("b.txt", "a.md", "sub/c.TXT", "sub/deep/README", "sub/d.py"):
        file(name, f"folder/{name}")
    file(b"\0\1", "folder/data.txt")
    file("x", "folder/.hidden")
    file("x", "folder/.git/config")
    file("x", "folder/image.png")
    file("", "folder/empty.txt")
    (tmp_path / "folder" / "nowhere.txt").symlink_to("gone")
    found = read_documents(tmp_path / "folder")
    names = [d.name.removeprefix(f"{tmp_path}/folder/") for d in found]
    assert names == ["a.md", "b.txt", "sub/c.TXT", "sub/d.py", "sub/deep/README"]
    assert [d.text() for d in found] == names
    assert found.skipped == {
        **{"binary": 1, "hidden": 1, "hidden folders": 1, "of kind .png": 1, "empty": 1, "not files": 1}
    }


def test_wide_encodings_are_not_taken_for_binary(file, tmp_path):
    file("wide".encode("utf-16"), "folder/a.txt")
    assert read_documents(tmp_path / "folder", encoding="utf-16")[0].text() == "wide"


def test_several_paths_keep_their_order(file):
    two, one = file("2", "two.txt"), file("1", "one.anything")
    assert [d.text() for d in read_documents([two, str(one), two])] == ["2", "1", "2"]


def test_standard_input_is_read_twice(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("één\r\n".encode())))
    (document,) = read_documents("-")
    assert (document.name, document.size) == ("standard input", 7)
    assert document.text() == document.text() == "één\r\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_read_twice(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text("through a pipe"))
    writer.start()
    (document,) = read_documents(tmp_path / "pipe")
    writer.join()
    assert document.text() == document.text() == "through a pipe"


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="this system has no such device")
def test_a_device_is_no_text(tmp_path):
    (tmp_path / "link.txt").symlink_to("/dev/zero")
    for path in ("/dev/zero", tmp_path / "link.txt"):
        with pytest.raises(DataError, match=rf"{path} is a device; expected a file, a folder or a pipe"):
            read_documents(path)


def test_a_corpus_is_known_by_name_unless_a_file_has_it(file, monkeypatch):
    monkeypatch.chdir(file("mine", "manual").parent)
    assert read_documents("manual")[0].text() == "mine"
    monkeypatch.chdir("/")
    assert "The standard type hierarchy" in read_documents("manual")[0].text()


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ([], "no text was named; expected files, folders, `-` for standard input, or names of corpora"),
        ("", "a text is ''; expected the path of a file or folder, or the name of a corpus"),
        ([7], "a text is 7; expected the path"),
        (["-", "-"], "`-` (standard input) was named twice; it can be read once"),
        ("bok.txt", "there is no file `bok.txt`; did you mean `book.txt`?"),
        ("tinyshakespear", "there is no file `tinyshakespear`; did you mean `tinyshakespeare`?"),
        ("no/such/thing", "there is no file `no/such/thing`; expected a file, a folder or a corpus: manual, stdlib"),
        ("To be,\nor not", "a path with line breaks was given; for a text itself, say text=..."),
        ("x" * 300, "cannot be read: File name too long"),
        ("a\0b", "cannot be read: embedded null byte"),
        ("book.txt/chapter", "cannot be read: Not a directory"),
        ("void", "void: no text files there (empty folder). Name files directly"),
        ("pictures", "pictures: no text files there (2 of kind .png, 1 hidden). Name files directly"),
    ],
)
def test_paths_that_cannot_be_read(paths, words, file, tmp_path, monkeypatch):
    for name in ("book.txt", "pictures/1.png", "pictures/2.PNG", "pictures/.x"):
        file("content", name)
    (tmp_path / "void").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        read_documents(paths)
    assert "\n" not in str(caught.value)


def test_an_unreadable_file_is_one_line(file, monkeypatch):
    document = read_documents(file("x"))[0]
    document.open = lambda: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    with pytest.raises(DataError, match=r"book\.txt cannot be read: Permission denied"):
        document.text()


def test_texts_in_memory():
    document = text_document("één\r\n\ufeff", "prompt")
    assert (document.name, document.text(), document.size) == ("prompt", "één\r\n\ufeff", 10)
    with pytest.raises(DataError, match=r"text is bytes; expected str\. Decode bytes first"):
        text_document(b"x")
    with pytest.raises(DataError, match=r"poem has half of a surrogate pair \(U\+D800\) at offset 1"):
        text_document("a\ud800", "poem")
