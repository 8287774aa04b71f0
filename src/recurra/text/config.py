"""How a text is cut into tokens: the settings."""

from dataclasses import dataclass
from typing import Annotated, Literal

from recurra.config import Range, check
from recurra.errors import ConfigError, setting


@dataclass(frozen=True)
class TextConfig:
    """What a token is, and what becomes of a symbol that the vocabulary does not have."""

    unit: Literal["character", "byte", "word", "token", "bpe"] = "character"
    """What a token is: a Unicode character, a byte of UTF-8, a word with the space before it, a token of a text that has spaces
    between its tokens already, or a byte pair."""

    nfc: bool = True
    """Compose letters and accents first (Unicode NFC), so that é is one character however it was typed. Off: a text is read as
    it stands."""

    unknown: Literal["error", "unk", "bytes"] = "error"
    """What becomes of a symbol without a token: an error, the token <unk>, or its bytes (256 more tokens)."""

    vocabulary_size: Annotated[int | None, Range(1, words="{} tokens", form=100_000)] = None
    """The most tokens to have, the frequent ones first; left out: 4096 for bpe, all of them for the others."""

    min_count: Annotated[int, Range(1, words="{} occurrences", form=10**6)] = 1
    """How often a character, a word or a byte pair must occur to get a token of its own."""

    def __post_init__(self):
        check(self)
        least = {"bpe": 258, "byte": 1}.get(self.unit, 1) + 256 * (self.unknown == "bytes")
        if self.vocabulary_size is not None and self.vocabulary_size < least:
            raise ConfigError(
                f"{setting('vocabulary_size')} is {self.vocabulary_size}; expected {least} or more tokens"
            )
        cut = self.vocabulary_size is not None or self.min_count > 1
        if self.unit in ("byte", "bpe") and self.unknown != "error":
            raise ConfigError(
                f"{setting('unknown')} is {self.unknown!r}, which has no effect with "
                f"{setting('unit', self.unit)}: it can write any symbol"
            )
        if self.unit == "byte" and cut:
            raise ConfigError(
                f"{setting('vocabulary_size')} and {setting('min_count')} have no effect with "
                f"{setting('unit', 'byte')}: it has 256 tokens"
            )
        if self.unit in ("character", "word", "token") and cut and self.unknown == "error":
            raise ConfigError(
                f"{setting('vocabulary_size')} and {setting('min_count')} leave {self.unit}s out; "
                f"say what becomes of them: {setting('unknown', 'bytes')} or {setting('unknown', 'unk')}"
            )
