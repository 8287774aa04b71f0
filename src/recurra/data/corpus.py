"""A corpus: ids in a memory-mapped file, with what is known about them beside it.

    corpus.bin       the ids, one after another, of the smallest unsigned type
    corpus.json      their type, number, SHA-256; characters, documents, sources, what was replaced or left out
    vocabulary.json  what the ids mean

Texts are read twice, as streams (once for the vocabulary, once for the ids), so memory does not grow with them.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from recurra import files
from recurra.data import items
from recurra.data.config import DataConfig
from recurra.data.documents import Document, Documents
from recurra.data.files import read_documents
from recurra.errors import DataError, RunError, setting
from recurra.text.build import build_vocabulary, vocabulary_from_json
from recurra.text.config import TextConfig
from recurra.text.vocabulary import Vocabulary

SCHEMA = 1
_DTYPES = ("uint8", "uint16", "uint32")
_FIELDS = {
    **dict.fromkeys(("vocabulary", "count", "train", "characters", "documents"), int),
    **{"dtype": str, "sha256": str, "replaced": dict, "skipped": dict},
}
Source = str | os.PathLike | Document | Iterable[str | os.PathLike | Document]


@dataclass(frozen=True)
class Corpus:
    """An opened corpus. `ids` is a memory map: what is not looked at is not loaded."""

    folder: Path
    vocabulary: Vocabulary
    ids: np.ndarray
    info: dict
    """What corpus.json says."""

    @property
    def characters(self) -> int:
        """Characters in the text, all documents together."""
        return self.info["characters"]

    @property
    def documents(self) -> int:
        """How many documents it has; each is followed by the end-of-document token where there are several."""
        return self.info["documents"]

    @property
    def items(self) -> str:
        """What ends an item, where the text is a list: "\\n", or the separator line; else ""."""
        return self.info.get("items", "")

    @property
    def train(self) -> np.ndarray:
        """The ids to train on: a view of the first part."""
        return self.ids[: self.info["train"]]

    @property
    def valid(self) -> np.ndarray:
        """The ids kept for validation: a view of the last part; empty if the fraction is 0 or holds no 2 tokens."""
        return self.ids[self.info["train"] :]

    @property
    def notes(self) -> list[str]:
        """Sentences on what was replaced or left out, for the user; often none."""
        replaced, skipped = self.info["replaced"], self.info["skipped"]
        notes = [f"{name}: {n:,} invalid byte sequences became U+FFFD" for name, n in replaced.items()]
        if self.items:
            notes.insert(0, items.note(self.documents, self.items))
        if skipped:
            notes.append("files left out: " + ", ".join(f"{n:,} {why}" for why, n in skipped.items()))
        return notes

    @classmethod
    def open(cls, folder: str | os.PathLike) -> "Corpus":
        """The corpus that `build_corpus` wrote. RunError if it is missing, damaged, or written by another program."""
        folder = Path(folder)
        info = _read_info(folder / "corpus.json")
        path, size = folder / "corpus.bin", info["count"] * np.dtype(info["dtype"]).itemsize
        vocabulary = vocabulary_from_json(files.read_text(folder / "vocabulary.json"))
        try:
            with files.opened(path, most=size) as file:
                found, there = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
        except OSError as error:
            raise RunError(f"the corpus in {folder} cannot be read: {error}; train again from the text") from None
        if (there, found) != (size, info["sha256"]):
            raise RunError(f"{path} is damaged: it is not what corpus.json describes; train again from the text")
        if len(vocabulary) != info["vocabulary"]:
            raise RunError(
                f"{folder}/vocabulary.json has {len(vocabulary)} tokens, but corpus.bin was written with "
                f"{info['vocabulary']}; put the matching file back, or train again from the text"
            )
        return cls(folder, vocabulary, np.memmap(path, info["dtype"], "r", shape=(info["count"],)), info)


def build_corpus(
    source: Source,
    folder: str | os.PathLike,
    text: TextConfig | None = None,
    data: DataConfig | None = None,
    vocabulary: Vocabulary | None = None,
    progress: Callable[[float], None] | None = None,
    validation: Source | None = None,
) -> Corpus:
    """Encode texts into `folder` and open the corpus.

    source: a path, the name of a corpus, `-`, a Document (`text_document("...")` makes one), or several of them.
    vocabulary: encode with this one, and build none. progress: called with the fraction done, 0 to 1, now and then.
    validation: texts that become the validation part, in place of the end of the others.

    DataError if a text is unreadable or too short; VocabularyError if `vocabulary` lacks a symbol; RunError
    where the folder is not writable. Files appear whole or not at all.
    """
    folder, text, data = Path(folder), text or TextConfig(), data or DataConfig()
    documents = gather(source, data)
    _require_text(documents)
    documents, end = as_items(documents, data)
    learned = len(documents)
    if validation is not None:
        held = gather(validation, data)
        _require_text(held)
        documents = documents + (items.split(held, end) if end else held)
    several = len(documents) > 1
    passes = 1 if vocabulary or text.unit == "byte" else 2
    report = _Report(progress, passes * sum(d.size for d in documents))
    if vocabulary is None:
        chunks = chain.from_iterable(report.watch(d.chunks()) for d in documents) if passes == 2 else ()
        vocabulary = build_vocabulary(chunks, text, several, report.again)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # All three are on the disk before the first one gets its name: a full disk leaves an older corpus whole.
        with tempfile.TemporaryDirectory(prefix=".corpus-", dir=folder) as place:
            with _written(Path(place, "corpus.bin")) as file:
                info, ends = _write_ids(file, documents, vocabulary, report)
            info["items"] = end
            info["train"] = split(info["count"], data.validation) if validation is None else ends[learned - 1]
            with _written(Path(place, "vocabulary.json")) as file:
                file.write(vocabulary.to_json().encode())
            with _written(Path(place, "corpus.json")) as file:
                file.write(json.dumps(info, indent=1).encode())
            for name in ("corpus.bin", "vocabulary.json", "corpus.json"):
                os.replace(Path(place, name), folder / name)
    except OSError as error:
        needed = 1 + sum(document.size for document in documents) * vocabulary.dtype.itemsize // 10**6
        raise RunError(
            f"the corpus could not be written to {files.shown(folder)}: {error.strerror or error}. "
            f"It needs up to {needed:,} MB; make room, or name another folder"
        ) from None
    return Corpus.open(folder)


def as_items(documents: Documents, data: DataConfig) -> tuple[Documents, str]:
    """The documents, or the items where they are a list; and what ends an item, "" where they are none."""
    end = items.separator(documents, data.items)
    return (documents if documents.separator or not end else items.split(documents, end)), end


def gather(source: Source, data: DataConfig) -> Documents:
    """The documents of a source: paths and names are looked up, Documents taken as they are."""
    if isinstance(source, Documents):
        return source
    sources = [source] if isinstance(source, str | os.PathLike | Document) else list(source)
    if not sources or not any(isinstance(s, Document) for s in sources):
        return read_documents(sources, data.encoding, data.invalid)
    read = (
        Documents([s]) if isinstance(s, Document) else read_documents(s, data.encoding, data.invalid) for s in sources
    )
    return sum(read, Documents())


def _require_text(documents: Documents):
    """DataError unless there are two characters and one of them is visible; reads no further than it must."""
    seen, blank = 0, True
    for chunk in chain.from_iterable(d.chunks() for d in documents):
        seen, blank = seen + len(chunk), blank and chunk.isspace()
        if seen >= 2 and not blank:
            return
    names = ", ".join(d.name for d in documents[:3]) + (", ..." if len(documents) > 3 else "")
    what = "empty" if not seen else f"{seen:,} character{'s' * (seen > 1)} of white space" if blank else "one character"
    raise DataError(
        f"{names}: the text is {what}; training needs at least 2 characters, not only white space, "
        "and about 100,000 for a model worth having"
    )


def _write_ids(
    file: BinaryIO, documents: Documents, vocabulary: Vocabulary, report: "_Report"
) -> tuple[dict, list[int]]:
    """Encode the documents into a file; what corpus.json holds about them, but for the split, and where each ends."""
    digest, count, eod, ends = hashlib.sha256(), 0, vocabulary.eod, []
    end = b"" if eod is None or len(documents) < 2 else vocabulary.dtype.type(eod).tobytes()
    for document in documents:
        for ids in vocabulary.stream(report.watch(document.chunks(), count=True), document.name):
            digest.update(ids)
            file.write(ids)
            count += len(ids)
        digest.update(end)
        file.write(end)
        count += bool(end)
        ends.append(count)
    if count < 2:
        raise DataError(f"the text is {count} {vocabulary.unit} token long; training needs at least 2")
    return {
        "schema": SCHEMA,
        "vocabulary": len(vocabulary),
        "dtype": str(vocabulary.dtype),
        "count": count,
        "sha256": digest.hexdigest(),
        "characters": report.characters,
        "documents": len(documents),
        "sources": list(dict.fromkeys(_known(d.name) for d in documents[:1000])),
        "replaced": {_known(d.name): d.replaced for d in documents if d.replaced},
        "skipped": dict(documents.skipped),
    }, ends


def _known(name: str) -> str:
    # A run may be given away: where its author's files lay is nobody's business.
    return Path(name).name if os.path.isabs(name) else name


def split(count: int, validation: float) -> int:
    """How many tokens are trained on. Both parts need 2 tokens; where there are not 4, all are trained on."""
    train = count - int(validation) if validation >= 1 else int(count * (1 - validation))
    if count - train < 2:
        return count
    if train < 2:
        raise DataError(
            f"{setting('validation', validation)} leaves {train} of {count} tokens to train on; it needs at least 2"
        )
    return train


class _Report:
    """Counts what passes by."""

    def __init__(self, progress: Callable[[float], None] | None, total: int):
        self.characters, self._done, self._progress, self._total = 0, 0, progress, max(total, 1)

    def again(self) -> None:
        """Report once more what is done, so that whoever wants to stop can."""
        if self._progress:
            self._progress(min(self._done / self._total, 1.0))

    def watch(self, chunks: Iterable[str], count: bool = False) -> Iterator[str]:
        for chunk in chunks:
            yield chunk
            self.characters += len(chunk) * count
            if self._progress:
                self._done += len(chunk.encode())
                self.again()


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _read_info(path: Path) -> dict:
    if not os.path.lexists(path):
        raise RunError(f"{path.parent} holds no corpus: there is no {path.name}")
    info = files.read_json(path)
    if not isinstance(info, dict) or info.get("schema") != SCHEMA:
        raise RunError(
            f"{path} is not a corpus of this version of Recurra (schema {SCHEMA}); train again from the text"
        )
    for field, kind in _FIELDS.items():
        if not isinstance(info.get(field), kind) or (field == "dtype" and info[field] not in _DTYPES):
            raise RunError(f"{path} is damaged: `{field}` is {info.get(field)!r}; train again from the text")
    return info
