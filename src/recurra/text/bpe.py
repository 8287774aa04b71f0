"""Vocabularies of byte pairs: frequent byte sequences, learned from the text; they can write any text.

Sennrich, Haddow & Birch 2016; on bytes after Radford et al. 2019. The learning and the merging are Hugging Face's
`tokenizers`, which is loaded when first used.
"""

import json
import re
import threading
from collections.abc import Callable, Iterable
from itertools import chain

import numpy as np

from recurra.text.pieces import Place, whole_words
from recurra.text.vocabulary import EOD, Vocabulary, utf8

_OFTEN = 0.2  # seconds
CACHE = 1 << 17
"""Words whose ids are remembered: most of a text is words that came before."""

# No merge crosses the start of white space, so each of these can be encoded alone.
_WORD = re.compile(r"\s*\S+|\s+")


class BytePairs(Vocabulary):
    """One token a byte sequence. `tokenizers` does not know the end-of-document token: no text can forge it."""

    unit = "bpe"

    def __init__(self, tokenizer, *, eod: int | None = None, nfc: bool = False, **_):
        self.tokenizer, self._cache = tokenizer, {}
        by_id = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
        symbols = [symbol for symbol, _ in by_id] + [EOD] * (eod is not None)
        super().__init__(symbols, eod=eod, nfc=nfc)
        self.symbols = tuple(EOD if b is None else b.decode("utf-8", "backslashreplace") for b in self.bytes_of)

    @staticmethod
    def _bytes(symbol: str) -> bytes:
        return bytes(map(_BYTES.__getitem__, symbol))

    def _pieces(self, chunks: Iterable[str]) -> Iterable[str]:
        return super()._pieces(chunks) if self.nfc else whole_words(chunks)

    def _encode(self, piece: str, where: str, place: Place) -> np.ndarray:
        utf8(piece, where, place)  # refuses what is no character
        words = _WORD.findall(piece)
        cache = self._cache = self._cache if len(self._cache) < CACHE else {}
        new = [word for word in dict.fromkeys(words) if word not in cache]
        cache.update((w, e.ids) for w, e in zip(new, self.tokenizer.encode_batch_fast(new), strict=True))
        return np.fromiter(chain.from_iterable(map(cache.__getitem__, words)), np.int64)

    def extend(self, text: str | Iterable[str], documents: bool = False) -> "BytePairs":
        eod = self.tokenizer.get_vocab_size() if documents else self.eod
        return BytePairs(self.tokenizer, eod=eod, nfc=self.nfc)

    def _fields(self) -> dict:
        return {**super()._fields(), "symbols": None, "tokenizer": json.loads(self.tokenizer.to_str())}


def learn(pieces: Iterable[str], size: int, min_count: int, waiting: Callable[[], None] | None = None):
    """A `tokenizers.Tokenizer` of at most `size` tokens, learned from the pieces as they come.

    waiting: called several times a second meanwhile, since merging takes minutes for a large text and heeds no signal; what
    it raises is raised here, and so is Ctrl-C.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=min_count, show_progress=False, initial_alphabet=list(_BYTES)
    )
    _beside(lambda: tokenizer.train_from_iterator(pieces, trainer), waiting)
    return tokenizer


def _beside(work: Callable[[], None], waiting: Callable[[], None] | None) -> None:
    """Do the work in a thread that is left alone where the wait for it is broken off; what it raises is raised here."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # raised again where it was called
            raised.append(error)

    thread = threading.Thread(target=run, name="byte pairs", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_OFTEN)
        if waiting and thread.is_alive():
            waiting()
    if raised:
        raise raised[0]


def read(fields: dict):
    """The tokenizer in a vocabulary's JSON."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(json.dumps(fields))


def _alphabet() -> dict[str, int]:
    """The characters that stand for bytes in `tokenizers`: printable Latin-1 as it is, the rest from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(0x100 + i): b for i, b in enumerate(others)}


_BYTES = _alphabet()
