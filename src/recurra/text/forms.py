"""One form of Unicode: letters composed with their accents (NFC), so that texts that look the same are the same.

Macs, Korean and Vietnamese keyboards and PDFs write é as e and a mark; elsewhere it is one character.
"""

import unicodedata
from typing import Any


def composed(text: str) -> str:
    """A text in the form NFC: `composed("e\u0301")` → "é"."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def forms(text: str) -> list[str]:
    """A text as it stands, composed, and taken apart: each form once."""
    return list(dict.fromkeys((text, composed(text), unicodedata.normalize("NFD", text))))


def composed_label(label: Any) -> Any:
    """The same for a label, a name or an id, which may be a number or something else."""
    return composed(label) if type(label) is str else label
