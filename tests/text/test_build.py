"""Vocabularies: what is encoded comes back, in whatever pieces it came, and ids keep their meaning."""

import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recurra.text import TextConfig, build_vocabulary, vocabulary_from_json
from recurra.text import pieces as pieces_module
from recurra.text.pieces import Place, whole_words
from recurra.text.words import Tokens, Words

quick = settings(deadline=None, max_examples=60)
SAMPLE = "Wär's möglich?\r\n\tJa, 中文も。 “Don't” 👩‍👩‍👧 नमस्ते — e\u0301 x\u00a0y  \n\n"
CONFIGS = {
    "character": TextConfig(),
    "character-bytes": TextConfig(min_count=2, unknown="bytes"),
    "character-unk": TextConfig(min_count=2, unknown="unk"),
    "byte": TextConfig("byte"),
    "word": TextConfig("word"),
    "word-bytes": TextConfig("word", vocabulary_size=300, unknown="bytes"),
    "word-unk": TextConfig("word", vocabulary_size=12, unknown="unk"),
    "token-bytes": TextConfig("token", vocabulary_size=300, unknown="bytes"),
    "bpe": TextConfig("bpe", vocabulary_size=300),
    "nfc": TextConfig(nfc=True),
    "word-nfc": TextConfig("word", nfc=True),
    "bpe-nfc": TextConfig("bpe", vocabulary_size=300, nfc=True),
}
LOSSLESS = [name for name in CONFIGS if "unk" not in name and "nfc" not in name]
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


@pytest.mark.parametrize("name", CONFIGS)
def test_json_gives_the_same_vocabulary(name):
    for documents in (False, True):
        vocabulary = build_vocabulary([SAMPLE * 2], CONFIGS[name], documents)
        again = vocabulary_from_json(vocabulary.to_json())
        for field in ("unit", "nfc", "eod", "unk", "spelled", "tokens", "symbols", "bytes_of", "dtype"):
            assert getattr(again, field) == getattr(vocabulary, field), field
        assert again.encode(SAMPLE).tolist() == vocabulary.encode(SAMPLE).tolist()
        assert again.to_json() == vocabulary.to_json()


def test_characters_are_numbered_by_code_point_behind_the_specials():
    assert build_vocabulary(["bab\n"]).tokens == ["\\n", "a", "b"]
    vocabulary = build_vocabulary(["bab"], TextConfig(unknown="unk"), documents=True)
    assert (vocabulary.tokens, vocabulary.eod, vocabulary.unk) == (["<eod>", "<unk>", "a", "b"], 0, 1)
    assert vocabulary.encode("abc").tolist() == [2, 3, 1]
    assert vocabulary.decode([0, 2, 1, 3, 0]) == "ab"


def test_words_are_numbered_by_frequency_and_carry_their_space():
    vocabulary = build_vocabulary(["to be, or not to be"], TextConfig("word"))
    assert vocabulary.tokens == [" be", " not", " or", " to", ",", "to"]  # " be" twice, the others once, as sorted
    assert build_vocabulary([" b b a"], TextConfig("word")).tokens == [" b", " a"]
    assert Words.split("Don't (中文) 3.5e\u0301 नमस्ते\r\n") == [
        *["Don't", " (", "中", "文", ")", " 3", ".", "5e\u0301", " नमस्ते", "\r", "\n"]
    ]


def test_a_word_known_without_its_space_is_taken_so():
    vocabulary = build_vocabulary(["ROMEO:\nO, speak  again"], TextConfig("word"))
    ids = vocabulary.encode("O ROMEO speak")
    assert [vocabulary.symbols[i] for i in ids] == ["O", " ", "ROMEO", " speak"]


def test_a_text_that_is_tokenised_keeps_its_tokens():
    text = " he said <unk> does n't \n the N '\n"
    assert Tokens.split(text) == [" he", " said", " <unk>", " does", " n't", " \n", " the", " N", " '", "\n"]
    vocabulary = build_vocabulary([text], TextConfig("token"))
    assert len(vocabulary) == 10
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_penn_treebank_has_its_published_numbers(real_data):
    counts, seen = {}, set()
    for part in ("train", "valid", "test"):
        tokens = Tokens.split(real_data(f"ptb/ptb.{part}.txt").read_text("utf-8"))
        counts[part] = len(tokens)
        seen |= set(tokens)
    assert counts == {"train": 929589, "valid": 73760, "test": 82430}
    assert len(seen) == 10_000


def test_rare_words_are_spelled_or_marked():
    text = "a a a rare"
    spelled = build_vocabulary([text], TextConfig("word", min_count=2, unknown="bytes"))
    assert [spelled.tokens[i] for i in spelled.encode("a rare")] == [
        *["<0x61>", "<0x20>", "<0x72>", "<0x61>", "<0x72>", "<0x65>"]
    ]
    marked = build_vocabulary([text], TextConfig("word", min_count=2, unknown="unk"))
    assert marked.decode(marked.encode("a rare a")) == " a"


def test_the_limit_counts_every_token():
    for config in (
        TextConfig("word", vocabulary_size=300, unknown="bytes"),
        TextConfig("word", vocabulary_size=7, unknown="unk"),
        TextConfig("character", vocabulary_size=7, unknown="unk"),
        TextConfig("bpe", vocabulary_size=290),
    ):
        vocabulary = build_vocabulary(["the cat sat on the mat; the dog, too. " * 9 + SAMPLE], config, documents=True)
        assert len(vocabulary) <= config.vocabulary_size
        assert config.unknown == "bytes" or len(vocabulary) == config.vocabulary_size


def test_frequent_characters_are_the_ones_kept():
    vocabulary = build_vocabulary(["cccabb"], TextConfig(vocabulary_size=3, unknown="unk"))
    assert vocabulary.tokens == ["<unk>", "b", "c"]


@pytest.mark.parametrize(("size", "dtype"), [(256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "uint32")])
def test_ids_take_the_smallest_type(size, dtype):
    text = "".join(chr(c) for c in range(32, 0x110000) if not 0xD800 <= c < 0xE000)[:size]
    vocabulary = build_vocabulary([text])
    assert vocabulary.dtype == dtype
    assert vocabulary.encode(text).tolist() == list(range(size))


@quick
@given(text=texts)
def test_nfc_equals_composing_the_whole_text(text):
    vocabulary = build_vocabulary([text, "\n", SAMPLE], CONFIGS["nfc"])
    composed = unicodedata.normalize("NFC", text)
    assert vocabulary.decode(vocabulary.encode(text)) == composed
    assert vocabulary.encode(text).tolist() == vocabulary.encode(composed).tolist()


# A decoder for ids that come one by one


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


# Growing


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


# Byte pairs


def test_byte_pairs_are_learned_and_save_tokens():
    text = "the cat sat on the mat and the cat sat " * 20
    vocabulary = build_vocabulary([text], TextConfig("bpe", vocabulary_size=290))
    assert " cat" in vocabulary.symbols
    assert len(vocabulary.encode(text)) < len(text) / 2


def test_no_text_forges_the_end_of_a_document():
    for name in ("character", "byte", "word", "bpe"):
        vocabulary = build_vocabulary(["<eod> <0x41>"], CONFIGS[name], documents=True)
        assert vocabulary.eod not in vocabulary.encode("<eod>")
        assert vocabulary.decode(vocabulary.encode("<eod> <0x41>")) == "<eod> <0x41>"


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


# Places


@quick
@given(before=texts, text=texts)
def test_places_add_up(before, text):
    place = Place().after(before).after(text)
    whole = before + text
    assert place == Place().after(whole)
    assert place == Place(len(whole), whole.count("\n") + 1, len(whole.split("\n")[-1]) + 1)


def test_settings_do_not_wait_for_numpy():
    code = (
        "import sys; from recurra.text import TextConfig; from recurra.data import DataConfig;"
        "print([m for m in ('torch', 'numpy', 'tokenizers') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
