"""Vocabularies: what is encoded comes back, in whatever pieces it came, and ids keep their meaning."""

import json
import re

import pytest
from helpers.vocabularies import CONFIGS, SAMPLE

from recurra.errors import DataError, RunError
from recurra.text import TextConfig, build_vocabulary, vocabulary_from_json


@pytest.mark.parametrize("name", CONFIGS)
def test_json_gives_the_same_vocabulary(name):
    for documents in (False, True):
        vocabulary = build_vocabulary([SAMPLE * 2], CONFIGS[name], documents)
        again = vocabulary_from_json(vocabulary.to_json())
        for field in ("unit", "nfc", "eod", "unk", "spelled", "tokens", "symbols", "bytes_of", "dtype"):
            assert getattr(again, field) == getattr(vocabulary, field), field
        assert again.encode(SAMPLE).tolist() == vocabulary.encode(SAMPLE).tolist()
        assert again.to_json() == vocabulary.to_json()


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


HELLO = build_vocabulary(["hello world\n"])


@pytest.mark.parametrize("unit", ["character", "word"])
def test_an_empty_text_has_no_vocabulary(unit):
    with pytest.raises(DataError, match="the text is empty; a vocabulary needs at least one character"):
        build_vocabulary(["", ""], TextConfig(unit))


@pytest.mark.parametrize("unit", ["character", "word"])
def test_a_text_all_unknown_has_no_vocabulary(unit):
    with pytest.raises(DataError, match=f"every {unit} would be <unk>: none occurs 9 times; lower `min_count`"):
        build_vocabulary(["a b c"], TextConfig(unit, min_count=9, unknown="unk"))


GOOD = json.loads(HELLO.to_json())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the vocabulary is damaged: it is not JSON"),
        (HELLO.to_json()[:40], "the vocabulary is damaged: it is not JSON"),
        (100_000 * "[", "the vocabulary is damaged: its JSON is nested too deeply"),
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
