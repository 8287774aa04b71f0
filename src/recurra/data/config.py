"""How texts are read and cut into batches: the settings."""

import codecs
from dataclasses import dataclass
from typing import Annotated, Literal

from recurra.config import Fraction, HeldOut, Range, check
from recurra.errors import ConfigError, setting


@dataclass(frozen=True)
class DataConfig:
    """Where the validation part begins, how long a window is, and how files are decoded."""

    batch_size: Annotated[int, Range(1, form=4096)] = 32
    """Streams (or windows) that are trained on side by side; fewer where the text is too short for them."""

    window: Annotated[int, Range(1, form=4096)] = 64
    """Tokens from one update to the next: as far back as the gradient goes."""

    mode: Literal["streams", "windows"] = "streams"
    """streams: long passages read side by side, the state carried on; windows: shuffled, each from a zero state."""

    stride: Annotated[int, Range(1, form=4096)] = 1
    """Tokens between the starts of two windows (mode windows only)."""

    validation: HeldOut = 0.1
    """Fraction of the text, or how many of its tokens, held out at its end to choose the best weights; 0 = none."""

    reset_documents: bool = True
    """Where a new document starts, drop the state (with several files)."""

    fresh_starts: Fraction = 0.05
    """Part of the windows in which a stream starts from a zero state, at the beginning of a line: so a model knows such starts
    (mode streams only)."""

    items: str = "auto"
    """Texts that are lists: line = each line is an item; or the line that stands between items, such as %; off = no list;
    auto = found from the text, and reported. Items are shuffled, each starts from a zero state, and is written as a whole."""

    encoding: str = "utf-8"
    """How the files' bytes become characters: utf-8, utf-16, latin-1, cp1252, gb18030, shift_jis ..."""

    invalid: Literal["error", "replace"] = "error"
    """What becomes of bytes that the encoding does not allow: an error with the place, or U+FFFD and a count."""

    def __post_init__(self):
        check(self)
        if not self.items or self.items != self.items.strip():
            raise ConfigError(
                f"{setting('items')} is {self.items!r}; expected auto, off, line, or the line between items, such as %"
            )
        if self.mode == "streams" and self.stride != 1:
            raise ConfigError(
                f"{setting('stride')} is {self.stride}, which has no effect with "
                f"{setting('mode', 'streams')}; try {setting('mode', 'windows')}"
            )
        try:
            "a".encode(self.encoding)
            codecs.getincrementaldecoder(self.encoding)
        except (LookupError, ValueError):  # ValueError: a NUL in the name
            raise ConfigError(
                f"{setting('encoding')} is {self.encoding!r}, which this Python does not know; "
                "try utf-8, utf-16, latin-1, cp1252, gb18030 or shift_jis"
            ) from None
