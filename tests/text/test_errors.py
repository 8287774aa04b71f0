"""What vocabularies refuse, and the words they say it with."""

import json
import re

import pytest

from recurra.errors import ConfigError, DataError, DtypeError, RunError, VocabularyError
from recurra.text import TextConfig, build_vocabulary, vocabulary_from_json
from recurra.text import words as words_module

HELLO = build_vocabulary(["hello world\n"])


def says(*parts):
    return ".*".join(re.escape(part) for part in parts)


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


@pytest.mark.parametrize("nfc", [False, True])
def test_an_unknown_word_is_named_with_its_place(nfc):
    vocabulary = build_vocabulary(["to be or not\nto be"], TextConfig("word", nfc=nfc))
    with pytest.raises(VocabularyError, match=says("prompt: ' thou' at offset 8 (line 2, column 3)", "5 word tokens")):
        vocabulary.encode("to be\nto thou", where="prompt")


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


@pytest.mark.parametrize("unit", ["character", "word"])
def test_an_empty_text_has_no_vocabulary(unit):
    with pytest.raises(DataError, match="the text is empty; a vocabulary needs at least one character"):
        build_vocabulary(["", ""], TextConfig(unit))


@pytest.mark.parametrize("unit", ["character", "word"])
def test_a_text_all_unknown_has_no_vocabulary(unit):
    with pytest.raises(DataError, match=f"every {unit} would be <unk>: none occurs 9 times; lower `min_count`"):
        build_vocabulary(["a b c"], TextConfig(unit, min_count=9, unknown="unk"))


def test_too_many_words_are_refused_or_cut(monkeypatch):
    monkeypatch.setattr(words_module, "MOST", 50)
    text = "common " * 60 + " ".join(f"w{i}" for i in range(80))
    with pytest.raises(DataError, match=says("more than 50 different words", "vocabulary_size", "unit='bpe'")):
        build_vocabulary([text], TextConfig("word"))
    limited = build_vocabulary([text], TextConfig("word", vocabulary_size=3, unknown="unk"))
    assert limited.tokens == ["<unk>", " common", " w0"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"unit": "char"}, "`unit` is 'char'; did you mean `character`?"),
        ({"unknown": "drop"}, "`unknown` is 'drop'; expected one of: error, unk, bytes"),
        ({"min_count": 0}, "`min_count` is 0; expected 1 or more"),
        ({"unit": "byte", "unknown": "unk"}, "`unknown` is 'unk', which has no effect with unit='byte'"),
        ({"unit": "bpe", "unknown": "bytes"}, "`unknown` is 'bytes', which has no effect with unit='bpe'"),
        ({"unit": "byte", "vocabulary_size": 300}, "have no effect with unit='byte': it has 256 tokens"),
        ({"unit": "byte", "min_count": 2}, "have no effect with unit='byte'"),
        ({"vocabulary_size": 50}, "leave characters out; say what becomes of them: unknown='bytes' or unknown='unk'"),
        ({"unit": "word", "min_count": 2}, "leave words out; say what becomes of them"),
        ({"unit": "bpe", "vocabulary_size": 200}, "`vocabulary_size` is 200; expected 258 or more tokens"),
        (
            {"unit": "word", "vocabulary_size": 256, "unknown": "bytes"},
            "`vocabulary_size` is 256; expected 257 or more tokens",
        ),
        ({"vocabulary_size": "many"}, "`vocabulary_size` is 'many'; expected int"),
    ],
)
def test_settings_that_cannot_be(values, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        TextConfig(**values)


GOOD = json.loads(HELLO.to_json())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the vocabulary is damaged: it is not JSON"),
        (HELLO.to_json()[:40], "the vocabulary is damaged: it is not JSON"),
        ("[1, 2]", "the vocabulary is not one of Recurra's: it has no `schema`"),
        ({**GOOD, "schema": 99}, "has schema 99; this version reads 1"),
        ({**GOOD, "unit": "words"}, "unit is 'words'; did you mean `word`?"),
        ({**GOOD, "unit": ["word"]}, "the vocabulary's unit is ['word']"),
        ({k: v for k, v in GOOD.items() if k != "symbols"}, "the vocabulary is damaged: KeyError 'symbols'"),
        ({**GOOD, "symbols": 7}, "the vocabulary is damaged: TypeError"),
        ({**GOOD, "symbols": ["ab", "c"]}, "the vocabulary is damaged: TypeError"),
        ({**GOOD, "symbols": ["a", "b", "a"]}, "the vocabulary is damaged: it has the same symbol twice"),
        ({**GOOD, "eod": 9}, "the vocabulary is damaged: `eod` is 9; expected an id of its 9 tokens"),
        ({**GOOD, "unk": "x"}, "the vocabulary is damaged: `unk` is 'x'"),
        ({**GOOD, "spelled": 0}, "the vocabulary is damaged: `spelled` is 0"),
        ({**GOOD, "unit": "bpe", "tokenizer": {"model": 3}}, "the vocabulary is damaged: Exception"),
        ({**GOOD, "unit": "bpe", "tokenizer": None}, "the vocabulary is damaged: Exception"),
    ],
)
def test_a_damaged_vocabulary_gives_one_line(text, words):
    with pytest.raises(RunError, match=re.escape(words)) as caught:
        vocabulary_from_json(text if isinstance(text, str) else json.dumps(text))
    assert "\n" not in str(caught.value)
