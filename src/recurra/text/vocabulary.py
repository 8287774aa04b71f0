"""What all vocabularies share: ids back to text, errors for unknown symbols, the JSON in a run's folder.

Every token is some bytes of UTF-8, whatever the unit is; so one decoder serves all of them, and a character
that is spread over several tokens comes out whole.
"""

import codecs
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from recurra.errors import DtypeError, VocabularyError, setting
from recurra.text.forms import composed, forms
from recurra.text.pieces import Place, whole_words

SCHEMA = 1
EOD, UNK = "<eod>", "<unk>"


class Vocabulary:
    """Text ↔ ids. Build one with `build_vocabulary`; read one back with `vocabulary_from_json`.

    `unit`  "character", "byte", "word", "token" or "bpe"       `eod`  id of the end-of-document token, or None
    `nfc`   whether text is composed before encoding   `unk`  id of the token for unknown symbols, or None
    `spelled`  id of byte 0 of the 256 byte tokens that spell unknown symbols, or None
    `symbols`  the tokens in the order of their ids
    """

    unit = ""

    def __init__(
        self,
        symbols: Iterable[str],
        *,
        eod: int | None = None,
        unk: int | None = None,
        spelled: int | None = None,
        nfc: bool = False,
    ):
        self.symbols = tuple(symbols)
        self.eod, self.unk, self.spelled, self.nfc = eod, unk, spelled, nfc
        reserved = {eod, unk} | (set() if spelled is None else set(range(spelled, spelled + 256)))
        self.index = {s: i for i, s in enumerate(self.symbols) if i not in reserved}
        # The bytes of each token; None marks a token that is no text.
        self.bytes_of: list[bytes | None] = [None] * len(self.symbols)
        for symbol, i in self.index.items():
            self.bytes_of[i] = self._bytes(symbol)
        if spelled is not None:
            self.bytes_of[spelled : spelled + 256] = [bytes([b]) for b in range(256)]
        self.dtype = np.min_scalar_type(max(len(self) - 1, 0))

    @staticmethod
    def _bytes(symbol: str) -> bytes:
        return utf8(symbol, "vocabulary")

    def __len__(self) -> int:
        return len(self.symbols)

    def __repr__(self) -> str:
        return f"<{self.unit} vocabulary of {len(self):,} tokens>"

    @property
    def tokens(self) -> list[str]:
        """The tokens as printable text, in the order of their ids: a line break is shown as \\n."""
        return [s if s.isprintable() else s.encode("unicode_escape").decode() for s in self.symbols]

    # Text → ids

    def encode(self, text: str, where: str = "text") -> np.ndarray:
        """The ids of a text: (tokens,) of the smallest unsigned type that holds every id, `.dtype`.

        `where` names the text in errors. VocabularyError if a symbol is unknown and the policy is "error".
        """
        if not isinstance(text, str):
            raise DtypeError(f"{where} is {type(text).__name__}; expected str. Decode bytes first: b.decode('utf-8')")
        parts = list(self.stream([text], where))
        return np.concatenate(parts) if parts else np.empty(0, self.dtype)

    def stream(self, chunks: Iterable[str], where: str = "text") -> Iterator[np.ndarray]:
        """`encode` for a text that comes in chunks, of any lengths: the same ids, piece by piece."""
        place = Place()
        for piece in self._pieces(chunks):
            yield self._encode(piece, where, place).astype(self.dtype)
            place = place.after(piece)

    def _pieces(self, chunks: Iterable[str]) -> Iterable[str]:
        return map(composed, whole_words(chunks)) if self.nfc else chunks

    def readable(self, text: str) -> str:
        """A text in the form of Unicode that this vocabulary reads: composed, where it was learned so.

        Where it was learned from texts as they stood, the text as it stands; in the other form if it is known in that alone.
        """
        if self.nfc:
            return composed(text)
        return next((form for form in forms(text) if self._knows(form)), text)

    def _knows(self, text: str) -> bool:
        try:
            ids = self.encode(text)
        except VocabularyError:
            return False
        return self.unk is None or self.unk not in ids

    def _encode(self, piece: str, where: str, place: Place) -> np.ndarray:
        """The ids of one piece; each kind of vocabulary has its own."""
        raise NotImplementedError  # every subclass defines it: a vocabulary itself is not made

    def _refuse(self, unknown: Sequence[tuple[int, str]], piece: str, where: str, place: Place):
        """Raise for unknown symbols, each given as (offset in the piece, symbol): where the first is, and which."""
        (offset, first), counts = unknown[0], Counter(symbol for _, symbol in unknown)
        others = [f"{name(s)} ×{n}" for s, n in counts.most_common(5) if s != first][:4]
        more = f"; nor are {', '.join(others)}" if others else ""
        if len(counts) > 5:
            more += f" and {len(counts) - 1 - len(others)} more"
        raise VocabularyError(
            f"{where}: {name(first)} at {place.after(piece[:offset])} is not in the vocabulary of "
            f"{len(self):,} {self.unit} tokens{more}. "
            f"Leave them out, or train with {setting('unknown', 'bytes')}, which spells them, or "
            f"{setting('unknown', 'unk')}, which marks them",
            symbols=dict.fromkeys((first, *counts)),
        )

    # Ids → text

    def decoder(self) -> "Decoder":
        """A decoder for ids that come one by one."""
        return Decoder(self)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids. Special tokens are no text; bytes that are no UTF-8 become U+FFFD."""
        decoder = self.decoder()
        text = "".join(map(decoder.push, np.asarray(ids).reshape(-1).tolist())) + decoder.flush()
        return composed(text) if self.nfc else text

    def characters(self, ids: np.ndarray) -> int:
        """How many characters some ids stand for, without decoding them. Special tokens count as none."""
        # A character has one byte that does not look like 10xxxxxx.
        starts = np.array([sum(b & 0xC0 != 0x80 for b in piece or b"") for piece in self.bytes_of])
        return sum(int(starts[ids[at : at + 2**20]].sum()) for at in range(0, len(ids), 2**20))

    # Growing and keeping

    def extend(self, text: str | Iterable[str], documents: bool = False) -> "Vocabulary":
        """A vocabulary with a text's new symbols behind the old ids, which stay as they are: for fine-tuning.

        `text` may come in chunks. `documents` adds the end-of-document token where there is none. Bytes and byte
        pairs write any text already.
        """
        symbols, eod = [*self.symbols, *self._new([text] if isinstance(text, str) else text)], self.eod
        if documents and eod is None:
            symbols, eod = [*symbols, EOD], len(symbols)
        return type(self)(symbols, eod=eod, unk=self.unk, spelled=self.spelled, nfc=self.nfc)

    def _new(self, chunks: Iterable[str]) -> Iterable[str]:
        return ()

    def to_json(self) -> str:
        """The vocabulary as JSON text; `vocabulary_from_json` reads it back."""
        return json.dumps(self._fields(), ensure_ascii=False)

    def _fields(self) -> dict:
        ids = {"eod": self.eod, "unk": self.unk, "spelled": self.spelled}
        return {"schema": SCHEMA, "unit": self.unit, "nfc": self.nfc, **ids, "symbols": self.symbols}


class Decoder:
    """Ids → text, one by one: what is returned is whole characters; the rest waits for its bytes."""

    def __init__(self, vocabulary: Vocabulary):
        self._bytes_of = vocabulary.bytes_of
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, id: int) -> str:
        """The characters that this id completes: often one, sometimes none."""
        if not 0 <= id < len(self._bytes_of):
            raise VocabularyError(f"id {id} is not in the vocabulary; expected 0 to {len(self._bytes_of) - 1}")
        piece = self._bytes_of[id]
        return self.flush() if piece is None else self._utf8.decode(piece)

    def flush(self) -> str:
        """End the text, as special tokens do too. A character whose last bytes never came is left out: ""."""
        self._utf8.reset()
        return ""


def name(symbol: str) -> str:
    """A symbol for an error message: 'é' (U+00E9), '\\n' (U+000A), 'word'."""
    return f"{symbol!r} (U+{ord(symbol):04X})" if len(symbol) == 1 else repr(symbol)


def utf8(text: str, where: str, place: Place | None = None) -> bytes:
    """The bytes of a text. VocabularyError if it holds half a surrogate pair, which is no character."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        at = (place or Place()).after(text[: error.start])
        raise VocabularyError(
            f"{where}: {name(text[error.start])} at {at} is half of a surrogate pair, not a character. "
            "Read the text again with its true encoding, or drop it: text.encode('utf-8', 'ignore').decode()"
        ) from None
