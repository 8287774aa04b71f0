"""Vocabularies of every kind, and texts that are hard for them."""

import re

from helpers.soak import count
from hypothesis import settings
from hypothesis import strategies as st

from recurra.text import TextConfig

quick = settings(deadline=None, max_examples=count(60, 1200))
SAMPLE = "Wär's möglich?\r\n\tJa, 中文も。 “Don't” 👩‍👩‍👧 नमस्ते — e\u0301 x\u00a0y  \n\n"
CONFIGS = {
    "character": TextConfig(nfc=False),
    "character-bytes": TextConfig(min_count=2, unknown="bytes", nfc=False),
    "character-unk": TextConfig(min_count=2, unknown="unk", nfc=False),
    "byte": TextConfig("byte", nfc=False),
    "word": TextConfig("word", nfc=False),
    "word-bytes": TextConfig("word", vocabulary_size=300, unknown="bytes", nfc=False),
    "word-unk": TextConfig("word", vocabulary_size=12, unknown="unk", nfc=False),
    "token-bytes": TextConfig("token", vocabulary_size=300, unknown="bytes", nfc=False),
    "bpe": TextConfig("bpe", vocabulary_size=300, nfc=False),
    "nfc": TextConfig(nfc=True),
    "word-nfc": TextConfig("word", nfc=True),
    "bpe-nfc": TextConfig("bpe", vocabulary_size=300, nfc=True),
}


SIGNS = " \n\r\tab.,'é中😀\u0301\u3000\x1c"


# Any text that can be written: no half surrogates, but NUL, marks, emoji, every kind of white space.
texts = st.text(st.characters(codec="utf-8"), max_size=80) | st.text(SIGNS, max_size=80)
long_texts = st.text(SIGNS, min_size=40, max_size=120)


def chunked(text, sizes):
    """The text in chunks of some sizes, over and over."""
    at = 0
    while at < len(text):
        for size in sizes:
            yield text[at : at + size]
            at += size


def says(*parts):
    return ".*".join(re.escape(part) for part in parts)
