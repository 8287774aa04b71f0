"""From a text to its vocabulary, and from a vocabulary's JSON back to it."""

import json
from collections.abc import Callable, Iterable

from recurra.config import nearest
from recurra.errors import DataError, RunError, setting
from recurra.text import bpe, characters, words
from recurra.text.config import TextConfig
from recurra.text.forms import composed
from recurra.text.pieces import whole_words
from recurra.text.vocabulary import EOD, SCHEMA, UNK, Vocabulary

UNITS = {cls.unit: cls for cls in (characters.Characters, characters.Bytes, words.Words, words.Tokens, bpe.BytePairs)}


BYTE_PAIRS = 4096
"""Tokens of a vocabulary of byte pairs, unless another number is set."""
WORDS = 10_000
"""Different words that a text is taken to have before it is read."""


def build_vocabulary(
    chunks: Iterable[str],
    config: TextConfig | None = None,
    documents: bool = False,
    waiting: Callable[[], None] | None = None,
) -> Vocabulary:
    """The vocabulary of a text that comes in chunks; memory does not grow with the text.

    `documents` adds the end-of-document token. The ids of characters and words: special tokens, byte tokens,
    then characters by code point, or words by how often they occur.
    DataError if a text of which they are counted is empty, or all of it would be unknown.
    """
    config = config or TextConfig()
    if config.unit == "byte":
        return characters.Bytes(
            [*_spelling(), *[EOD] * documents], eod=256 if documents else None, spelled=0, nfc=config.nfc
        )
    pieces = chunks if config.unit == "character" and not config.nfc else whole_words(chunks)
    if config.nfc:
        pieces = map(composed, pieces)
    if config.unit == "bpe":
        tokenizer = bpe.learn(pieces, (config.vocabulary_size or BYTE_PAIRS) - documents, config.min_count, waiting)
        return bpe.BytePairs(tokenizer, eod=tokenizer.get_vocab_size() if documents else None, nfc=config.nfc)
    return _counted(pieces, config, documents)


def expected_size(config: TextConfig, symbols: int) -> int:
    """How many tokens a vocabulary will have, as far as it is known before the text is read; exact for bytes and, where no
    option leaves any out, for characters.

    symbols: different characters of the text.
    """
    size = {"byte": 256, "character": symbols, "bpe": BYTE_PAIRS}.get(config.unit, WORDS)
    if config.vocabulary_size is not None:
        size = config.vocabulary_size if config.unit == "bpe" else min(size, config.vocabulary_size)
    return size + 256 * (config.unknown == "bytes")


def _counted(pieces: Iterable[str], config: TextConfig, documents: bool) -> Vocabulary:
    specials = [EOD] * documents + [UNK] * (config.unknown == "unk")
    spelled = len(specials) if config.unknown == "bytes" else None
    reserved = specials + (_spelling() if config.unknown == "bytes" else [])
    if config.unit in ("word", "token"):
        counts = words.count(pieces, UNITS[config.unit].split, limited=config.unknown != "error")
    else:
        counts = characters.count(pieces)
    if not counts:
        raise DataError("the text is empty; a vocabulary needs at least one character")
    kept = sorted((s for s, n in counts.items() if n >= config.min_count), key=lambda s: (-counts[s], s))
    if config.vocabulary_size is not None:
        kept = kept[: max(config.vocabulary_size - len(reserved), 0)]
    if not kept and config.unknown == "unk":
        raise DataError(
            f"every {config.unit} would be {UNK}: none occurs {config.min_count} times; lower {setting('min_count')}"
        )
    if config.unit == "character":
        kept.sort()
    return UNITS[config.unit](
        reserved + kept,
        eod=0 if documents else None,
        unk=specials.index(UNK) if UNK in specials else None,
        spelled=spelled,
        nfc=config.nfc,
    )


def _spelling() -> list[str]:
    return [f"<0x{byte:02X}>" for byte in range(256)]


def vocabulary_from_json(text: str) -> Vocabulary:
    """The vocabulary that `to_json` wrote. RunError, in one line, if the text is damaged or something else wrote it."""
    try:
        fields = json.loads(text)
    except RecursionError:
        raise RunError("the vocabulary is damaged: its JSON is nested too deeply; take it from a backup") from None
    except ValueError as error:
        raise RunError(f"the vocabulary is damaged: it is not JSON ({error}); take it from a backup") from None
    if not isinstance(fields, dict) or "schema" not in fields:
        raise RunError("the vocabulary is not one of Recurra's: it has no `schema`")
    if fields["schema"] != SCHEMA:
        raise RunError(
            f"the vocabulary has schema {fields['schema']!r}; this version reads {SCHEMA}. "
            "Open it with the version of Recurra that wrote it"
        )
    if fields.get("unit") not in list(UNITS):
        raise RunError(f"the vocabulary's unit is {fields.get('unit')!r}; {nearest(fields.get('unit'), UNITS)}")
    return _read(fields)


def _read(fields: dict) -> Vocabulary:
    cls, specials = UNITS[fields["unit"]], {k: fields.get(k) for k in ("eod", "unk", "spelled")}
    try:
        symbols = bpe.read(fields["tokenizer"]) if cls is bpe.BytePairs else fields["symbols"]
        vocabulary = cls(symbols, nfc=bool(fields["nfc"]), **specials)
    except Exception as error:  # tokenizers raises bare Exception
        raise RunError(f"the vocabulary is damaged: {type(error).__name__} {error}; take it from a backup") from None
    size = len(vocabulary)
    for key, last in (("eod", size - 1), ("unk", size - 1), ("spelled", size - 256)):
        value = specials[key]
        if value is not None and not (isinstance(value, int) and 0 <= value <= last):
            raise RunError(f"the vocabulary is damaged: `{key}` is {value!r}; expected an id of its {size} tokens")
    if None in [b for i, b in enumerate(vocabulary.bytes_of) if i not in (specials["eod"], specials["unk"])]:
        raise RunError("the vocabulary is damaged: it has the same symbol twice")
    return vocabulary
