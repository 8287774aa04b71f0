"""One form of Unicode."""

import unicodedata

import pytest

from recurra.text import TextConfig, build_vocabulary
from recurra.text.forms import composed, composed_label, forms

APART, ONE = "cafe\u0301", "caf\u00e9"


def test_letters_are_composed_with_their_accents():
    assert composed(APART) == composed(ONE) == ONE
    assert composed("ascii") == "ascii"
    assert forms(APART) == [APART, ONE]
    assert forms("ascii") == ["ascii"]
    assert [composed_label(one) for one in (APART, 3, None, ("a",))] == [ONE, 3, None, ("a",)]


@pytest.mark.parametrize("unit", ["character", "byte", "word", "bpe"])
def test_texts_that_look_the_same_are_the_same_by_default(unit):
    for text in ("café crème", "한국어", "Tiếng Việt"):
        apart = unicodedata.normalize("NFD", text)
        size = {"vocabulary_size": 300} if unit == "bpe" else {}
        one, other = (build_vocabulary([f"{form} " * 3], TextConfig(unit, **size)) for form in (text, apart))
        assert one.symbols == other.symbols
        assert one.encode(text).tolist() == one.encode(apart).tolist()
        assert one.decode(one.encode(apart)) == text == one.readable(apart)


def test_what_was_learned_as_it_stood_is_read_as_it_stands_or_as_it_is_known():
    as_it_stood = TextConfig(nfc=False)
    both, apart, one = (build_vocabulary([text], as_it_stood) for text in (APART + ONE, APART, ONE))
    assert (both.readable(APART), both.readable(ONE)) == (APART, ONE)
    assert (apart.readable(ONE), one.readable(APART)) == (APART, ONE)
    assert one.readable("ü") == "ü", "known in no form: the error names what came"
    marked = build_vocabulary([ONE * 2 + "x"], TextConfig(nfc=False, unknown="unk", min_count=2))
    assert marked.readable(APART) == ONE
