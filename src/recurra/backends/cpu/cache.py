"""Where compiled files lie, and how one gets there: found by content, written whole or not at all.

A file is called NAME-KEY-ISA.so; the key is made of everything the code says (source, headers) and nothing of where it was
compiled. The package's own folder is a first, read-only place; in the user's cache there is a folder for each compiler and
set of flags. Each file ends with a checksum, since a shared library that was cut short kills the process that loads it. What
others could have put there is not loaded: `trust`.
"""

import atexit
import contextlib
import functools
import hashlib
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from recurra import paths
from recurra.backends.cpu import build, trust
from recurra.backends.cpu.build import CompileError
from recurra.backends.cpu.processor import Isa
from recurra.errors import CompileWarning

VARIABLE = "RECURRA_CACHE"
VERSION = b"recurra kernel 1"  # of this scheme; 16 bytes, and a file's last 48 are this and the checksum
SECONDS = 3600
"""Age from which a temporary file is taken for what a killed build left."""

_threads = threading.Lock()


class Compilation(NamedTuple):
    """Something to compile: the core, or a cell."""

    name: str
    source: str
    headers: tuple[str, ...]  # those in native/ that the source includes, also by way of others
    flags: tuple[str, ...] = ()  # of the compiler, beside those of every unit

    @property
    def key(self) -> str:
        """16 hexadecimal digits that change with the code, a header's code, or the scheme; comments do not count."""
        return _key(self)


@functools.cache
def _key(unit: Compilation) -> str:
    digest = hashlib.sha256(" ".join([VERSION.decode(), *unit.flags]).encode())
    for part in (unit.source, *(f"{h}\n{(build.native() / h).read_text('utf-8')}" for h in unit.headers)):
        code = re.sub("//.*", "", part)  # a comment may hold a function's address, another one in each process
        digest.update(f"{len(code)}\n{code}".encode())
    return digest.hexdigest()[:16]


def headers(source: str) -> tuple[str, ...]:
    """The files of native/ that a source includes, also by way of others, in the order of their names."""
    found, todo = set(), [source]
    while todo:
        new = set(re.findall(r'^#include "(.+)"', todo.pop(), re.MULTILINE)) - found
        found |= new
        todo += [(build.native() / name).read_text("utf-8") for name in new]
    return tuple(sorted(found))


def file_name(unit: Compilation, isa: Isa) -> str:
    return f"{unit.name}-{unit.key}-{isa.name}.so"


def packaged() -> Path:
    """The package's own folder of compiled files; it need not exist."""
    return Path(__file__).parent / "lib"


class NoFolderError(OSError):
    """There is no place for a cache: the user has no home folder."""


def folder() -> Path:
    """The user's cache: $RECURRA_CACHE, or the system's usual place. NoFolderError if there is none."""
    asked, base = os.environ.get(VARIABLE), os.environ.get("XDG_CACHE_HOME")
    if asked:
        return paths.expanded(asked)
    if base and sys.platform != "darwin":
        return Path(base) / "recurra"
    if paths.home() is None:
        raise NoFolderError("there is no home folder: HOME is not set")
    return paths.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "recurra"


def find(unit: Compilation, isa: Isa) -> Path | None:
    """The compiled file, if it is somewhere, whole, and of nobody else."""
    return next(found(unit, isa), None)


def found(unit: Compilation, isa: Isa) -> Iterator[Path]:
    """The compiled file, wherever it is whole and of nobody else."""
    name = file_name(unit, isa)
    return (place / name for place in _places() if _is_mine(place / name))


def _is_mine(path: Path) -> bool:
    # A library of the package is as good as the code that it lies beside.
    code = __file__ if path.parent == packaged() else None
    return is_whole(path) and not trust.objection(path, code)


def fetch(unit: Compilation, isa: Isa, again: bool = False) -> Path:
    """The compiled file, found or compiled now. again: compile even if there is one. Raises CompileError."""
    found = None if again else find(unit, isa)
    if found is not None:
        return found
    place = _writable()
    target = place / file_name(unit, isa)
    with _threads, _alone(target.with_suffix(".lock")):
        if not again and _is_mine(target):  # another process was faster
            return target
        make(unit, isa, target)
    return target


def make(unit: Compilation, isa: Isa, target: Path) -> None:
    """Compile into `target`, which is there whole at the end, whatever stood there. Raises CompileError."""
    _sweep(target.parent)
    try:
        handle, name = tempfile.mkstemp(".tmp", f"{unit.name}-", target.parent)
        os.close(handle)
    except OSError as error:
        raise CompileError(f"{target.parent} cannot be written: {error.strerror}") from error
    part = Path(name)
    try:
        build.compile(unit.source, unit.name, isa, part, unit.flags)
        with part.open("r+b") as file:
            digest = hashlib.sha256(file.read()).digest()
            file.write(digest + VERSION)
        part.chmod(part.stat().st_mode & ~0o022)  # linkers make a file of their own, with the permissions of the umask
        os.replace(part, target)
    except OSError as error:
        raise CompileError(f"{target} could not be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def is_whole(path: Path) -> bool:
    """Whether the file is there and its checksum right."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    body, digest, version = content[:-48], content[-48:-16], content[-16:]
    return version == VERSION and hashlib.sha256(body).digest() == digest


def _places() -> Iterator[Path]:
    yield packaged()
    mine = None
    with contextlib.suppress(CompileError, NoFolderError):
        mine = _of_compiler()
        yield mine
    if mine is None:  # the compiler is gone: what an earlier one made still runs
        with contextlib.suppress(OSError):
            yield from sorted(place for place in folder().resolve().iterdir() if place.is_dir())
    if _private.cache_info().currsize:
        yield _private(os.getpid())


def _of_compiler() -> Path:
    facts = "\n".join([build.compiler().identity, *build.FLAGS, *build.LIBRARIES])
    # The place itself, not a link to it: what was looked at is what is loaded.
    return Path(os.path.realpath(folder())) / hashlib.sha256(facts.encode()).hexdigest()[:12]


def _writable() -> Path:
    """A folder to compile into: the user's cache, or, where that is no place for it, one that ends with the process.

    Raises CompileError if there is none that only the user can write.
    """
    try:
        place = _of_compiler()
        if not trust.objection(place):
            for missing in [one for one in (place, *place.parents) if not one.exists()][::-1]:
                missing.mkdir(mode=0o700, exist_ok=True)
            if os.access(place, os.W_OK | os.X_OK):
                return place
    except OSError:
        pass
    place = _private(os.getpid())
    if why := trust.objection(place):
        raise CompileError(f"{why}, and so is no place for native code; set {build.TMPDIR}")
    return place


def shown() -> str:
    """The cache's folder for a message."""
    try:
        return str(folder())
    except NoFolderError:
        return "none"


def problem() -> str:
    """Why the user's cache is not used, in half a sentence; "" where it can be. It is not made for that."""
    try:
        place = folder()
    except NoFolderError as error:
        return str(error)
    if why := trust.objection(place):
        return why
    while not place.exists() and place != place.parent:
        place = place.parent
    return "" if place.is_dir() and os.access(place, os.W_OK | os.X_OK) else f"{place} cannot be written"


@functools.cache
def _private(process: int) -> Path:
    try:
        why = trust.objection(_of_compiler()) or f"{folder()} cannot be written"
    except NoFolderError as error:
        why = str(error)
    warnings.warn(
        f"Recurra's cache of compiled kernels is not used: {why}. So kernels are compiled again in each process. Set "
        f"{VARIABLE} to a folder that you can write, and nobody else.",
        CompileWarning,
        stacklevel=2,
    )
    place = Path(tempfile.mkdtemp(prefix="recurra-"))
    # A child made by fork has this handler too, and the folder is its parent's.
    atexit.register(lambda: shutil.rmtree(place, ignore_errors=True) if os.getpid() == process else None)
    return place


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time compiles a file; the others wait and find it. The lock ends with the process that holds it."""
    try:
        import fcntl

        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except (ImportError, OSError):  # then several may compile it, which does no harm
        yield
        return
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sweep(place: Path) -> None:
    """Remove what killed builds left behind."""
    for left in place.glob("*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > SECONDS:
                left.unlink()
