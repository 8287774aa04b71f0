"""Pieces of a text that cut no word, and the place in it."""

from helpers.vocabularies import chunked, long_texts, quick, texts
from hypothesis import given
from hypothesis import strategies as st

from recurra.text import TextConfig, build_vocabulary
from recurra.text import pieces as pieces_module
from recurra.text.pieces import Place, whole_words


@quick
@given(text=long_texts, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_pieces_are_the_text_and_cut_no_word(text, sizes):
    old, pieces_module.SIZE = pieces_module.SIZE, 16
    try:
        parts = list(whole_words(chunked(text, sizes)))
    finally:
        pieces_module.SIZE = old
    assert "".join(parts) == text
    for left, right in zip(parts, parts[1:], strict=False):
        assert len(left) <= 16
        assert len(left) == 16 or (right[0].isspace() and not left[-1].isspace())


def test_a_word_longer_than_a_piece_is_cut_and_kept():
    text = "a" * 200_000 + " " + "b" * 70_000
    assert [len(p) for p in whole_words([text])] == [65536, 65536, 65536, 3392, 65536, 4465]
    vocabulary = build_vocabulary([text], TextConfig("word"))
    assert vocabulary.decode(vocabulary.encode(text)) == text


@quick
@given(before=texts, text=texts)
def test_places_add_up(before, text):
    place = Place().after(before).after(text)
    whole = before + text
    assert place == Place().after(whole)
    assert place == Place(len(whole), whole.count("\n") + 1, len(whole.split("\n")[-1]) + 1)
