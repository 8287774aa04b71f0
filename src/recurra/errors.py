"""Every error that Recurra raises on purpose: one root, and the builtin each one resembles still catches it.

A message marks the settings that it is about, and whoever shows it writes them in its own way:

    raise ConfigError(f"{setting('stride')} has no effect with {setting('mode', 'streams')}")

In Python that reads "`stride` has no effect with mode='streams'", and in the terminal "--stride has no effect with --mode
streams". What a message marks also stands in `error.settings`, by name.
"""

import errno
import functools
import re
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

# Control characters, which no message has, around the four parts of a mark.
_MARK = re.compile("\x02(.*?)\x1f(.*?)\x1f(.*?)\x1f(.*?)\x03", re.DOTALL)
_PARTS = str.maketrans("", "", "\x02\x03\x1f")


class Setting(NamedTuple):
    """A setting that a message is about, perhaps with a value."""

    name: str
    python: str
    """What it is called in Python."""
    value: str
    """"" where none is named."""
    literal: str
    """The value as Python writes it."""


def setting(name: str, *value: Any, python: str | None = None) -> str:
    """The mark of a setting, with or without a value, in an error's message: `setting("top_p")`, `setting("mode", "streams")`.

    name: its option's, with `_` for `-`. python: what the setting is called in Python, where that is another name.
    """
    parts = (name, python or name, *((str(value[0]), repr(value[0])) if value else ("", "")))
    return "\x02" + "\x1f".join(part.translate(_PARTS) for part in parts) + "\x03"


def _in_python(one: Setting) -> str:
    return f"{one.python}={one.literal}" if one.literal else f"`{one.python}`"


class RecurraError(Exception):
    """The root: `except recurra.RecurraError` catches whatever Recurra raises on purpose."""

    @property
    def marked(self) -> str:
        """The message with its marks, to be made part of another one."""
        return super().__str__()

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that the message is about, in its order."""
        return tuple(Setting(*parts) for parts in _MARK.findall(self.marked))

    def written(self, write: Callable[[Setting], str]) -> str:
        """The message, with each setting as `write` writes it."""
        return _MARK.sub(lambda match: write(Setting(*match.groups())), self.marked)

    def __str__(self) -> str:
        return self.written(_in_python)


class ShapeError(RecurraError, ValueError, RuntimeError):
    """A tensor has the wrong number of dimensions or the wrong size; torch.nn raises a RuntimeError there."""


class DtypeError(RecurraError, TypeError, ValueError):
    """A tensor, or an argument, has the wrong type; torch.nn raises a ValueError there."""


class ConfigError(RecurraError, ValueError):
    """An option is invalid, contradicts another one, or has no effect."""


class CellError(RecurraError, TypeError):
    """A cell's class or its `step` does not follow the rules of cells."""


class TraceError(CellError):
    """A cell's `step` does something that does not compile; it still runs on the backend `equations`."""

    instead = ""
    """What to write in its place, where that is known."""


class BackendError(RecurraError, RuntimeError):
    """The requested backend cannot run this layer or this call."""


class CompileWarning(RuntimeWarning):
    """A kernel could not be compiled or kept, so something runs slower; the message says what, and the way out."""


class DataError(RecurraError, ValueError):
    """A text, a file or a corpus is not usable as it is."""


class VocabularyError(RecurraError, ValueError):
    """A symbol is not in the vocabulary, or a vocabulary does not fit.

    symbols: those that are not in it, the first one first; none where it is about something else.
    """

    def __init__(self, message: str, symbols: Iterable[str] = ()):
        super().__init__(message)
        self.symbols = tuple(symbols)


class RunError(RecurraError, RuntimeError):
    """A run's folder is damaged, was written by another program, or is not writable; or a training run cannot continue."""


class DivergenceError(RunError):
    """The loss of a training run stays infinite or NaN, at ever smaller learning rates too."""


class NotFittedError(RecurraError, ValueError, AttributeError):
    """An estimator is used before `fit`. Where scikit-learn is loaded, its NotFittedError catches it too."""


def not_fitted(message: str) -> NotFittedError:
    """The error to raise: of a class that is also scikit-learn's, where somebody can ask for that one."""
    exceptions = sys.modules.get("sklearn.exceptions")
    return _both(exceptions.NotFittedError)(message) if exceptions else NotFittedError(message)


@functools.cache
def _both(other: type) -> type:
    return type("NotFittedError", (NotFittedError, other), {"__doc__": NotFittedError.__doc__})


def nearest(word: Any, known: Iterable[str]) -> str:
    """`did you mean X?` where a known word is close, else the list of them: the end of an error's sentence."""
    known = [str(k) for k in known]
    close = get_close_matches(str(word), known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"expected one of: {', '.join(known)}"


_ADVICE = {
    (errno.ENOSPC, errno.EDQUOT): "Free some space, or choose a folder on another disk",
    (errno.EROFS,): "The disk can only be read: choose a folder on another one",
    (errno.EACCES, errno.EPERM): "You may not write there: change the folder's permissions, or choose another folder",
    (errno.ENOENT, errno.ENOTDIR, errno.ESTALE): "The folder is not there: it was deleted or moved, or never made",
    (errno.ENAMETOOLONG,): "Choose a shorter name",
    (errno.EFBIG,): "The file would be larger than the file system or `ulimit -f` allows",
    (errno.EIO,): "The disk reports a fault: check it, and choose a folder on another one",
    (errno.EMFILE, errno.ENFILE): "Too many files are open: close programs, or raise `ulimit -n`",
    (errno.ELOOP,): "A link stands where a file is expected: remove it",
}


def advice(error: OSError) -> str:
    """What to do about an error of the system, by its cause, as a sentence without its full stop."""
    return next((words for codes, words in _ADVICE.items() if error.errno in codes), "Choose another folder")
