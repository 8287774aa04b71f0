"""Files that are never half written: a temporary file in the same folder, flushed to the disk, then renamed.

write, replacing               a run's own files: a link, a pipe or a device in their place is refused
write_output, replacing_output what the user names, as with `-o`: a link is followed, a pipe is written into
together                       several files that appear in a folder together, or not at all
to_json                        a value as JSON text, names of any bytes in it
read_text, read_json           a run's own files again: plain, of a bounded size, damaged in one line
source, decoding               what the user names to be read: files of a bounded size; whatever a library raises on them
sweep                          removes what killed processes left behind
"""

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from recurra import locks
from recurra.errors import ConfigError, DataError, RecurraError, RunError, advice
from recurra.paths import LONE, expanded
from recurra.terminal import LOSSLESS

MOST = 1 << 28
"""Bytes that a text or JSON file of a run may have: vocabularies of millions of words have a tenth of it."""
LARGEST = 1 << 32
"""Bytes of a file that the user names, where it is read whole."""
WHOLE = ".whole"
"""The folder of files that are all written and flushed, and only have to be moved up by one."""
DAMAGED = "Restore the file from a copy, or train again into another folder."
# Names of our own for what is not finished: nobody else's file is ever removed. The random part is 16 hexadecimal digits.
_PART, _PARTS = ".recurra-{}.part", ".recurra-{}.parts"
_UNFINISHED = re.compile(r"\.recurra-[0-9a-f]{16}\.parts?")
_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC if os.name == "posix" else getattr(os, "O_BINARY", 0)
# What file systems answer that know no flush of a folder: some that are mounted over a network.
_NO_FLUSH = (errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENOTSUP, errno.EBADF, errno.ENOSYS)


def check_place(path: str | Path) -> Path:
    """Where a file is to be written, before there is one. ConfigError if that is a folder, its folder is none, or its name
    is too long."""
    path = expanded(path)
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            size = len(os.fsencode(path.name))
            raise ConfigError(
                f"{path} cannot be written: a name of {size} bytes is too long; choose a shorter name"
            ) from error
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ConfigError(f"{path} cannot be written: there is no folder {path.parent}; make it, or name another file")
    special = path.exists() and not path.is_file()  # a device is written itself, a file is replaced in its folder
    if not os.access(path if special else path.parent, os.W_OK):
        raise ConfigError(f"{path} cannot be written: the folder {path.parent} allows no new files; name another")
    return path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A file to write in place of `path`, one of a run's own, which becomes it when the block has ended well.

    When the block fails, the old file is untouched and the new one gone. RunError if something other than a plain file
    is there (a link could lead out of the run), where the folder is not writable or the disk is full.
    """
    path = Path(path)
    refuse_special(path)
    with _replacing(path, path) as part:
        yield part


@contextlib.contextmanager
def replacing_output(path: str | Path) -> Iterator[Path]:
    """As `replacing`, for a file that the user has named: of a link, what it leads to is replaced.

    What is no file, such as /dev/stdout, is written as it is.
    """
    path = expanded(path)
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        try:
            yield target
        except OSError as error:
            raise RunError(_unwritten(path, error)) from error
        return
    with _replacing(path, target) as part:
        yield part


@contextlib.contextmanager
def _replacing(path: Path, target: Path) -> Iterator[Path]:
    """path: what the file is called in messages."""
    part, handle, replaced = None, -1, False
    try:
        try:
            part, handle = _temporary(target.parent)
            keep_mode(target, part)
            yield part
            os.fsync(handle)
            if os.name != "posix":  # Windows renames no open file
                os.close(handle)
                handle = -1
            os.replace(part, target)
            replaced = True
            flush_folder(target.parent)
        except OSError as error:
            kept = " The one written before is intact." if path.is_file() and not replaced else ""
            raise RunError(_unwritten(path, error, kept)) from error
    finally:
        if part is not None and not replaced:
            with contextlib.suppress(OSError):  # the folder itself may be gone
                part.unlink()
        if handle >= 0:
            os.close(handle)


def _temporary(folder: Path) -> tuple[Path, int]:
    """A new file of an unpredictable name, locked while it is written: what is not locked, `sweep` may remove."""
    while True:
        part = folder / _PART.format(secrets.token_hex(8))
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN, 0o666)
        # `sweep` may have come in between, and has then removed it.
        if locks.take(handle) is not False and os.fstat(handle).st_nlink:
            return part, handle
        os.close(handle)


def keep_mode(old: Path, new: Path) -> None:
    """Give a file the permissions and the group of the one it will replace, where there is one."""
    if os.name != "posix":
        return
    try:
        status = os.stat(old)
    except OSError:
        return
    mode = stat.S_IMODE(status.st_mode)
    if os.stat(new).st_gid != status.st_gid:
        try:
            os.chown(new, -1, status.st_gid)
        except OSError:  # not a member of that group: ours may do no more than all others
            mode = mode & ~0o070 | (mode & 0o007) << 3
    os.chmod(new, mode)


def _unwritten(path: Path, error: OSError, kept: str = "") -> str:
    return f"{shown(path)} could not be written: {error.strerror or error}.{kept} {advice(error)}."


def shown(path: Path) -> Path:
    """A path for a message: without the folder that `together` keeps unfinished files in."""
    return Path(*(part for part in path.parts if not _UNFINISHED.fullmatch(part)))


def write(path: Path, content: bytes | str) -> None:
    """Put `content` in one of a run's own files, whole or not at all, as `replacing` does."""
    with replacing(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def write_output(path: Path, content: bytes | str) -> None:
    """Put `content` in a file that the user has named, as `replacing_output` does; names of files in it as their bytes are,
    other half surrogates as \\ud800."""
    with replacing_output(path) as part:
        part.write_bytes(content.encode("utf-8", LOSSLESS) if isinstance(content, str) else content)


def flush_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut; nothing where its file system refuses that."""
    # Windows has no such call, and its renames are journalled.
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:  # a folder that may be written, but not listed
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FLUSH:
            raise
    finally:
        os.close(handle)


def make_folder(folder: Path) -> list[Path]:
    """Make a folder, and those above it, so that they survive a power cut; those that were new, from the top. OSError."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()][::-1]
    for place in missing:
        place.mkdir(exist_ok=True)
        flush_folder(place.parent)
    return missing


@contextlib.contextmanager
def together(folder: Path, last: str) -> Iterator[Path]:
    """A place to write files that appear in `folder` together, in place of older ones, or not at all.

        with together(folder, "config.json") as place:
            write(place / "vocabulary.json", ...)
            write(place / "config.json", ...)

    Whatever ends the process, `finish(folder, last)` afterwards leaves all of the old files or all of the new ones. To be
    called by the one writer of the folder. last: the file that is moved last, the mark of a folder that is whole.
    """
    place, handle, whole = folder / _PARTS.format(secrets.token_hex(8)), -1, False
    try:
        with _as_run_error(folder):
            finish(folder, last)
            place.mkdir(mode=0o777)
            if os.name == "posix":
                handle = os.open(place, os.O_RDONLY | _PLAIN)
                locks.take(handle)
        yield place
        with _as_run_error(folder):
            flush_folder(place)
            # From here on the new files count.
            os.rename(place, folder / WHOLE)
            whole = True
            flush_folder(folder)
            finish(folder, last)
    finally:
        if not whole:
            shutil.rmtree(place, ignore_errors=True)
        if handle >= 0:
            os.close(handle)


def finish(folder: Path, last: str) -> None:
    """Move files into place that `together` had written when its process was killed. OSError if that is not possible."""
    whole = folder / WHOLE
    if not is_unfinished(folder):
        return
    for name in sorted(os.listdir(whole), key=lambda name: name == last):
        keep_mode(folder / name, whole / name)
        os.replace(whole / name, folder / name)
    flush_folder(folder)
    whole.rmdir()


def is_unfinished(folder: Path) -> bool:
    """Whether files are waiting for `finish`."""
    return _mode(folder / WHOLE, stat.S_ISDIR)


@contextlib.contextmanager
def _as_run_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(_unwritten(path, error)) from error


def sweep(folder: Path) -> None:
    """Remove temporary files of processes that are gone; those of living ones are locked, and stay."""
    for name in filter(_UNFINISHED.fullmatch, os.listdir(folder)):
        path = folder / name
        # Not removed: somebody else's, or just finished. It takes room, and nothing depends on it.
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDONLY | _PLAIN)
            try:
                if locks.take(handle):
                    shutil.rmtree(path) if stat.S_ISDIR(os.fstat(handle).st_mode) else path.unlink()
            finally:
                os.close(handle)


def leftover(name: str) -> bool:
    """Whether a file of this name is only what an unfinished write left behind."""
    return name == locks.LOCK or _UNFINISHED.fullmatch(name) is not None


def _mode(path: Path, test) -> bool:
    try:
        return test(os.lstat(path).st_mode)
    except OSError:
        return False


def refuse_special(path: Path) -> None:
    """RunError if there is something, and that is no plain file."""
    if os.path.lexists(path) and not _mode(path, stat.S_ISREG):
        raise RunError(_special(path))


def _special(path: Path) -> str:
    what = "a link" if path.is_symlink() else "a folder" if path.is_dir() else "no plain file"
    return f"{shown(path)} is {what}; the files of a run are plain files in its folder. Remove it, or put the file itself there"


def opened(path: Path, most: int = MOST) -> BinaryIO:
    """One of a run's own files, to read. OSError if opening it fails; RunError if it is no plain file or too large.

    most: bytes that it may have.
    """
    try:
        handle = os.open(path, os.O_RDONLY | _PLAIN)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise RunError(_special(path)) from error
        raise
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_size > most:
        os.close(handle)
        if not stat.S_ISREG(status.st_mode):
            raise RunError(_special(path))
        raise RunError(
            f"{path} is damaged: it has {status.st_size:,} bytes, and at most {most:,} are expected. {DAMAGED}"
        )
    return open(handle, "rb")


def appending(path: Path) -> BinaryIO:
    """One of a run's own files, to add to. OSError if opening it fails, RunError if it is no
    plain file."""
    refuse_special(path)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _PLAIN, 0o666)
    return open(handle, "ab")


def to_json(value: Any, indent: int | None = None) -> str:
    """A value as JSON text, which can be UTF-8 always: of a name whose bytes are none, those stand as escapes, \\udce9."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return LONE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def read_text(path: Path, most: int = MOST) -> str:
    """A run's own file as text. RunError, in one line, if it is missing, damaged, too large or no plain file."""
    try:
        with opened(path, most) as file:
            return file.read().decode("utf-8")
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing. {DAMAGED}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} is damaged ({error}). {DAMAGED}") from error


def read_json(path: Path, most: int = MOST) -> Any:
    """What a run's own JSON file says. RunError, in one line, as `read_text`, and for what is no JSON."""
    return parse_json(read_text(path, most), path)


def parse_json(text: str | bytes, path: Path) -> Any:
    """What a text says, of any depth and with any numbers. path: the file it is from. RunError, in one line."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise RunError(f"{path} is damaged (its JSON is nested too deeply). {DAMAGED}") from error
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}). {DAMAGED}") from error


def source(path: str | Path, most: int = LARGEST) -> BinaryIO:
    """A file that the user has named, to read: a link is followed, anything else than a file is refused.

    most: bytes that it may have. DataError if it is missing, a folder, a pipe, a device or too large, or unreadable.
    """
    path = expanded(path)
    try:
        handle = os.open(path, os.O_RDONLY | (_PLAIN & ~getattr(os, "O_NOFOLLOW", 0)))
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode) and status.st_size <= most:
        return open(handle, "rb")
    os.close(handle)
    if stat.S_ISREG(status.st_mode):
        raise DataError(f"{path} has {status.st_size:,} bytes; files of at most {most:,} are read here")
    what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
    raise DataError(f"{path} is {what}; expected a file. Save it as one first")


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Drop what a library writes to standard error by itself. It is the whole process's, so for short calls alone."""
    try:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # there is no standard error
        yield
        return
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def decoding(path: str | Path, kind: str, error: type[RecurraError] = DataError) -> Iterator[None]:
    """Let a library read a file: `with files.decoding(path, "video"): ...`. Its warnings are not shown.

    Decoders raise whatever they stumble over, so that any exception means that the file is damaged, in one line. Nothing but
    the library's calls belongs into the block: in ours an exception would be a fault of our own.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except RecurraError:
        raise
    except RecursionError as cause:
        raise error(f"{path} is damaged, or no {kind}: it is nested too deeply") from cause
    except MemoryError as cause:
        raise error(f"{path} is damaged, or no {kind}: it needs more memory than there is") from cause
    except Exception as cause:
        words = " ".join((getattr(cause, "strerror", None) or str(cause) or type(cause).__name__).split())
        raise error(f"{path} is damaged, or no {kind}: {words[:200]}") from cause
