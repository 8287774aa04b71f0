"""Corpora on disk: what is in them, that they appear whole or not at all, and that memory does not grow."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.soak import count
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.data import Corpus, DataConfig, build_corpus, read_documents, text_document
from recurra.data import corpus as corpus_module
from recurra.errors import DataError, RunError, VocabularyError
from recurra.text import TextConfig, build_vocabulary

TEXT = "The quick brown fox\r\njumps over — the lazy dog. 中文 😀\n"


def of_text(text, folder, unit="character", **fields):
    return build_corpus(text_document(text), folder, TextConfig(unit), DataConfig(**fields))


@pytest.mark.parametrize("unit", ["character", "byte", "word", "token", "bpe"])
def test_a_corpus_is_its_text(unit, tmp_path):
    built = of_text(TEXT * 50, tmp_path / "new" / "run", unit)
    for corpus in (built, Corpus.open(tmp_path / "new" / "run")):
        assert corpus.vocabulary.decode(corpus.ids) == TEXT * 50
        assert (corpus.characters, corpus.documents) == (len(TEXT) * 50, 1)
        assert corpus.vocabulary.eod is None
        assert corpus.ids.dtype == corpus.vocabulary.dtype
        assert isinstance(corpus.ids, np.memmap)
        assert not corpus.ids.flags.writeable
        assert corpus.vocabulary.unit == unit
        assert corpus.notes == []
    assert sorted(os.listdir(tmp_path / "new" / "run")) == ["corpus.bin", "corpus.json", "vocabulary.json"]


def test_several_documents_each_have_an_end(tmp_path):
    corpus = build_corpus([text_document("ab"), text_document(""), text_document("ba")], tmp_path)
    eod = corpus.vocabulary.eod
    assert corpus.ids.tolist() == [1, 2, eod, eod, 2, 1, eod]
    assert (corpus.documents, corpus.characters) == (3, 4)


def test_files_folders_and_names_make_one_corpus(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_bytes(b"caf\xe9\r\n")
    (tmp_path / "folder" / "b.pdf").write_bytes(b"x")
    (tmp_path / "c.txt").write_text("tea")
    corpus = build_corpus(
        [tmp_path / "c.txt", str(tmp_path / "folder"), text_document("milk")],
        tmp_path / "run",
        data=DataConfig(invalid="replace"),
    )
    assert corpus.vocabulary.decode(corpus.ids) == "teacaf\ufffd\r\nmilk"
    documents = read_documents([tmp_path / "c.txt", tmp_path / "folder"], invalid="replace")
    assert build_corpus(documents, tmp_path / "other").notes == corpus.notes
    name = "a.txt"
    assert corpus.info["sources"] == ["c.txt", name, "text"]  # no absolute path
    assert corpus.notes == [f"{name}: 1 invalid byte sequences became U+FFFD", "files left out: 1 of kind .pdf"]


def test_the_encoding_is_obeyed(tmp_path):
    (tmp_path / "a.txt").write_bytes("déjà vu".encode("latin-1"))
    corpus = build_corpus(tmp_path / "a.txt", tmp_path, data=DataConfig(encoding="latin-1"))
    assert corpus.vocabulary.decode(corpus.ids) == "déjà vu"


@settings(deadline=None, max_examples=count(60, 1200))
@given(count=st.integers(2, 300), validation=st.sampled_from([0.0, 0.05, 0.1, 0.5, 0.9]))
def test_the_last_part_is_kept_for_validation(count, validation):
    try:
        train = corpus_module.split(count, validation)
    except DataError:
        assert int(count * (1 - validation)) < 2
        return
    assert 2 <= train <= count
    assert train == count or train == int(count * (1 - validation))
    assert count - train != 1
    if validation == 0:
        assert train == count


def test_train_and_valid_are_views_of_the_ids(tmp_path):
    corpus = of_text("abcdefghij" * 10, tmp_path, validation=0.25)
    assert (len(corpus.train), len(corpus.valid)) == (75, 25)
    assert corpus.train.tolist() + corpus.valid.tolist() == corpus.ids.tolist()
    assert len(of_text("abcdefghij", tmp_path).valid) == 0  # one token is too short a part


def test_a_given_vocabulary_is_used_and_nothing_is_written_where_it_lacks_a_symbol(tmp_path):
    vocabulary = build_vocabulary(["abcd"])
    assert build_corpus(text_document("bad"), tmp_path, vocabulary=vocabulary).ids.tolist() == [1, 0, 3]
    with pytest.raises(VocabularyError, match=r"^new: ' ' .* at offset 3 .*'n' "):
        build_corpus(text_document("bad news", "new"), tmp_path / "run", vocabulary=vocabulary)
    assert os.listdir(tmp_path / "run") == []
    assert Corpus.open(tmp_path).ids.tolist() == [1, 0, 3]


@pytest.mark.parametrize("unit", ["character", "byte", "word", "token", "bpe"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "poem: the text is empty; training needs at least 2 characters, not only white space"),
        ("x", "poem: the text is one character; training needs at least 2"),
        (" ", "poem: the text is 1 character of white space"),
        (" \r\n\t\u3000", "poem: the text is 5 characters of white space"),
    ],
)
def test_a_text_too_short_is_one_clear_line(text, words, unit, tmp_path):
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        build_corpus(text_document(text, "poem"), tmp_path / "run", TextConfig(unit))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_text_of_one_word_is_too_short(tmp_path):
    with pytest.raises(DataError, match="the text is 1 word token long; training needs at least 2"):
        of_text("word", tmp_path, "word")
    assert os.listdir(tmp_path) == []


def test_a_validation_share_that_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match=r"validation=0\.95 leaves 1 of 20 tokens to train on; it needs at least 2"):
        of_text("ab" * 10, tmp_path, validation=0.95)


@pytest.mark.parametrize("text", ["ab", "aaaa", "ab\n", "😀😀"])
def test_two_characters_are_enough(text, tmp_path):
    corpus = of_text(text, tmp_path)
    assert corpus.vocabulary.decode(corpus.train) == text


def test_progress_rises_to_the_end(tmp_path):
    shares = []
    (tmp_path / "a.txt").write_text("ünï" * 200_000)
    build_corpus(tmp_path / "a.txt", tmp_path, progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 4
    assert shares[-1] == 1.0


# Damage


def damaged(name, change):
    def apply(folder):
        path = folder / name
        path.unlink() if change is None else path.write_bytes(change(path.read_bytes()))

    return apply


def edited(**fields):
    return lambda data: json.dumps({k: v for k, v in (json.loads(data) | fields).items() if v is not None}).encode()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (damaged("corpus.json", None), "holds no corpus: there is no corpus.json"),
        (damaged("corpus.json", lambda data: data[:30]), "corpus.json is damaged ("),
        (damaged("corpus.json", lambda data: b"\xff"), "corpus.json is damaged ("),
        (damaged("corpus.json", lambda data: b"[]"), "is not a corpus of this version of Recurra"),
        (damaged("corpus.json", edited(schema=2)), "is not a corpus of this version of Recurra (schema 1)"),
        (damaged("corpus.json", edited(train=None)), "corpus.json is damaged: `train` is None"),
        (damaged("corpus.json", edited(count="many")), "corpus.json is damaged: `count` is 'many'"),
        (damaged("corpus.json", edited(dtype="object")), "corpus.json is damaged: `dtype` is 'object'"),
        (damaged("corpus.json", edited(vocabulary=65)), "has 35 tokens, but corpus.bin was written with 65"),
        (damaged("corpus.bin", None), "cannot be read"),
        (damaged("corpus.bin", lambda data: data[:-1]), "corpus.bin is damaged"),
        (damaged("corpus.bin", lambda data: data + b"\0"), "corpus.bin is damaged"),
        (damaged("corpus.bin", lambda data: bytes([data[0] ^ 1]) + data[1:]), "corpus.bin is damaged"),
        (damaged("vocabulary.json", None), "vocabulary.json is missing"),
        (damaged("vocabulary.json", lambda data: data[:30]), "the vocabulary is damaged"),
        (damaged("vocabulary.json", lambda data: b"\xff"), "vocabulary.json is damaged"),
    ],
)
def test_a_damaged_corpus_gives_one_line(damage, words, tmp_path):
    of_text(TEXT, tmp_path)
    damage(tmp_path)
    with pytest.raises(RunError, match=re.escape(words)) as caught:
        Corpus.open(tmp_path)
    assert "\n" not in str(caught.value)


# A disk that is full


def test_a_full_disk_leaves_the_old_corpus(tmp_path, monkeypatch):
    of_text(TEXT, tmp_path)

    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        RunError, match=r"could not be written to .*: No space left on device\. It needs up to 1 MB"
    ) as error:
        of_text("other text", tmp_path)
    assert "\n" not in str(error.value)
    assert sorted(os.listdir(tmp_path)) == ["corpus.bin", "corpus.json", "vocabulary.json"]
    corpus = Corpus.open(tmp_path)
    assert corpus.vocabulary.decode(corpus.ids) == TEXT


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file sizes to set")
def test_a_true_write_error_is_one_line_and_leaves_nothing(tmp_path):
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from recurra.data import *; from recurra.errors import RunError\n"
        "try: build_corpus(text_document('abc' * 100_000), sys.argv[1])\n"
        "except RunError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert run.stdout.startswith(f"the corpus could not be written to {tmp_path}: File too large. It needs up to ")
    assert run.stdout.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match=r"the corpus could not be written to .*: (Not a directory|File exists)"):
        of_text(TEXT, tmp_path / "file" / "run")


# Memory

PEAK = """
import sys
from pathlib import Path
from recurra.data import build_corpus
from recurra.text import TextConfig
corpus = build_corpus(sys.argv[1], sys.argv[2], TextConfig(sys.argv[3]))
assert "torch" not in sys.modules
# Not getrusage: its peak includes that of the process that started this one.
status = Path("/proc/self/status").read_text()
print(len(corpus.ids), int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""
LINE = "It was — as they say — a bright cold day in April, and the clocks were striking thirteen: 中文 №{}.\n"


def write_text(path: Path, megabytes: int):
    """Lines with ever new numbers, in some scripts, without a text of that size in memory."""
    with path.open("w", encoding="utf-8", newline="") as file:
        block = LINE * 1000
        for i in range(megabytes * 10**6 // len(block.encode()) + 1):
            file.write(block.replace("{}", str(i)))


def peak(path, folder, unit):
    run = [sys.executable, "-c", PEAK, str(path), str(folder), unit]
    tokens, megabytes = map(int, subprocess.run(run, capture_output=True, text=True, check=True).stdout.split())
    return tokens, megabytes


@pytest.mark.clock
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc, as Linux has it")
@pytest.mark.parametrize(
    ("unit", "small", "large"),
    [
        ("character", 1, 64),
        ("word", 1, 8),
        pytest.param("character", 1, 1100, marks=pytest.mark.soak),
        pytest.param("word", 8, 40, marks=pytest.mark.soak),
        # The tokenizer's own caches fill up in the first tens of megabytes: 69, 89 and 97 MB for 8, 40 and 120 MB of text.
        pytest.param("bpe", 40, 90, marks=pytest.mark.soak),
    ],
)
def test_memory_does_not_grow_with_the_text(unit, small, large, tmp_path):
    peaks = []
    for size in (small, large):
        path = tmp_path / f"{size}.txt"
        write_text(path, size)
        tokens, megabytes = peak(path, tmp_path / "run", unit)
        assert unit in ("word", "bpe") or tokens > size * 9e5
        path.unlink()
        peaks.append(megabytes)
    assert peaks[1] < 150, "megabytes"
    assert peaks[1] - peaks[0] < 24, f"megabytes more for a text {large - small} MB longer: {peaks}"
