"""Byte pairs: learned, saving tokens, the same in every process."""

import subprocess
import sys

from recurra.text import TextConfig, build_vocabulary


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
