"""Byte pairs: learned, saving tokens, the same in every process."""

import subprocess
import sys
import threading

import pytest

from recurra.data import build_corpus, text_document
from recurra.text import TextConfig, bpe, build_vocabulary


def test_byte_pairs_are_learned_and_save_tokens():
    text = "the cat sat on the mat and the cat sat " * 20
    vocabulary = build_vocabulary([text], TextConfig("bpe", vocabulary_size=290))
    assert " cat" in vocabulary.symbols
    assert len(vocabulary.encode(text)) < len(text) / 2


def test_byte_pairs_do_not_depend_on_the_process():
    code = (
        "import hashlib; from recurra.text import *;"
        "v = build_vocabulary(['a cat and a hat, öö '*9, 'the end'], TextConfig('bpe', vocabulary_size=280));"
        "print(hashlib.sha256(v.to_json().encode()).hexdigest())"
    )
    outs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "ab"
    }
    assert len(outs) == 1


class Stopped(Exception):
    pass


def test_a_stop_is_heeded_while_byte_pairs_are_learned():
    asked = threading.Event()

    def pieces():
        yield "the cat sat on the mat " * 9
        assert asked.wait(60), "nobody was asked meanwhile"
        yield "and so did the dog "

    def waiting():
        asked.set()
        raise Stopped

    with pytest.raises(Stopped):
        bpe.learn(pieces(), 300, 1, waiting)


def test_what_a_piece_raises_comes_out():
    def pieces():
        yield "the cat"
        raise Stopped

    with pytest.raises(Stopped):
        bpe.learn(pieces(), 300, 1)


def test_a_corpus_is_asked_while_its_byte_pairs_are_learned(tmp_path, monkeypatch):
    learn, fractions = bpe.learn, []
    monkeypatch.setattr(bpe, "learn", lambda pieces, size, least, waiting: waiting() or learn(pieces, size, least))
    build_corpus(
        text_document("the cat sat " * 30),
        tmp_path / "c",
        TextConfig("bpe", vocabulary_size=270),
        progress=fractions.append,
    )
    assert fractions[0] == 0.0, "asked before a chunk was read"
