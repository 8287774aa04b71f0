"""Tables and folders of recordings with their texts."""

import numpy as np
import pytest

from recurra.errors import DataError, RecurraError
from recurra.tasks.speech import read_manifest

pytest.importorskip("kaldi_native_fbank")

soundfile = pytest.importorskip("soundfile")


@pytest.fixture
def recordings(tmp_path):
    for name in ("a.wav", "b.flac"):
        soundfile.write(tmp_path / name, np.zeros(100), 8000)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.csv", 'path,text,speaker\na.wav,"one, two",x\nb.flac,three,y\n'),
        ("list.tsv", "\ufefftext\tpath\none, two\ta.wav\nthree\tb.flac\n"),
    ],
)
def test_a_table_names_recordings_and_texts(recordings, name, content):
    (recordings / name).write_text(content, "utf-8")
    assert read_manifest(recordings / name) == [(recordings / "a.wav", "one, two"), (recordings / "b.flac", "three")]


def test_a_quote_between_tabs_is_a_quote(recordings):
    (recordings / "list.tsv").write_text('path\ttext\na.wav\t"one\nb.flac\ttwo\n')
    assert [text for _, text in read_manifest(recordings / "list.tsv")] == ['"one', "two"]


def test_a_folder_has_texts_beside_its_recordings(recordings):
    with pytest.raises(DataError, match=r"the text of .*a.wav is expected beside it: there is no file .*a.txt"):
        read_manifest(recordings)
    (recordings / "a.txt").write_text("one two\n")
    with pytest.warns(UserWarning, match=r": left out 1 recordings without a text beside them$"):
        assert read_manifest(recordings) == [(recordings / "a.wav", "one two\n")]
    (recordings / "b.txt").write_text("three")
    assert read_manifest(recordings) == [(recordings / "a.wav", "one two\n"), (recordings / "b.flac", "three")]
    (recordings / "b.txt").write_bytes(b"\xfc")
    with pytest.raises(DataError, match=r"b.txt is not UTF-8"):
        read_manifest(recordings)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, "there is no file .*none.csv"),
        ("list.txt", "a.wav one", "list.txt is no list of recordings; expected .csv or .tsv"),
        ("list.csv", "file,words\na.wav,one\n", "has no column `path`; its first line has: file, words"),
        ("list.csv", "file;text\na.wav;one\n", "has no column `path`; its first line has: file, text"),
        ("list.csv", "", "list.csv is empty; expected a first row that names the columns"),
        ("list.csv", "path,text\na.wav,one, two\n", "line 2: 3 cells; expected 2, as in the first row; quote a cell"),
        ("list.csv", "path,text\n", "list.csv names no recordings"),
        ("list.csv", "path,text\na.wav,one\n,two\n", "line 3: expected a path and a text, got '', 'two'"),
        ("list.csv", 'path,text\na.wav,"one\nb.flac,two\n', "list.csv, line 2: a quotation mark has no end"),
        ("list.csv", b"path,text\na.wav,\xff\n", "list.csv is not UTF-8: byte 16 is 0xFF"),
    ],
)
def test_a_bad_table_is_one_clear_line(recordings, name, content, words):
    if content is not None:
        (recordings / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(RecurraError, match=words):
        read_manifest(recordings / name)


def test_a_folder_without_sound_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no sound files"):
        read_manifest(tmp_path)
