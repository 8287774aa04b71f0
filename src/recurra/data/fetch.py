"""Fetching a corpus: with a progress bar, checked by its SHA-256, kept in the user's cache folder.

A file with the right sum in the folder that the environment variable RECURRA_DATA names is taken instead.
"""

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from recurra import paths
from recurra.errors import ConfigError, RunError

CHUNK = 1 << 15
"""Bytes between two movements of the bar."""

TIMEOUT = 20
"""Seconds that the server may stay silent."""


@dataclass(frozen=True)
class CorpusInfo:
    """A named corpus. All but the first two fields are None for what comes with Python."""

    name: str
    about: str
    bytes: int | None = None
    sha256: str | None = None
    url: str | None = None
    file: str | None = None
    """Its place in the folder that RECURRA_DATA names; its last part is the name in the cache folder."""
    fetched_sha256: str | None = None
    """Where the file at `url` has lost the line feeds of its line ends: the sum of that one."""

    @property
    def embedded(self) -> bool:
        """Whether it comes with Python, so that nothing need be fetched."""
        return self.url is None

    def local(self) -> Path | None:
        """The file, where it is here and whole."""
        return None if self.embedded else local(self)


def cache_folder() -> Path:
    """Where fetched corpora are kept. RunError if there is no such place."""
    import pooch

    try:
        # Without a home folder some versions of the library name a folder ~, and others raise RuntimeError.
        return paths.expanded(pooch.os_cache("recurra"))
    except (ConfigError, RuntimeError) as error:
        raise RunError(
            "there is no home folder to keep corpora in: HOME is not set. Set XDG_CACHE_HOME to a folder, or RECURRA_DATA to"
            " one that has them"
        ) from error


def local(info: CorpusInfo) -> Path | None:
    """The file of a corpus, where it is here and whole."""
    places = []
    if os.environ.get("RECURRA_DATA"):
        places.append(paths.expanded(os.environ["RECURRA_DATA"]) / info.file)
    with contextlib.suppress(RunError):
        places.append(cache_folder() / Path(info.file).name)
    return next((path for path in places if path.is_file() and _sum(path) == info.sha256), None)


def fetch(info: CorpusInfo) -> Path:
    """The file of a corpus, downloaded where it is not here. RunError, with the way by hand, where that fails."""
    return local(info) or _download(info)


def _download(info: CorpusInfo) -> Path:
    import pooch

    pooch.get_logger().setLevel("ERROR")  # it would speak between the bar's lines
    target, known = cache_folder() / Path(info.file).name, f"sha256:{info.fetched_sha256 or info.sha256}"

    def read(url: str, output: str, _):
        _read(info, url, Path(output))

    try:
        fetched = Path(pooch.retrieve(info.url, known, f"{target.name}.part", target.parent, downloader=read))
        if info.fetched_sha256:
            fetched.write_bytes(fetched.read_bytes().replace(b"\r", b"\r\n"))
        os.replace(fetched, target)
    except (OSError, ValueError) as error:  # no network and a full disk are OSErrors, a wrong sum is a ValueError
        what = "the file there is another one" if isinstance(error, ValueError) else error.strerror
        raise RunError(
            f"the corpus `{info.name}` could not be fetched from {info.url} ({what or type(error).__name__}). "
            f"Put the file ({info.bytes:,} bytes, SHA-256 {info.sha256}) at {target}, "
            "or take a corpus that needs no network: manual or stdlib"
        ) from None
    return target


def _read(info: CorpusInfo, url: str, path: Path):
    """Copy an address into a file, under a bar; silent where stderr is no terminal."""
    import requests
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
    with requests.get(url, stream=True, timeout=TIMEOUT) as response, path.open("wb") as file, bar:
        response.raise_for_status()
        task = bar.add_task(f"fetching {info.name}", total=info.bytes)
        for data in response.iter_content(CHUNK):
            file.write(data)
            bar.advance(task, len(data))


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
