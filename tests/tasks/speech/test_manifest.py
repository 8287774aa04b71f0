"""Tables and folders of recordings with their texts."""

from pathlib import Path

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


def test_the_table_of_common_voice_names_clips_and_sentences(tmp_path):
    (tmp_path / "clips").mkdir()
    for name in ("a.mp3", "b.mp3"):
        (tmp_path / "clips" / name).write_bytes(b"x")
    rows = ["client_id\tpath\tsentence_id\tsentence\tup_votes", 'u\ta.mp3\t1\tOne "two.\t2', "u\tb.mp3\t2\tThree.\t2"]
    (tmp_path / "train.tsv").write_text("\n".join(rows))
    clips = tmp_path / "clips"
    assert read_manifest(tmp_path / "train.tsv") == [(clips / "a.mp3", 'One "two.'), (clips / "b.mp3", "Three.")]


def test_the_table_of_lj_speech_has_no_first_row_of_names(tmp_path):
    (tmp_path / "wavs").mkdir()
    for name in ("LJ1", "LJ2"):
        (tmp_path / "wavs" / f"{name}.wav").write_bytes(b"x")
    (tmp_path / "metadata.csv").write_text('LJ1|"One, 2|"One, two\nLJ2|Three;|Three;\n')
    wavs = tmp_path / "wavs"
    assert read_manifest(tmp_path / "metadata.csv") == [(wavs / "LJ1.wav", '"One, two'), (wavs / "LJ2.wav", "Three;")]


def test_a_folder_of_librispeech_has_lists_of_texts(tmp_path):
    book = tmp_path / "84" / "121"
    book.mkdir(parents=True)
    for name in ("84-121-0", "84-121-1"):
        (book / f"{name}.flac").write_bytes(b"x")
    (book / "84-121.trans.txt").write_text("84-121-0 GO ON\n84-121-1\n\n")
    assert read_manifest(tmp_path) == [(book / "84-121-0.flac", "GO ON"), (book / "84-121-1.flac", "")]


def test_a_recording_is_looked_for_where_the_last_one_was(tmp_path, monkeypatch):
    (tmp_path / "wavs").mkdir()
    for k in range(50):
        (tmp_path / "wavs" / f"{k}.wav").write_bytes(b"x")
    asked, is_file = [], Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: asked.append(path) or is_file(path))
    (tmp_path / "list.csv").write_text("path,text\n" + "".join(f"{k},one\n" for k in range(50)))
    assert read_manifest(tmp_path / "list.csv")[-1][0] == tmp_path / "wavs" / "49.wav"
    assert len(asked) < 200


def test_a_name_in_another_form_of_unicode_is_found_beside_too(tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "é.wav").write_bytes(b"x")
    (tmp_path / "list.csv").write_text("path,text\ne\u0301.wav,one\n", "utf-8")
    assert read_manifest(tmp_path / "list.csv") == [(tmp_path / "clips" / "é.wav", "one")]


def test_names_of_columns_that_others_use(recordings):
    (recordings / "list.csv").write_text("File_Name,Transcription,text\na.wav,one,two\n")
    assert read_manifest(recordings / "list.csv") == [(recordings / "a.wav", "two")]


def test_a_recording_that_is_not_there_keeps_its_path(tmp_path):
    (tmp_path / "list.csv").write_text("path,text\nnone.wav,one\nnone,two\n")
    assert [path for path, _ in read_manifest(tmp_path / "list.csv")] == [tmp_path / "none.wav", tmp_path / "none"]


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
        ("list.csv", "file,words\na.wav,one\n", "has no column `text`; its first line has: file, words"),
        ("list.csv", "what;text\na.wav;one\n", "has no column `path`; its first line has: what, text"),
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
