"""Paths → documents: files, folders, standard input, and the names of corpora."""

import codecs
import io
import os
import stat
import sys
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

from recurra.data.corpora import CORPORA, corpus_documents
from recurra.data.documents import CHUNK, Document, Documents, file_document, unreadable
from recurra.errors import DataError
from recurra.paths import expanded, kind_of, walk

_KINDS = """
    txt text md markdown rst adoc org tex log srt vtt csv tsv json jsonl html htm xml yaml yml toml ini abc ly
    py pyi c h cc cpp hpp cu java js mjs ts jsx tsx css go rs rb php pl lua sh bat sql r jl hs ml scala kt swift
    cs f90 m el lisp clj ex erl vim cmake patch
"""
KINDS = frozenset(f".{kind}" for kind in _KINDS.split())
"""Kinds of files that are taken from a folder, besides those without a suffix (README, say)."""


def read_documents(
    paths: str | os.PathLike | Iterable[str | os.PathLike], encoding: str = "utf-8", invalid: str = "error"
) -> Documents:
    """The documents in some paths, in the order given; nothing but a pipe is read yet.

    paths: files; folders, with everything below them, sorted; `-`, which is standard input; names of corpora,
    where there is no such file. From a folder come the text files of KINDS; hidden, empty, binary and other
    files are counted in `.skipped`. A file that is named itself may be of any kind.

    DataError if a path is missing or unreadable, or if no document is left.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    for path in paths:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise DataError(f"a text is {path!r}; expected the path of a file or folder, or the name of a corpus")
    if not paths:
        raise DataError("no text was named; expected files, folders, `-` for standard input, or names of corpora")
    if sum(os.fspath(path) == "-" for path in paths) > 1:
        raise DataError("`-` (standard input) was named twice; it can be read once")
    documents = sum((_from_path(path, encoding, invalid) for path in paths), Documents())
    if not documents:
        left_out = ", ".join(f"{n} {why}" for why, n in documents.skipped.most_common(5)) or "empty folder"
        raise DataError(f"{', '.join(map(str, paths))}: no text files there ({left_out}). Name files directly")
    return documents


def _from_path(path: str | os.PathLike, encoding: str, invalid: str) -> Documents:
    if os.fspath(path) == "-":
        return Documents([_spooled("standard input", sys.stdin.buffer, encoding, invalid)])
    if "\n" in os.fspath(path):
        raise DataError("a path with line breaks was given; for a text itself, say text=... or text_document(...)")
    path = expanded(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _named(path)
    except (OSError, ValueError) as error:
        raise unreadable(f"`{path}`", error) from None
    if stat.S_ISDIR(mode):
        return _folder(path, encoding, invalid)
    if stat.S_ISREG(mode):
        return Documents([file_document(path, encoding, invalid)])
    try:
        with path.open("rb") as file:
            if not stat.S_ISFIFO(mode) and not file.isatty():  # /dev/zero would fill the disk
                raise DataError(f"{path} is a device; expected a file, a folder or a pipe")
            return Documents([_spooled(str(path), file, encoding, invalid)])
    except OSError as error:
        raise unreadable(str(path), error) from None


def _named(path: Path) -> Documents:
    """The corpus of that name, as there is no such file."""
    if str(path) in CORPORA:
        return corpus_documents(str(path))
    try:
        beside = [str(path.parent / name) for name in os.listdir(path.parent)]
    except OSError:
        beside = []
    close = get_close_matches(str(path), [*CORPORA, *beside], n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"expected a file, a folder or a corpus: {', '.join(CORPORA)}"
    raise DataError(f"there is no file `{path}`; {hint}")


def _folder(folder: Path, encoding: str, invalid: str) -> Documents:
    documents, skipped = [], Counter()
    try:
        files = walk(folder, skipped)
    except OSError as error:
        raise unreadable(error.filename, error) from None
    for path in files:
        if why := _left_out(path, encoding):
            skipped[why] += 1
        else:
            documents.append(file_document(path, encoding, invalid))
    return Documents(documents, skipped)


def _left_out(path: Path, encoding: str) -> str:
    """Why a folder's file is no document; "" where it is one."""
    if path.suffix and path.suffix.lower() not in KINDS:
        return kind_of(path)
    try:
        with path.open("rb") as file:
            head = file.read(8192)
    except OSError as error:
        raise unreadable(str(path), error) from None
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    return "empty" if not head else "binary" if b"\0" in head and not wide else ""


def _spooled(name: str, source: BinaryIO, encoding: str, invalid: str) -> Document:
    """A document from what can be read only once: copied to a nameless temporary file, as it is read twice."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 (it is open for as long as the document lives)
    try:
        while data := source.read(CHUNK):
            file.write(data)
        file.flush()
    except OSError as error:
        raise unreadable(name, error) from None
    document = Document(name, lambda: io.BufferedReader(_Again(file)), file.tell(), encoding, invalid)
    weakref.finalize(document, file.close)
    return document


class _Again(io.RawIOBase):
    """A file read from its start, which stays open when the reader is closed."""

    def __init__(self, file: BinaryIO):
        self._file = file
        file.seek(0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        return self._file.readinto(buffer)
