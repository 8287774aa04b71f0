"""Words and tokens as symbols: numbered by frequency, rare ones spelled or marked."""

import pytest
from helpers.vocabularies import says

from recurra.errors import DataError, VocabularyError
from recurra.text import TextConfig, build_vocabulary
from recurra.text import words as words_module
from recurra.text.words import Tokens, Words


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


@pytest.mark.parametrize("nfc", [False, True])
def test_an_unknown_word_is_named_with_its_place(nfc):
    vocabulary = build_vocabulary(["to be or not\nto be"], TextConfig("word", nfc=nfc))
    with pytest.raises(VocabularyError, match=says("prompt: ' thou' at offset 8 (line 2, column 3)", "5 word tokens")):
        vocabulary.encode("to be\nto thou", where="prompt")


def test_too_many_words_are_refused_or_cut(monkeypatch):
    monkeypatch.setattr(words_module, "MOST", 50)
    text = "common " * 60 + " ".join(f"w{i}" for i in range(80))
    with pytest.raises(DataError, match=says("more than 50 different words", "vocabulary_size", "unit='bpe'")):
        build_vocabulary([text], TextConfig("word"))
    limited = build_vocabulary([text], TextConfig("word", vocabulary_size=3, unknown="unk"))
    assert limited.tokens == ["<unk>", " common", " w0"]
