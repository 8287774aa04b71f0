"""Uploaded texts: kept as UTF-8 under their SHA-256, so that the same text is there once."""

import asyncio
import codecs
import hashlib
import re
import tempfile
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import Any, BinaryIO

from recurra.config import nearest
from recurra.data.corpora import CORPORA
from recurra.errors import ConfigError, DataError, setting
from recurra.files import read_json, to_json, write
from recurra.studio.refusal import Refused

ENCODINGS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "ascii"),
    *(f"iso8859-{n}" for n in range(1, 17) if n != 12),
    *(f"cp{n}" for n in (437, 850, 852, 855, 858, 866, 874, *range(1250, 1259))),
    *("koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "mac-greek", "tis-620"),
    *("shift_jis", "cp932", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030", "big5", "cp950", "euc_kr", "cp949"),
)
"""How the bytes of a text may become characters. Python has more, some of which take quadratic time (punycode, idna) or are
no text's (unicode_escape)."""
_ID = re.compile(r"[0-9a-f]{64}")
_START = 300


class Texts:
    """The texts in a folder: `text = await texts.add(chunks, "faust.txt")`, then `texts.path(text["id"])`."""

    def __init__(self, folder: Path, most: int, most_bytes: int, used: Callable[[], set[str]]):
        """used: the ids of the texts that a run was trained on; the others make room for new ones."""
        self.folder, self.most, self.most_bytes, self.used = folder, most, most_bytes, used
        folder.mkdir(parents=True, exist_ok=True)

    async def add(self, chunks: AsyncIterable[bytes], name: str, encoding: str = "utf-8") -> dict[str, Any]:
        """Keep a text that comes in pieces; what is known of it.

        encoding: one of ENCODINGS, by any of its names. DataError and ConfigError if it is unreadable; Refused (413)
        where it is too long, (409) if there are too many. Nothing of it stays then.
        """
        require_encoding(encoding)
        await asyncio.to_thread(self._make_room)
        # In a thread, piece by piece: the page answers beside the largest text.
        with tempfile.TemporaryDirectory(dir=self.folder) as place, Path(place, "text").open("w+b") as file:
            incoming = Incoming(file, encoding)
            async for chunk in chunks:
                if incoming.size + len(chunk) > self.most_bytes:
                    raise Refused(413, f"the text is longer than {self.most_bytes:,} bytes; take a part of it")
                await asyncio.to_thread(incoming.take, chunk)
            found = await asyncio.to_thread(incoming.end, name)
            Path(place, "text").replace(self.folder / f"{found['id']}.txt")
        write(self.folder / f"{found['id']}.json", to_json(found))
        return found

    def _make_room(self) -> None:
        files = sorted(self.folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
        if len(files) < self.most:
            return
        used = self.used()
        for file in files:
            if file.stem not in used:
                file.unlink()
                file.with_suffix(".txt").unlink(missing_ok=True)
                return
        raise Refused(409, f"there are {self.most} texts, which is the limit, each of a run; delete runs first")

    def get(self, text: str) -> dict[str, Any]:
        """What is known of a text. Refused (404) if there is none."""
        self.path(text)
        return read_json(self.folder / f"{text}.json")

    def path(self, text: str) -> Path:
        """A text's file. Refused (404) if there is none, or where the id is no SHA-256."""
        if not _ID.fullmatch(text) or not (self.folder / f"{text}.json").is_file():
            raise Refused(404, f"there is no text `{text[:64]}`; send it first: POST /api/texts")
        return self.folder / f"{text}.txt"

    def source(self, text: str | None, corpus: str | None) -> dict[str, Any]:
        """Where a text to train on is, and what is known of it: one that was sent, by its id, or a corpus, by its name.

        Refused if there is no such text or corpus (404), the corpus was not fetched (409), or not one of both is given.
        """
        if (text is None) == (corpus is None):
            raise Refused(422, "give either `text`, the id of one that was sent, or `corpus`, the name of one")
        if text is not None:
            return self.get(text) | {"source": str(self.path(text)), "corpus": None}
        if corpus not in CORPORA:
            raise Refused(404, f"there is no corpus `{corpus}`; {nearest(corpus, CORPORA)}")
        info = CORPORA[corpus]
        # The studio stays on this machine: what is not here is fetched on the command line.
        if not info.embedded and info.local() is None:
            raise Refused(409, f"the corpus `{corpus}` is not here; fetch it first: recurra corpora --fetch {corpus}")
        return {"id": None, "corpus": corpus, "name": corpus, "characters": None, "symbols": None, "source": corpus}


class Incoming:
    """A text on its way into a file: decoded, counted, its sum taken."""

    def __init__(self, file: BinaryIO, encoding: str):
        self.size = 0
        """Bytes taken."""
        self._file, self._encoding, self._decoder = file, encoding, codecs.getincrementaldecoder(encoding)()
        self._digest, self._characters, self._symbols, self._start = hashlib.sha256(), 0, set(), ""

    def take(self, chunk: bytes, final: bool = False) -> None:
        """The next bytes. DataError for what is no text in the encoding."""
        text = self._decoded(chunk, final)
        if not self._characters:
            text = text.removeprefix("\ufeff")
        data = text.encode()
        self._file.write(data)
        self._digest.update(data)
        self.size += len(chunk)
        self._characters += len(text)
        self._start += text[: _START - len(self._start)]
        self._symbols.update(text)

    def end(self, name: str) -> dict[str, Any]:
        """What is known of the text. DataError if it ends in the middle of a character, or has too little."""
        self.take(b"", final=True)
        _require_text(self._characters, self._symbols)
        self._file.flush()
        return {
            "id": self._digest.hexdigest(),
            "name": _name(name),
            "characters": self._characters,
            "symbols": len(self._symbols),
            "bytes": self._file.tell(),
            "start": self._start,
        }

    def _decoded(self, chunk: bytes, final: bool) -> str:
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeError as error:
            place = f" at offset {self.size + error.start}" if isinstance(error, UnicodeDecodeError) else ""
            raise DataError(
                f"the text is not valid {self._encoding}{place}; name its true encoding, such as latin-1, cp1252 or utf-16"
            ) from None
        if "\0" in text:
            raise DataError("the text looks like a binary file: it has a NUL character; give a text file")
        return text


def require_encoding(encoding: str) -> None:
    """ConfigError for an encoding that is not one of ENCODINGS, by any of its names."""
    try:
        known = codecs.lookup(encoding).name in {codecs.lookup(name).name for name in ENCODINGS}
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        known = False
    if not known:
        raise ConfigError(
            f"{setting('encoding')} is {encoding!r}; expected an encoding of texts, such as utf-8, utf-16, latin-1, cp1252,"
            " gb18030 or shift_jis; save the file as UTF-8 where it has another one"
        )


def _require_text(characters: int, symbols: set[str]) -> None:
    if characters < 2 or all(symbol.isspace() for symbol in symbols):
        what = "empty" if not characters else "one character" if characters == 1 else "white space alone"
        raise DataError(
            f"the text is {what}; training needs at least 2 characters, and 100,000 for a model worth having"
        )


def _name(name: str) -> str:
    """A file's name without its folders, short enough to show."""
    return re.split(r"[/\\]", name.strip())[-1][:100] or "text"
