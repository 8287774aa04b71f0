"""Texts that are lists: one item a line (names, titles, jokes), or items between separator lines such as `%`.

Each item becomes a document of its own: read from a fresh state, in an order drawn once, so that an item owes nothing to the
one before it.
"""

import random
import re
import statistics
from collections import Counter
from collections.abc import Iterator

from recurra.data.documents import Document, Documents, text_document
from recurra.errors import DataError, setting

OFF, AUTO, LINES = "off", "auto", "line"
_READ = 1 << 20  # characters that are looked at to find out
_LEAST = 50  # items, below which a text is no list
_RULE = re.compile(r"[^\w\s]{1,8}")


def separator(documents: Documents, items: str) -> str:
    """What ends an item: "\\n" for one a line, else the line that stands between two; "" where the text is no list.

    items: the setting: "auto" finds out, "off", "line", or the separator line itself. Only a single document is looked at.
    """
    if documents.separator:
        return documents.separator
    if items != AUTO:
        return {OFF: "", LINES: "\n"}.get(items, items)
    return _found(_beginning(documents[0])) if len(documents) == 1 else ""


def as_setting(separator: str) -> str:
    """The setting `items` that ends items with this."""
    return {"": OFF, "\n": LINES}.get(separator, separator)


def split(documents: Documents, separator: str, seed: int | None = 0) -> Documents:
    """The items of some texts as documents, in an order drawn by the seed; None: as they stand. Empty ones are left out.

    DataError if there are not two of them.
    """
    texts = [item for document in documents for item in _items(document, separator)]
    if len(texts) < 2:
        raise DataError(
            f"{documents[0].name} has {len(texts)} item{'s' * (len(texts) != 1)} {_where(separator)}; expected at least 2."
            f" {setting('items', OFF)} reads it as one text"
        )
    if seed is not None:
        random.Random(seed).shuffle(texts)
    name = documents[0].name
    return Documents([text_document(text, name) for text in texts], documents.skipped, separator)


def note(count: int, separator: str) -> str:
    """The sentence that reports it."""
    return f"{count:,} items {_where(separator)}, shuffled, each from a fresh state (items off reads them as one text)"


def _where(separator: str) -> str:
    return "one a line" if separator == "\n" else f"between lines of {separator}"


def _items(document: Document, separator: str) -> Iterator[str]:
    rest: list[str] = []
    for line in _lines(document):
        if separator == "\n":
            if line.strip():
                yield line
        elif line.strip() == separator:
            yield from _joined(rest)
            rest = []
        else:
            rest.append(line)
    yield from _joined(rest)


def _joined(lines: list[str]) -> list[str]:
    text = "\n".join(lines).strip("\n")
    return [text] if text.strip() else []


def _lines(document: Document) -> Iterator[str]:
    rest = ""
    for chunk in document.chunks():
        *whole, rest = (rest + chunk).split("\n")
        yield from (line.removesuffix("\r") for line in whole)
    if rest:
        yield rest.removesuffix("\r")


def _beginning(document: Document) -> list[str]:
    lines, read = [], 0
    for line in _lines(document):
        lines.append(line)
        read += len(line) + 1
        if read >= _READ:
            break
    return lines


def _found(lines: list[str]) -> str:
    """What ends an item in these lines, as far as they show it."""
    stripped = [line.strip() for line in lines]
    rules = Counter(line for line in stripped if _RULE.fullmatch(line) and len(set(line)) == 1)
    for rule, count in rules.most_common(1):
        # Often enough to be a border of items, and not of chapters.
        if count >= _LEAST - 1 and len(lines) / count <= 60:
            return rule
    filled = [line for line in stripped if line]
    if len(filled) < _LEAST or len(filled) < 0.99 * len(lines):
        return ""
    lengths = sorted(map(len, filled))
    # Short, and most of them once: no verse, which has blank lines, and no wrapped prose, whose lines are all alike in length.
    short = lengths[-1 - len(lengths) // 100] <= 100 and statistics.mean(lengths) <= 50
    wrapped = lengths[len(lengths) // 2] >= 0.85 * lengths[-1 - len(lengths) // 100] and lengths[-1] > 40
    table = any(all(mark in line for line in filled[:200]) for mark in (",", "\t", ";"))
    return "\n" if short and not wrapped and not table and len(set(filled)) >= 0.8 * len(filled) else ""
