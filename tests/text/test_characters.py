"""Characters and bytes as symbols."""

from helpers.vocabularies import quick
from hypothesis import given
from hypothesis import strategies as st

from recurra.text import TextConfig, build_vocabulary


def test_characters_are_numbered_by_code_point_behind_the_specials():
    assert build_vocabulary(["bab\n"]).tokens == ["\\n", "a", "b"]
    vocabulary = build_vocabulary(["bab"], TextConfig(unknown="unk"), documents=True)
    assert (vocabulary.tokens, vocabulary.eod, vocabulary.unk) == (["<eod>", "<unk>", "a", "b"], 0, 1)
    assert vocabulary.encode("abc").tolist() == [2, 3, 1]
    assert vocabulary.decode([0, 2, 1, 3, 0]) == "ab"


def test_frequent_characters_are_the_ones_kept():
    vocabulary = build_vocabulary(["cccabb"], TextConfig(vocabulary_size=3, unknown="unk"))
    assert vocabulary.tokens == ["<unk>", "b", "c"]


def test_a_character_comes_with_its_last_byte():
    decoder = build_vocabulary([], TextConfig("byte")).decoder()
    assert [decoder.push(b) for b in "é😀".encode()] == ["", "é", "", "", "", "😀"]


def test_half_a_character_at_the_end_is_left_out():
    vocabulary = build_vocabulary([], TextConfig("byte"), documents=True)
    assert vocabulary.decode([65, 0xE4, 0xB8]) == "A"
    assert vocabulary.decode([65, 0xE4, 0xB8, vocabulary.eod, 0xAD, 66]) == "A\ufffdB"  # 0xAD alone is no character


@given(st.lists(st.integers(0, 255)))
@quick
def test_any_bytes_decode_as_utf8_does(ids):
    vocabulary = build_vocabulary([], TextConfig("byte"))
    want = bytes(ids).decode("utf-8", "replace")
    got = vocabulary.decode(ids)
    assert got == want or got == want.removesuffix("\ufffd")
