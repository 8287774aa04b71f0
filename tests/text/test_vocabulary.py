"""Every vocabulary: decode inverts encode, in any pieces, after any extension."""

import unicodedata

import numpy as np
import pytest
from helpers.vocabularies import CONFIGS, SAMPLE, chunked, long_texts, quick, says, texts
from hypothesis import example, given
from hypothesis import strategies as st

from recurra.errors import DtypeError, VocabularyError
from recurra.text import TextConfig, build_vocabulary
from recurra.text import pieces as pieces_module

LOSSLESS = [name for name in CONFIGS if "unk" not in name and "nfc" not in name]


@pytest.mark.parametrize("name", LOSSLESS)
@quick
@given(text=texts, known=texts, documents=st.booleans())
def test_decode_inverts_encode(name, text, known, documents):
    config = CONFIGS[name]
    vocabulary = build_vocabulary([known, "\n", text, "\n", SAMPLE], config, documents)
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert ids.dtype == vocabulary.dtype
    assert vocabulary.characters(ids) == len(text)
    assert not len(ids) or ids.max() < len(vocabulary)


@pytest.mark.parametrize("name", ["character-bytes", "byte", "word-bytes", "bpe"])
@quick
@given(text=texts)
@example("\x7f\x80\u07ff\u0800\u0fff\u1000\uffff\U00010000\U0010ffff")  # where UTF-8 takes one byte more
def test_a_text_never_seen_survives_where_bytes_spell_it(name, text):
    vocabulary = build_vocabulary([SAMPLE], CONFIGS[name])
    assert vocabulary.decode(vocabulary.encode(text)) == text


@pytest.mark.parametrize("name", CONFIGS)
@quick
@given(text=texts | long_texts, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_chunks_do_not_matter(name, text, sizes):
    config = CONFIGS[name]
    old, pieces_module.SIZE = pieces_module.SIZE, 16  # so that even a short text is cut
    try:
        whole = build_vocabulary([text, "\n", SAMPLE], config)
        parts = build_vocabulary(chunked(text + SAMPLE, sizes), config)
        if config.unit != "bpe":  # there the learned merges may differ where a chunk's last word goes on
            assert parts.symbols == build_vocabulary([text + SAMPLE], config).symbols
        streamed = [*whole.stream(chunked(text, sizes))]
        assert np.concatenate([*streamed, np.empty(0, int)]).tolist() == whole.encode(text).tolist()
    finally:
        pieces_module.SIZE = old


@pytest.mark.parametrize(("size", "dtype"), [(256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "uint32")])
def test_ids_take_the_smallest_type(size, dtype):
    text = "".join(chr(c) for c in range(32, 0x110000) if not 0xD800 <= c < 0xE000)[:size]
    vocabulary = build_vocabulary([text], TextConfig(nfc=False))
    assert vocabulary.dtype == dtype
    assert vocabulary.encode(text).tolist() == list(range(size))


@quick
@given(text=texts)
def test_nfc_equals_composing_the_whole_text(text):
    vocabulary = build_vocabulary([text, "\n", SAMPLE], CONFIGS["nfc"])
    composed = unicodedata.normalize("NFC", text)
    assert vocabulary.decode(vocabulary.encode(text)) == composed
    assert vocabulary.encode(text).tolist() == vocabulary.encode(composed).tolist()


@pytest.mark.parametrize("name", LOSSLESS)
@quick
@given(text=texts)
def test_pushed_pieces_are_whole_characters(name, text):
    vocabulary = build_vocabulary([text, "\n", SAMPLE], CONFIGS[name])
    decoder = vocabulary.decoder()
    pieces = [decoder.push(int(i)) for i in vocabulary.encode(text)]
    assert "".join(pieces) == text
    assert decoder.flush() == ""
    assert text.count("\ufffd") == "".join(pieces).count("\ufffd")


@pytest.mark.parametrize("name", ["character", "word", "character-bytes", "nfc"])
def test_extend_keeps_old_ids(name):
    old = build_vocabulary(["to be or to be or"], CONFIGS[name], documents=True)
    new = old.extend(["not", " to é", " zé"])
    assert new.symbols[: len(old)] == old.symbols
    assert new.encode("to be or").tolist() == old.encode("to be or").tolist()
    assert new.decode(new.encode("not to é zé")) == "not to é zé"
    assert (new.eod, new.unk, new.spelled, new.nfc) == (old.eod, old.unk, old.spelled, old.nfc)
    assert len(old.extend("to be")) == len(old)


@pytest.mark.parametrize("name", ["character", "byte", "word", "bpe"])
def test_extend_can_add_the_end_of_documents(name):
    old = build_vocabulary(["to be or"], CONFIGS[name])
    new = old.extend("to be", documents=True)
    assert old.eod is None
    assert new.eod == len(old) == len(new) - 1
    assert new.decode([*new.encode("to be"), new.eod]) == "to be"
    assert new.extend("to be", documents=True).eod == new.eod


def test_no_text_forges_the_end_of_a_document():
    for name in ("character", "byte", "word", "bpe"):
        vocabulary = build_vocabulary(["<eod> <0x41>"], CONFIGS[name], documents=True)
        assert vocabulary.eod not in vocabulary.encode("<eod>")
        assert vocabulary.decode(vocabulary.encode("<eod> <0x41>")) == "<eod> <0x41>"


HELLO = build_vocabulary(["hello world\n"])


def test_an_unknown_character_is_named_with_its_place():
    with pytest.raises(VocabularyError) as caught:
        HELLO.encode("hello\nwçrld — ç", where="prompt")
    assert str(caught.value) == (
        "prompt: 'ç' (U+00E7) at offset 7 (line 2, column 2) is not in the vocabulary of 9 character tokens; "
        "nor are '—' (U+2014) ×1. Leave them out, or train with unknown='bytes', which spells them, "
        "or unknown='unk', which marks them"
    )


def test_many_unknown_characters_are_counted():
    with pytest.raises(VocabularyError, match=says("nor are", "'g'", "and 2 more.")):
        HELLO.encode("abcfgij".replace("b", "") + "ggk")


def test_the_place_counts_from_the_start_of_a_stream():
    chunks = ["hello\n" * 1000, "hello ", "\n", "hell0"]
    with pytest.raises(VocabularyError, match=says("book.txt: '0' (U+0030) at offset 6011 (line 1002, column 5)")):
        list(HELLO.stream(chunks, "book.txt"))


@pytest.mark.parametrize("unit", ["byte", "bpe", "word", "character"])
def test_half_a_surrogate_pair_is_no_character(unit):
    unknown = "bytes" if unit in ("word", "character") else "error"
    vocabulary = build_vocabulary(["ab\n"], TextConfig(unit, unknown=unknown))
    with pytest.raises(
        VocabularyError, match=says(r"prompt: '\ud83d' (U+D83D) at offset 3 (line 2, column 1)", "half")
    ):
        vocabulary.encode("ab\n\ud83d", where="prompt")


def test_half_a_surrogate_pair_gets_no_token():
    with pytest.raises(VocabularyError, match=says("half of a surrogate pair", "encoding")):
        build_vocabulary(["a\udc00"])
    with pytest.raises(VocabularyError, match=r"U\+DC00.* at offset 1 .*is not in the vocabulary"):
        HELLO.encode("h\udc00")


def test_bytes_are_no_text():
    with pytest.raises(DtypeError, match=says("prompt is bytes; expected str", "decode")):
        HELLO.encode(b"hello", where="prompt")


@pytest.mark.parametrize("id", [-1, 9])
def test_an_id_outside_is_refused(id):
    with pytest.raises(VocabularyError, match=f"id {id} is not in the vocabulary; expected 0 to 8"):
        HELLO.decode([0, id])
